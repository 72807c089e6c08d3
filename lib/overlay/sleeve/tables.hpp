// What the threads of sleeve's data path know of the world: immutable tables that the control thread swaps.
#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "overlay/forwarder.hpp"
#include "overlay/sleeve/forwarding.hpp"
#include "overlay/sleeve/packet.hpp"
#include "overlay/sleeve/trunk.hpp"
#include "overlay/topology.hpp"

namespace weave::overlay {

// What the threads share of one connection, and change.
struct SleeveTunnel {
  SleeveTunnel(PeerName self, PeerName peer, const Secret& key, bool initiator)
      : remote(peer), sealer(self, key, initiator), opener(key, initiator) {}
  const PeerName remote;
  SleeveSealer sealer;
  SleeveOpener opener;  // the receiving thread's
};

// The state of a connection that frames are sent by.
struct SleevePath {
  std::shared_ptr<SleeveTunnel> tunnel;
  std::optional<UdpAddress> remote;       // nothing: the peer hasn't shown it yet
  Ipv4 local;                             // to send from; 0: any
  uint16_t mtu = 65535;                   // the largest container packet, in bytes without Ethernet header
  uint16_t max_payload = kMaxUdpPayload;  // the largest UDP payload in one piece, in bytes
  bool fragments_pass = false;            // the underlay's do

  bool operator==(const SleevePath&) const = default;
};

struct SleeveTables {
  std::shared_ptr<const Topology> topology;        // never null
  std::unordered_map<PeerName, SleevePath> paths;  // by neighbour
  uint16_t bridge_mtu = 65535;                     // the largest packet that our bridge takes, without Ethernet header
  std::shared_ptr<const TrunkTable> trunk;         // null: the TAP is a port of the bridge, and sleeve decides itself
};

// A value that one thread replaces and others read. Readers keep what they have read last, and look at no more than a
// counter to see that it is still right.
template <class T>
class Published {
 public:
  explicit Published(std::shared_ptr<const T> value) : value_(std::move(value)) {}

  void set(std::shared_ptr<const T> value) {
    std::lock_guard lock(mutex_);
    value_.swap(value);
    generation_.fetch_add(1, std::memory_order_release);
  }

  // Belongs to one thread.
  class Reader {
   public:
    explicit Reader(const Published& published) : published_(published) { refresh(); }
    // The value stays valid until the next call.
    const T& refresh() {
      auto generation = published_.generation_.load(std::memory_order_acquire);
      if (!held_ || generation != seen_) {
        std::lock_guard lock(published_.mutex_);
        held_ = published_.value_;
        seen_ = published_.generation_.load(std::memory_order_relaxed);
      }
      return *held_;
    }

   private:
    const Published& published_;
    std::shared_ptr<const T> held_;
    uint64_t seen_ = 0;
  };

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const T> value_;
  std::atomic<uint64_t> generation_{0};
};

// What one thread counts; others may read meanwhile.
struct SleeveCounters {
  struct Flow {
    std::atomic<uint64_t> packets{0}, bytes{0};
    void add(size_t size, size_t count = 1) {
      // A single writer: no locked instruction is needed.
      packets.store(packets.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
      bytes.store(bytes.load(std::memory_order_relaxed) + size, std::memory_order_relaxed);
    }
  };
  Flow captured, injected;  // frames from and to the bridge; large ones count as what they are there
  Flow sent, received;      // UDP packets, with their payload's bytes
  Flow relayed;             // frames of other peers passed on
  std::atomic<uint64_t> drops[kDropKinds]{};

  void drop(Drop why, size_t count = 1) {
    auto& kind = drops[static_cast<size_t>(why)];
    kind.store(kind.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }
};

}  // namespace weave::overlay
