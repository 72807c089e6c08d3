#include "overlay/sleeve/packet.hpp"

#include <sodium.h>

namespace weave::overlay {

namespace {

constexpr uint64_t kDfBit = uint64_t{1} << 63;

using Nonce = std::array<uint8_t, crypto_secretbox_NONCEBYTES>;

Nonce nonce_of(bool by_initiator, uint64_t counter) {
  Nonce nonce{};
  if (by_initiator) nonce[0] = 0x80;
  for (size_t i = 0; i < 8; ++i) nonce[nonce.size() - 1 - i] = static_cast<uint8_t>(counter >> (8 * i));
  return nonce;
}

void put_name(Writer& out, PeerName name) {
  out.bytes(name.mac().bytes);
}

PeerName get_name(Reader& in) {
  PeerName name;
  for (uint8_t byte : in.bytes(kSleeveNameSize)) name.value = name.value << 8 | byte;
  return name;
}

}  // namespace

void append_record(Writer& out, PeerName source, PeerName destination, ByteView frame) {
  put_name(out, source);
  put_name(out, destination);
  out.u16(static_cast<uint16_t>(frame.size()));
  out.bytes(frame);
}

void put_record_header(std::span<uint8_t> out, PeerName source, PeerName destination, size_t frame_size) {
  auto source_bytes = source.mac().bytes, destination_bytes = destination.mac().bytes;
  std::copy(source_bytes.begin(), source_bytes.end(), out.begin());
  std::copy(destination_bytes.begin(), destination_bytes.end(), out.begin() + kSleeveNameSize);
  put_u16(out, 2 * kSleeveNameSize, static_cast<uint16_t>(frame_size));
}

std::optional<SleeveRecord> RecordReader::next() {
  if (claimed_ || garbage_ || in_.at_end()) return std::nullopt;
  if (in_.left() < kSleeveRecordHeader) {
    garbage_ = in_.left();
    return std::nullopt;
  }
  SleeveRecord record;
  record.source = get_name(in_);
  record.destination = get_name(in_);
  size_t size = in_.u16();
  if (size > in_.left()) {
    claimed_ = size;
    return std::nullopt;
  }
  record.frame = in_.bytes(size);
  return record;
}

std::string RecordReader::error() const {
  if (claimed_) return fmt::format("a frame of {} bytes in a packet with {} left", claimed_, in_.left());
  return garbage_ ? fmt::format("trailing garbage of {} bytes", garbage_) : std::string();
}

SleeveRecords decode_records(ByteView bytes) {
  SleeveRecords out;
  RecordReader in(bytes);
  while (auto record = in.next()) out.records.push_back(*record);
  out.error = in.error();
  return out;
}

std::optional<PeerName> sleeve_sender(ByteView packet) {
  Reader in(packet);
  auto name = get_name(in);
  return in.ok() ? std::optional(name) : std::nullopt;
}

bool ReplayWindow::add(Window& window, uint32_t offset) {
  auto& page = window[offset / kPageBits];
  if (!page) page = std::make_unique<Page>();
  auto& word = (*page)[offset % kPageBits / 64];
  auto bit = uint64_t{1} << (offset % 64);
  if (word & bit) return false;
  word |= bit;
  return true;
}

bool ReplayWindow::accept(uint64_t sequence) {
  uint64_t number = sequence >> kWindowBits;
  auto offset = static_cast<uint32_t>(sequence & ((uint64_t{1} << kWindowBits) - 1));
  if (number == current_number_) return add(current_, offset);
  if (number < current_number_) return number + 1 == current_number_ && add(previous_, offset);
  previous_ = number == current_number_ + 1 ? std::move(current_) : Window();
  current_ = Window();
  current_number_ = number;
  return add(current_, offset);
}

Bytes seal_sleeve(PeerName sender, ByteView records, uint64_t sequence, bool df, const Secret& key, bool initiator) {
  uint64_t counter = sequence | (df ? kDfBit : 0);
  Writer out;
  put_name(out, sender);
  out.u64(counter);
  auto packet = out.take();
  size_t start = packet.size();
  packet.resize(start + crypto_secretbox_MACBYTES + records.size());
  auto nonce = nonce_of(initiator, counter);
  crypto_secretbox_easy(packet.data() + start, records.data(), records.size(), nonce.data(), key.data());
  return packet;
}

void SleeveSealer::seal_in_place(std::span<uint8_t> packet, bool df) {
  auto name = self_.mac().bytes;
  std::copy(name.begin(), name.end(), packet.begin());
  if (key_.empty()) return;
  uint64_t counter = sent_[df].fetch_add(1, std::memory_order_relaxed) | (df ? kDfBit : 0);
  for (size_t i = 0; i < 8; ++i) packet[kSleeveNameSize + i] = static_cast<uint8_t>(counter >> (8 * (7 - i)));
  auto nonce = nonce_of(initiator_, counter);
  auto records = packet.subspan(kSleeveEncryptedHeader);
  crypto_secretbox_detached(records.data(), &packet[kSleeveEncryptedHeader - crypto_secretbox_MACBYTES], records.data(),
                            records.size(), nonce.data(), key_.data());
}

Bytes SleeveSealer::seal(ByteView records, bool df) {
  Bytes packet(header() + records.size());
  std::copy(records.begin(), records.end(), packet.begin() + static_cast<ptrdiff_t>(header()));
  seal_in_place(packet, df);
  return packet;
}

Result<std::optional<Bytes>> SleeveOpener::open(ByteView packet) {
  Bytes copy(packet.begin(), packet.end());
  auto opened = open_in_place(copy);
  if (!opened) return Refused(opened.error());
  if (!*opened) return std::nullopt;
  return Bytes((*opened)->begin(), (*opened)->end());
}

Result<std::optional<ByteView>> SleeveOpener::open_in_place(std::span<uint8_t> packet) {
  if (packet.size() < kSleeveNameSize) return Refused("UDP packet too short");
  if (key_.empty()) return ByteView(packet.subspan(kSleeveNameSize));
  Reader in(packet.subspan(kSleeveNameSize));
  if (in.left() < 8)
    return Refused(fmt::format("encrypted UDP packet too short; expected length >= 8, got {}", in.left()));
  uint64_t counter = in.u64();
  constexpr const char* refused = "UDP packet decryption failed";
  if (packet.size() < kSleeveEncryptedHeader) return Refused(refused);
  auto records = packet.subspan(kSleeveEncryptedHeader);
  auto nonce = nonce_of(!initiator_, counter);
  if (crypto_secretbox_open_detached(records.data(), records.data(),
                                     &packet[kSleeveEncryptedHeader - crypto_secretbox_MACBYTES], records.size(),
                                     nonce.data(), key_.data()) != 0)
    return Refused(refused);
  if (!seen_[counter >> 63].accept(counter & ~kDfBit)) return std::nullopt;
  return ByteView(records);
}

}  // namespace weave::overlay
