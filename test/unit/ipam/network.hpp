// A few allocators and the messages between them, which a test delivers by hand.
#pragma once
#include <deque>

#include "ipam/allocator.hpp"
#include "unit/ipam/wire_vectors.hpp"

namespace weave::ipam {

struct Message {
  PeerName from, to;  // to 0: a broadcast, whose content is the state when it is taken off the queue
  Bytes bytes;
};

// Peers 02:00:00:00:00:01 and on, called host1 and on.
class Network {
 public:
  explicit Network(const std::string& range, uint32_t quorum_of = 0, std::set<size_t> observers = {})
      : range_(cidr(range)), expected_(quorum_of), observers_(std::move(observers)) {}

  static PeerName name(size_t number) { return PeerName{0x020000000000 + number}; }

  Allocator& add(size_t number, std::vector<PeerName> seed = {}, const Persisted& stored = {}) {
    Config config{name(number), "host" + std::to_string(number), range_, range_, std::move(seed)};
    config.observer = observers_.contains(number);
    config.expected = expected_;
    config.uid = 0x1111111111111111 * number;
    Links links;
    links.unicast = [this, number](PeerName to, Bytes message) -> Result<void> {
      if (!peers_.contains(to) || away_.contains(to)) return Refused("unknown relay destination: " + to.str());
      queue.push_back({name(number), to, std::move(message)});
      return {};
    };
    links.broadcast = [this, number] { queue.push_back({name(number), {}, {}}); };
    links.reachable = [this](PeerName to) { return peers_.contains(to) && !away_.contains(to); };
    links.targets = [this] { return targets; };
    links.unix_time = [] { return 1600000000; };
    auto save = [this, number](std::span<const Change> list) {
      if (broken) throw Error("write: no space");
      for (const auto& one : list) {
        auto& table = stores[number][one.table];
        if (one.value)
          table[one.key] = *one.value;
        else
          table.erase(one.key);
      }
    };
    peers_[name(number)] = std::make_unique<Allocator>(config, stored, save, links);
    return *peers_[name(number)];
  }

  Allocator& at(size_t number) { return *peers_.at(name(number)); }
  void away(size_t number, bool is = true) {
    if (is)
      away_.insert(name(number));
    else
      away_.erase(name(number));
  }

  // Takes the first message off the queue; a broadcast gets its content.
  Message next() {
    auto message = queue.front();
    queue.pop_front();
    if (message.to == PeerName{}) message.bytes = peers_.at(message.from)->state().value_or(Bytes{});
    return message;
  }
  // The first refusal, or nothing.
  std::string deliver(const Message& message) {
    std::string refused;
    for (auto& [to, peer] : peers_) {
      if (to == message.from || away_.contains(to) || (message.to != PeerName{} && message.to != to)) continue;
      auto taken = message.to == PeerName{} ? peer->on_state(message.bytes, message.from)
                                            : peer->on_unicast(message.from, message.bytes);
      if (!taken && refused.empty()) refused = taken.error();
    }
    return refused;
  }
  // Until nobody has anything to say.
  std::string settle() {
    std::string refused;
    for (int i = 0; i < 10000 && !queue.empty(); ++i)
      if (auto why = deliver(next()); refused.empty()) refused = why;
    return refused;
  }
  void tick(std::chrono::seconds pass = std::chrono::seconds(5)) {
    now_ += pass;
    for (auto& [name, peer] : peers_)
      if (!away_.contains(name)) peer->tick(now_);
  }
  // What each tells the other as a connection comes up.
  std::string greet(size_t a, size_t b) {
    std::string refused;
    for (auto [from, to] : {std::pair(a, b), std::pair(b, a)})
      if (auto taken = at(to).on_state(*at(from).state(), std::nullopt); !taken) refused = taken.error();
    return refused;
  }

  std::deque<Message> queue;
  size_t targets = 0;
  bool broken = false;
  std::map<size_t, std::map<std::string, std::map<std::string, std::string>>> stores;  // of a peer: table, key, value

  // What a peer would find after a restart.
  Persisted stored(size_t number) {
    auto& store = stores[number];
    return load(Rows{[&](const std::string& table, const std::string& key) {
                       auto row = store[table].find(key);
                       return row == store[table].end() ? std::nullopt : std::optional(row->second);
                     },
                     [&](const std::string& table) {
                       return std::vector<std::pair<std::string, std::string>>(store[table].begin(),
                                                                               store[table].end());
                     },
                     "memory"});
  }

 private:
  Cidr range_;
  uint32_t expected_;
  std::set<size_t> observers_;
  std::set<PeerName> away_;
  std::map<PeerName, std::unique_ptr<Allocator>> peers_;
  Allocator::Time now_{};
};

}  // namespace weave::ipam
