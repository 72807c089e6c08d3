#include "overlay/sleeve/packer.hpp"

namespace weave::overlay {

Packer::Stream& Packer::stream(const SleevePath& path, bool df) {
  Stream* free = nullptr;
  for (auto& stream : streams_) {
    if (stream.path == &path && stream.df == df) return stream;
    if (!stream.path) free = &stream;
  }
  if (!free && streams_.size() < kMaxStreams) free = &streams_.emplace_back();
  if (!free) {
    free = &streams_[next_victim_++ % kMaxStreams];
    close(*free);
    send(*free);
    free->begin = free->open = 0;
  }
  free->path = &path;
  free->df = df;
  if (free->buffer.empty()) free->buffer.resize(kBufferSize);
  return *free;
}

std::span<uint8_t> Packer::add(const SleevePath& path, bool df, PeerName source, PeerName destination, size_t size) {
  size_t header = path.tunnel->sealer.header();
  size_t record = kSleeveRecordHeader + size;
  size_t limit = df ? path.max_payload : kMaxUdpPayload;
  if (header + record > limit) return {};
  auto& s = stream(path, df);
  // Joining must never be what makes the underlay fragment, nor make the batch too long.
  size_t joined = s.used + record;
  if (s.used > 0 &&
      (joined > path.max_payload || s.open - s.begin + joined > kMaxUdpPayload || s.open + joined > s.buffer.size()))
    close(s);
  if (s.used == 0) {
    if (s.count == kMaxBatch || s.open - s.begin + header + record > kMaxUdpPayload) send(s);
    if (s.open + header + record > s.buffer.size()) {
      send(s);
      s.begin = s.open = 0;
    }
    s.used = header;
  }
  auto room = std::span(s.buffer).subspan(s.open + s.used, record);
  put_record_header(room, source, destination, size);
  s.used += record;
  return room.subspan(kSleeveRecordHeader);
}

void Packer::close(Stream& s) {
  if (s.used == 0) return;
  s.path->tunnel->sealer.seal_in_place(std::span(s.buffer).subspan(s.open, s.used), s.df);
  size_t size = std::exchange(s.used, 0);
  // The kernel cuts by one size only, and what doesn't fit in one piece it doesn't cut at all.
  if (s.count > 0 && size > s.packet_size) send(s);
  if (s.count == 0) s.packet_size = size;
  s.open += size;
  ++s.count;
  if (size < s.packet_size || size > s.path->max_payload) send(s);
}

void Packer::send(Stream& s) {
  if (s.count == 0) return;
  // The open packet, if there is one, has been closed or lies behind.
  transmit_(*s.path, s.df, ByteView(s.buffer).subspan(s.begin, s.open - s.begin), s.packet_size);
  s.begin = s.open;
  s.count = 0;
}

void Packer::flush() {
  for (auto& s : streams_) {
    if (!s.path) continue;
    close(s);
    send(s);
    s.begin = s.open = 0;
    s.path = nullptr;
  }
}

}  // namespace weave::overlay
