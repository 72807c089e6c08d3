// Any bytes as what comes over the socket between router and DNS server, in both directions: whole or in pieces, the
// verdict and the table are the same, and what is accepted comes back unchanged from our own encoder.
#include <cstdlib>

#include "dns/feed.hpp"

using namespace weave;

namespace {

constexpr size_t kPiece = 7;

// As `push`, a few bytes at a time.
template <class Decoder, class See>
bool push_in_pieces(Decoder& decoder, ByteView bytes, See&& see) {
  for (size_t at = 0; at < bytes.size(); at += kPiece) {
    auto taken = decoder.push(bytes.subspan(at, std::min(kPiece, bytes.size() - at)));
    if (!taken) return false;
    see(taken);
  }
  return true;
}

void check_table(ByteView bytes) {
  dns::Table whole, pieces;
  bool accepted = static_cast<bool>(whole.push(bytes));
  if (push_in_pieces(pieces, bytes, [](const auto&) {}) != accepted) abort();
  if (!accepted) return;
  if (whole.ready() != pieces.ready()) abort();
  if (whole.index().size() != pieces.index().size()) abort();
  if (whole.index().size() > bytes.size()) abort();
}

void check_status(ByteView bytes) {
  dns::StatusDecoder whole, pieces;
  auto status = whole.push(bytes);
  std::optional<dns::Status> last;
  bool accepted = push_in_pieces(pieces, bytes, [&](const auto& taken) {
    if (*taken) last = *taken;
  });
  if (accepted != static_cast<bool>(status)) abort();
  if (!status) return;
  if (*status != last) abort();
  if (!last || last->upstreams.size() > 32) return;
  for (const auto& upstream : last->upstreams)
    if (upstream.size() > 255) return;
  if (dns::StatusDecoder().push(dns::StatusEncoder().encode(*last)).value() != last) abort();
}

// The payloads of the frames as the text of entries: most inputs get no further than the sequence otherwise.
void check_entries(ByteView bytes) {
  Reader reader(bytes);
  names::Entries entries;
  names::Index expected;
  while (reader.left() > 0 && entries.size() < 100) {
    names::Entry entry{.hostname = std::string(as_text(reader.bytes(std::min<size_t>(reader.u8(), reader.left())))),
                       .origin = {1 + reader.left() % 3},
                       .container = "c",
                       .address = {static_cast<uint32_t>(reader.left())}};
    expected.apply(entry);
    entries.push_back(entry);
  }
  dns::FeedEncoder encoder;
  dns::Table table;
  if (!table.push(encoder.snapshot(entries)) || !table.ready()) abort();
  if (table.index().size() != expected.size()) abort();
  for (const auto& entry : entries) {
    auto found = table.index().lookup(names::canonical(entry.hostname));
    auto wanted = expected.lookup(names::canonical(entry.hostname));
    if (!std::equal(found.begin(), found.end(), wanted.begin(), wanted.end())) abort();
    if (table.index().reverse(entry.address) != expected.reverse(entry.address)) abort();
  }
  if (!table.push(encoder.erased(entries)) || table.index().size() != 0) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ByteView bytes(data, size);
  check_table(bytes);
  check_status(bytes);
  check_entries(bytes);
  return 0;
}
