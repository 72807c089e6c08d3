// What waits for a busy connection. A channel has one box for gossip and one a source for broadcasts; more of the same
// is merged into its box, so a slow neighbour costs bounded memory and gets the newest state, not a backlog.
#pragma once
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "gossip/channel.hpp"
#include "mesh/envelope.hpp"

namespace weave::mesh {

using gossip::Gossip;

class Outbox {
 public:
  // `total` counts what all outboxes of a mesh hold; it must outlive them.
  explicit Outbox(size_t& total) : total_(total) {}
  ~Outbox() { total_ -= held_; }
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  void put_gossip(const std::string& channel, PeerName self, Gossip data);
  void put_broadcast(const std::string& channel, PeerName source, Gossip data);

  // The next message, gossip first; nothing when all boxes are empty. Messages longer than max_message are dropped.
  struct Message {
    std::string channel;
    Bytes bytes;  // tag and envelope
  };
  std::optional<Message> next();

  // Bytes of data that keeps its own, and boxes; more is dropped.
  static constexpr size_t kMaxHeld = 16 * 1024 * 1024;
  static constexpr size_t kMaxHeldByAll = 128 * 1024 * 1024;
  static constexpr size_t kMaxBoxes = 16 * 1024;
  size_t held() const { return held_; }
  bool empty() const { return boxes_.empty() && encoded_.empty(); }

 private:
  // Gossip sorts before broadcasts.
  using Key = std::tuple<Tag, std::string, PeerName>;
  void put(Key key, Gossip data);
  void account(size_t held, size_t released);

  std::map<Key, Gossip> boxes_;
  std::deque<Message> encoded_;  // the rest of a box that gave several messages
  size_t held_ = 0;
  size_t& total_;
};

}  // namespace weave::mesh
