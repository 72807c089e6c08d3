// Sleeve's UDP packets.
//
//      0            6              14          30
//     +------------+--------------+-----------+------------------
//     |   sender   | DF, sequence |  tag      | records              the middle two only with encryption
//     +------------+--------------+-----------+------------------
//
//     a record:  | source peer (6) | destination peer (6) | length (2) | Ethernet frame |
//
// The sender is the peer of the last hop, source and destination are those of the frame. With encryption, the tag and
// what follows are a NaCl secretbox of the records. Its nonce is: bit 7 of byte 0 set if the sender opened the TCP
// connection, then zeros, and the 8 bytes "DF, sequence" at the end. The top bit there tells two streams apart, each
// with its own count from 0: packets sent with the IP header's "don't fragment", and those without.
//
// Source: Weave Net 2.8.1, router/sleeve.go and router/frame_crypto.go.
#pragma once
#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "address/mac.hpp"
#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/secret.hpp"
#include "overlay/sleeve/frame.hpp"

namespace weave::overlay {

constexpr size_t kSleeveNameSize = 6;
constexpr size_t kSleeveRecordHeader = 14;
constexpr size_t kSleevePlainHeader = 6, kSleeveEncryptedHeader = 30;
constexpr size_t kMaxUdpPayload = 65507;

// What sleeve adds to a container's IP packet until it is an IP packet of the underlay, in bytes: IP and UDP header,
// sleeve's headers, the inner Ethernet header.
constexpr uint16_t sleeve_overhead(bool encrypted) {
  return encrypted ? 86 : 62;
}

struct SleeveRecord {
  PeerName source, destination;
  ByteView frame;  // from the destination MAC on, without checksum
};

void append_record(Writer& out, PeerName source, PeerName destination, ByteView frame);
// Writes a record's header to the first sleeve_record_header bytes of `out`.
void put_record_header(std::span<uint8_t> out, PeerName source, PeerName destination, size_t frame_size);

// Takes one record after the other from the contents of a packet.
class RecordReader {
 public:
  explicit RecordReader(ByteView bytes) : in_(bytes) {}
  // Nothing at the end, and when something is wrong; what came before stays valid. It points into the bytes.
  std::optional<SleeveRecord> next();
  // What is wrong, once next() has returned nothing; empty: nothing.
  std::string error() const;

 private:
  Reader in_;
  size_t claimed_ = 0;  // by a frame that isn't all there
  size_t garbage_ = 0;
};

// The records, and what is wrong behind them; the ones before stay valid. They point into `bytes`.
struct SleeveRecords {
  std::vector<SleeveRecord> records;
  std::string error;  // empty: nothing is wrong
};
SleeveRecords decode_records(ByteView bytes);

// The sender's name at the head of a packet; nothing when it is too short.
std::optional<PeerName> sleeve_sender(ByteView packet);

// Which sequence numbers have been seen. Those older than the window before the newest count as seen: a window is
// 2^20 numbers. Memory is taken for the neighbourhood of numbers that came.
class ReplayWindow {
 public:
  // True when the number is new, which it isn't any more afterwards.
  bool accept(uint64_t sequence);

 private:
  static constexpr uint64_t kWindowBits = 20;
  static constexpr size_t kPageBits = 4096;
  using Page = std::array<uint64_t, kPageBits / 64>;
  using Window = std::map<uint32_t, std::unique_ptr<Page>>;
  static bool add(Window& window, uint32_t offset);
  uint64_t current_number_ = 0;
  Window current_, previous_;
};

// The UDP payload of an encrypted packet with a given place in its stream: 0 <= `sequence` < 2^63.
Bytes seal_sleeve(PeerName sender, ByteView records, uint64_t sequence, bool df, const Secret& key, bool initiator);

// Builds packets of one connection. Several threads may do so at a time: each packet gets a number of its own.
class SleeveSealer {
 public:
  SleeveSealer(PeerName self, Secret key, bool initiator) : self_(self), key_(std::move(key)), initiator_(initiator) {}
  // What stands before the records, in bytes.
  size_t header() const { return key_.empty() ? kSleevePlainHeader : kSleeveEncryptedHeader; }
  // Completes a packet in place: its records stand behind header() bytes of room.
  void seal_in_place(std::span<uint8_t> packet, bool df);
  // The whole UDP payload. Without key it goes in clear.
  Bytes seal(ByteView records, bool df);

 private:
  PeerName self_;
  Secret key_;
  bool initiator_;
  std::atomic<uint64_t> sent_[2] = {0, 0};
};

// Opens packets of one connection.
class SleeveOpener {
 public:
  SleeveOpener(Secret key, bool initiator) : key_(std::move(key)), initiator_(initiator) {}
  // The records in a packet (sender's name included). Refuses, with Weave Net's words, what doesn't authenticate;
  // nothing when the packet has come before.
  Result<std::optional<Bytes>> open(ByteView packet);
  // The same without a copy: the answer lies within the packet.
  Result<std::optional<ByteView>> open_in_place(std::span<uint8_t> packet);

 private:
  Secret key_;
  bool initiator_;
  ReplayWindow seen_[2];
};

}  // namespace weave::overlay
