#include "overlay/sleeve_packet.hpp"

#include <sodium.h>

namespace weave::overlay {

namespace {

constexpr uint64_t df_bit = uint64_t{1} << 63;

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
  for (uint8_t byte : in.bytes(sleeve_name_size)) name.value = name.value << 8 | byte;
  return name;
}

}  // namespace

void append_record(Writer& out, PeerName source, PeerName destination, ByteView frame) {
  put_name(out, source);
  put_name(out, destination);
  out.u16(static_cast<uint16_t>(frame.size()));
  out.bytes(frame);
}

SleeveRecords decode_records(ByteView bytes) {
  SleeveRecords out;
  Reader in(bytes);
  while (in.left() >= sleeve_record_header) {
    SleeveRecord record;
    record.source = get_name(in);
    record.destination = get_name(in);
    size_t size = in.u16();
    if (size > in.left()) {
      out.error = fmt::format("a frame of {} bytes in a packet with {} left", size, in.left());
      return out;
    }
    record.frame = in.bytes(size);
    out.records.push_back(record);
  }
  if (!in.at_end()) out.error = fmt::format("trailing garbage of {} bytes", in.left());
  return out;
}

std::optional<PeerName> sleeve_sender(ByteView packet) {
  Reader in(packet);
  auto name = get_name(in);
  return in.ok() ? std::optional(name) : std::nullopt;
}

bool ReplayWindow::add(Window& window, uint32_t offset) {
  auto& page = window[offset / page_bits];
  if (!page) page = std::make_unique<Page>();
  auto& word = (*page)[offset % page_bits / 64];
  auto bit = uint64_t{1} << (offset % 64);
  if (word & bit) return false;
  word |= bit;
  return true;
}

bool ReplayWindow::accept(uint64_t sequence) {
  uint64_t number = sequence >> window_bits;
  auto offset = static_cast<uint32_t>(sequence & ((uint64_t{1} << window_bits) - 1));
  if (number == current_number_) return add(current_, offset);
  if (number < current_number_) return number + 1 == current_number_ && add(previous_, offset);
  previous_ = number == current_number_ + 1 ? std::move(current_) : Window();
  current_ = Window();
  current_number_ = number;
  return add(current_, offset);
}

Bytes seal_sleeve(PeerName sender, ByteView records, uint64_t sequence, bool df, const Secret& key, bool initiator) {
  uint64_t counter = sequence | (df ? df_bit : 0);
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

Bytes SleeveSealer::seal(ByteView records, bool df) {
  if (!key_.empty()) return seal_sleeve(self_, records, sent_[df]++, df, key_, initiator_);
  Writer out;
  put_name(out, self_);
  out.bytes(records);
  return out.take();
}

Result<std::optional<Bytes>> SleeveOpener::open(ByteView packet) {
  Reader in(packet);
  in.skip(sleeve_name_size);
  if (!in.ok()) return Refused("UDP packet too short");
  if (key_.empty()) return Bytes(in.rest().begin(), in.rest().end());
  if (in.left() < 8)
    return Refused(fmt::format("encrypted UDP packet too short; expected length >= 8, got {}", in.left()));
  uint64_t counter = in.u64();
  auto sealed = in.rest();
  constexpr const char* refused = "UDP packet decryption failed";
  if (sealed.size() < crypto_secretbox_MACBYTES) return Refused(refused);
  Bytes records(sealed.size() - crypto_secretbox_MACBYTES);
  auto nonce = nonce_of(!initiator_, counter);
  if (crypto_secretbox_open_easy(records.data(), sealed.data(), sealed.size(), nonce.data(), key_.data()) != 0)
    return Refused(refused);
  if (!seen_[counter >> 63].accept(counter & ~df_bit)) return std::nullopt;
  return std::optional(std::move(records));
}

}  // namespace weave::overlay
