#include "dns/feed.hpp"

namespace weave::dns {

namespace {

enum FrameType : uint8_t { kFrameBegin = 1, kFramePut = 2, kFrameErase = 3, kFrameEnd = 4, kFrameStatus = 16 };
constexpr size_t kFrameHead = 9;  // type and sequence

void text(Writer& writer, std::string_view value) {
  writer.u16(static_cast<uint16_t>(value.size()));
  writer.text(value);
}

std::string text(Reader& reader) {
  return std::string(as_text(reader.bytes(reader.u16())));
}

void frame(Writer& out, uint8_t type, uint64_t sequence, ByteView payload) {
  out.u32(static_cast<uint32_t>(kFrameHead + payload.size()));
  out.u8(type);
  out.u64(sequence);
  out.bytes(payload);
}

}  // namespace

void FeedEncoder::entry(Writer& out, uint8_t type, const names::Entry& entry) {
  // The table has no use for names that can't be asked for; gossip bounds the rest.
  if (entry.hostname.size() > UINT16_MAX || entry.container.size() > UINT16_MAX) return;
  Writer payload;
  text(payload, entry.hostname);
  payload.u64(entry.origin.value);
  text(payload, entry.container);
  payload.u32(entry.address.value);
  payload.u8(entry.by_hand ? 1 : 0);
  frame(out, type, ++sequence_, payload.out());
}

Bytes FeedEncoder::snapshot(const names::Entries& entries) {
  Writer out;
  frame(out, kFrameBegin, ++sequence_, {});
  for (const auto& e : entries)
    if (e.live()) entry(out, kFramePut, e);
  frame(out, kFrameEnd, ++sequence_, {});
  return out.take();
}

Bytes FeedEncoder::changes(const names::Entries& entries) {
  Writer out;
  for (const auto& e : entries) entry(out, e.live() ? kFramePut : kFrameErase, e);
  return out.take();
}

Bytes FeedEncoder::erased(const names::Entries& entries) {
  Writer out;
  for (const auto& e : entries) entry(out, kFrameErase, e);
  return out.take();
}

Result<std::vector<FrameReader::Frame>> FrameReader::push(ByteView bytes) {
  pending_.insert(pending_.end(), bytes.begin(), bytes.end());
  std::vector<Frame> frames;
  Reader reader(pending_);
  size_t used = 0;
  while (reader.left() >= 4) {
    auto length = reader.u32();
    if (length < kFrameHead || length > kMaxFrame) return Refused(fmt::format("frame of {} bytes", length));
    if (reader.left() < length) break;
    auto type = reader.u8();
    auto sequence = reader.u64();
    if (sequence != sequence_ + 1) return Refused(fmt::format("frame {} follows frame {}", sequence, sequence_));
    sequence_ = sequence;
    auto payload = reader.bytes(length - kFrameHead);
    frames.push_back({type, Bytes(payload.begin(), payload.end())});
    used = reader.position();
  }
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<ptrdiff_t>(used));
  return frames;
}

Result<void> Table::push(ByteView bytes) {
  auto frames = frames_.push(bytes);
  if (!frames) return Refused(frames.error());
  for (const auto& frame : *frames) {
    switch (frame.type) {
      case kFrameBegin:
        incoming_.clear();
        in_snapshot_ = true;
        break;
      case kFrameEnd:
        if (!in_snapshot_) return Refused("a snapshot ends that hasn't begun");
        index_ = std::move(incoming_);
        incoming_.clear();
        in_snapshot_ = false;
        ready_ = true;
        break;
      case kFramePut:
      case kFrameErase: {
        Reader reader(frame.payload);
        names::Entry entry;
        entry.hostname = text(reader);
        entry.origin.value = reader.u64();
        entry.container = text(reader);
        entry.address.value = reader.u32();
        entry.by_hand = reader.u8() != 0;
        if (!reader.ok()) return Refused("an entry is cut");
        auto& index = in_snapshot_ ? incoming_ : index_;
        frame.type == kFramePut ? index.apply(entry) : index.erase(entry);
        break;
      }
      default:
        return Refused(fmt::format("unknown frame type {}", frame.type));
    }
  }
  return {};
}

Bytes StatusEncoder::encode(const Status& status) {
  Writer payload, out;
  for (auto value : {status.answered, status.forwarded, status.refused, status.dropped, status.failed})
    payload.u64(value);
  // Only so many that the frame stays small; resolvers use three.
  auto count = std::min<size_t>(status.upstreams.size(), 32);
  payload.u16(static_cast<uint16_t>(count));
  for (size_t i = 0; i < count; ++i) text(payload, std::string_view(status.upstreams[i]).substr(0, 255));
  frame(out, kFrameStatus, ++sequence_, payload.out());
  return out.take();
}

Result<std::optional<Status>> StatusDecoder::push(ByteView bytes) {
  auto frames = frames_.push(bytes);
  if (!frames) return Refused(frames.error());
  std::optional<Status> last;
  for (const auto& frame : *frames) {
    if (frame.type != kFrameStatus) return Refused(fmt::format("unknown frame type {}", frame.type));
    Reader reader(frame.payload);
    Status status;
    for (auto* value : {&status.answered, &status.forwarded, &status.refused, &status.dropped, &status.failed})
      *value = reader.u64();
    for (auto count = reader.u16(); count > 0 && reader.ok(); --count) status.upstreams.push_back(text(reader));
    if (!reader.ok()) return Refused("a status is cut");
    last = std::move(status);
  }
  return last;
}

}  // namespace weave::dns
