#include "overlay/sleeve/segment.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "unit/overlay/frames.hpp"

using namespace weave;
using namespace weave::overlay;
using test::Tcp;

namespace {

// What a container's kernel hands over for a TCP stream: one frame, checksum left to be done.
Bytes uncut(const Tcp& what) {
  return test::tcp_frame(what);
}

VnetHeader to_cut(const Tcp& what, uint16_t size) {
  return {.flags = VnetHeader::kNeedsChecksum,
          .gso_type = what.v6 ? VnetHeader::kTcp6 : VnetHeader::kTcp4,
          .header_size = static_cast<uint16_t>(what.v6 ? 86 : 66),
          .gso_size = size,
          .csum_start = static_cast<uint16_t>(what.v6 ? 54 : 34),
          .csum_offset = 16};
}

std::vector<Bytes> cut(const VnetHeader& header, Bytes frame) {
  auto segments = Segments::of(header, frame);
  REQUIRE(segments);
  std::vector<Bytes> out;
  for (size_t i = 0; i < segments->count(); ++i) {
    out.emplace_back(segments->size(i));
    CHECK(out[i].size() <= out[0].size());
    segments->write(i, out[i]);
  }
  return out;
}

struct Written {
  VnetHeader header;
  Bytes frame;
};

std::vector<Written> merge(const std::vector<Bytes>& frames) {
  std::vector<Written> out;
  TcpMerger merger([&](const VnetHeader& header, ByteView frame) {
    out.push_back({header, Bytes(frame.begin(), frame.end())});
  });
  for (const auto& frame : frames) merger.add(frame);
  merger.flush();
  return out;
}

}  // namespace

TEST_CASE("a large TCP frame is cut into the segments that its sender would have made") {
  bool v6 = GENERATE(false, true);
  // FIN, PSH, ACK and CWR
  Tcp what{.data = 3000, .sequence = 0xfffffc00, .flags = 0x99, .id = 0xffff, .v6 = v6};
  auto pieces = cut(to_cut(what, 1348), uncut(what));
  REQUIRE(pieces.size() == 3);
  const uint8_t flags[] = {0x90, 0x10, 0x19};  // CWR on the first, FIN and PSH on the last
  for (size_t i = 0; i < 3; ++i) {
    INFO(i);
    CHECK(pieces[i] == test::tcp_frame({.data = i < 2 ? 1348u : 304u,
                                        .sequence = static_cast<uint32_t>(what.sequence + i * 1348),
                                        .flags = flags[i],
                                        .id = static_cast<uint16_t>(what.id + i),
                                        .v6 = v6}));
    CHECK(test::tcp_checksum_right(pieces[i], v6));
    if (!v6) CHECK(test::ip_checksum_right(pieces[i]));
  }
}

TEST_CASE("a frame that only lacks a checksum gets it") {
  auto whole = test::tcp_frame({.data = 77});
  auto frame = whole;
  // As the kernel leaves it: the pseudo header's sum stands in the field.
  put_u16(frame, 50, static_cast<uint16_t>(test::plain_sum(ByteView(frame).subspan(26, 8), 6 + 32 + 77)));
  auto pieces = cut({.flags = VnetHeader::kNeedsChecksum, .csum_start = 34, .csum_offset = 16}, frame);
  REQUIRE(pieces.size() == 1);
  CHECK(pieces[0] == whole);
}

TEST_CASE("frames with inconsistent headers are not cut") {
  Tcp what{.data = 3000};
  auto good = to_cut(what, 1000);
  auto refused = [&](const VnetHeader& header, Bytes frame) { return !Segments::of(header, frame); };
  auto frame = uncut(what);
  REQUIRE_FALSE(refused(good, frame));
  auto header = good;
  header.gso_size = 0;
  CHECK(refused(header, frame));
  header = good;
  header.gso_type = 3;  // UDP
  CHECK(refused(header, frame));
  header.gso_type = VnetHeader::kTcp6;
  CHECK(refused(header, frame));
  for (size_t size : {0u, 13u, 20u, 40u, 65u, 66u}) {
    INFO(size);
    CHECK(refused(good, Bytes(frame.begin(), frame.begin() + static_cast<ptrdiff_t>(size))));
  }
  auto bad = frame;
  bad[46] = 0x10;  // TCP's header of 4 bytes
  CHECK(refused(good, bad));
  bad = frame;
  bad[23] = 17;
  CHECK(refused(good, bad));
  CHECK(refused({.flags = VnetHeader::kNeedsChecksum, .csum_start = 3000, .csum_offset = 100}, frame));
  CHECK(refused({.flags = VnetHeader::kNeedsChecksum, .csum_start = 65535, .csum_offset = 65535}, frame));
}

TEST_CASE("tagged frames are cut as untagged ones") {
  Tcp what{.data = 2000};
  auto frame = uncut(what);
  const uint8_t tag[] = {0x81, 0x00, 0x00, 0x05};
  frame.insert(frame.begin() + 12, tag, tag + 4);
  auto header = to_cut(what, 1000);
  header.csum_start += 4;
  auto pieces = cut(header, frame);
  REQUIRE(pieces.size() == 2);
  pieces[1].erase(pieces[1].begin() + 12, pieces[1].begin() + 16);
  CHECK(pieces[1] == test::tcp_frame({.data = 1000, .sequence = 2000, .id = 8}));
}

TEST_CASE("consecutive segments are joined, and cutting gives the same segments again") {
  bool v6 = GENERATE(false, true);
  bool df = GENERATE(false, true);
  Tcp what{.data = 30000, .flags = 0x18, .df = df, .v6 = v6};
  auto pieces = cut(to_cut(what, 1348), uncut(what));
  REQUIRE(pieces.size() == 23);
  auto written = merge(pieces);
  REQUIRE(written.size() == 1);
  CHECK(written[0].header.gso_size == 1348);
  CHECK(written[0].header.flags == VnetHeader::kNeedsChecksum);
  CHECK(cut(written[0].header, written[0].frame) == pieces);
}

TEST_CASE("joined segments stay within the size of an IP packet") {
  std::vector<Bytes> pieces;
  for (uint32_t i = 0; i < 100; ++i)
    pieces.push_back(test::tcp_frame({.data = 1348, .sequence = i * 1348, .id = static_cast<uint16_t>(i)}));
  auto written = merge(pieces);
  REQUIRE(written.size() == 3);
  for (const auto& one : written) CHECK(one.frame.size() <= 65535 + 14);
}

TEST_CASE("segments that are not consecutive are not joined, and none is lost or reordered") {
  Tcp first{.data = 1000, .sequence = 1000};
  Tcp second{.data = 1000, .sequence = 2000, .id = 8};
  auto count = [](const Tcp& a, const Tcp& b) { return merge({test::tcp_frame(a), test::tcp_frame(b)}).size(); };
  CHECK(count(first, second) == 1);
  auto changed = [&](auto change) {
    auto other = second;
    change(other);
    return count(first, other);
  };
  CHECK(changed([](Tcp& t) { t.sequence = 2001; }) == 2);
  CHECK(changed([](Tcp& t) { t.port = 1; }) == 2);
  CHECK(changed([](Tcp& t) { t.data = 1001; }) == 2);
  CHECK(changed([](Tcp& t) { t.flags = 0x11; }) == 2);  // FIN
  CHECK(changed([](Tcp& t) { t.flags = 0x50; }) == 2);  // ECE
  CHECK(changed([](Tcp& t) { t.to.bytes[5] = 9; }) == 2);
  CHECK(changed([](Tcp& t) { t.df = false; }) == 2);
  CHECK(changed([](Tcp& t) { t.v6 = true; }) == 2);
  CHECK(changed([](Tcp& t) { t.data = 10; }) == 1);
  first.flags = 0x18;  // after PSH nothing follows
  CHECK(count(first, second) == 2);
  first = {.data = 1000, .sequence = 1000, .df = false};
  second.df = false;
  CHECK(count(first, second) == 1);
  second.id = 9;  // the kernel would count on from the first id
  CHECK(count(first, second) == 2);
}

TEST_CASE("damaged segments pass unchanged") {
  auto frame = test::tcp_frame({.data = 1000, .sequence = 2000, .id = 8});
  frame.back() ^= 1;
  auto written = merge({test::tcp_frame({.data = 1000}), frame, test::tcp_frame({.data = 1000, .sequence = 3000})});
  REQUIRE(written.size() == 3);
  CHECK(written[1].frame == frame);
  CHECK(written[1].header.flags == 0);
  CHECK(written[0].header.flags == VnetHeader::kChecksumValid);
}

TEST_CASE("padding behind a packet isn't taken for data") {
  auto padded = test::tcp_frame({.data = 4});
  padded.resize(padded.size() + 20);
  auto written = merge({padded, test::tcp_frame({.data = 4, .sequence = 1004})});
  REQUIRE(written.size() == 1);
  CHECK(written[0].frame.size() == 66 + 8);
}

TEST_CASE("mixed streams come out as they went in") {
  std::mt19937 random(7);
  std::vector<Bytes> in, out;
  uint32_t sequence[3] = {5, 6, 7};
  for (int i = 0; i < 2000; ++i) {
    uint16_t stream = random() % 3;
    size_t data = random() % 4 ? 1000 : random() % 1400;
    in.push_back(test::tcp_frame({.data = data,
                                  .sequence = sequence[stream],
                                  .flags = static_cast<uint8_t>(random() % 8 ? 0x10 : 0x18),
                                  .id = static_cast<uint16_t>(sequence[stream] / 1000),
                                  .port = stream,
                                  .v6 = stream == 2}));
    sequence[stream] += static_cast<uint32_t>(data);
  }
  for (const auto& one : merge(in)) {
    auto pieces = one.header.gso_type ? cut(one.header, one.frame) : std::vector<Bytes>{one.frame};
    out.insert(out.end(), pieces.begin(), pieces.end());
  }
  REQUIRE(out.size() == in.size());
  // Ids of joined packets that mustn't be fragmented may differ: they mean nothing.
  for (size_t i = 0; i < in.size(); ++i) {
    if (in[i][12] == 0x08) std::copy_n(&in[i][18], 2, &out[i][18]);
    if (in[i][12] == 0x08) std::copy_n(&in[i][24], 2, &out[i][24]);
    CHECK(out[i] == in[i]);
  }
}
