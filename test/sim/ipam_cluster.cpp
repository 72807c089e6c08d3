#include "sim/ipam_cluster.hpp"

#include <fmt/format.h>

#include <cstdlib>

#include "base/log.hpp"

namespace weave::sim {

using namespace std::chrono_literals;

int runs_or(int given) {
  const char* text = std::getenv("WEAVE_SIM_RUNS");
  return text ? given * std::atoi(text) : given;
}

IpamCluster::IpamCluster(IpamSettings settings)
    : settings_(std::move(settings)), random_(settings_.seed), range_(Cidr::parse(settings_.range).value()) {
  // Refusals and failed writes are what this is about.
  static bool quiet = (log::set_level(log::Level::kError), true);
  (void)quiet;
  nodes_.resize(settings_.peers);
  side_.assign(size(), 0);
  for (size_t i = 0; i < size(); ++i) nodes_[i].name = PeerName{0x020000000001 + i};
  for (size_t i = 0; i < size(); ++i) start(i);
}

void IpamCluster::wrong(const std::string& what) {
  throw Wrong(fmt::format("at {} s: {}", std::chrono::duration<double>(now_.time_since_epoch()).count(), what));
}

size_t IpamCluster::index(PeerName name) const {
  return static_cast<size_t>(name.value - 0x020000000001);
}

bool IpamCluster::reachable(size_t from, size_t to) const {
  return from < size() && to < size() && alive(from) && alive(to) && side_[from] == side_[to];
}

void IpamCluster::run(Duration length) {
  auto end = now_ + length;
  while (!events_.empty() && events_.top().at <= end) {
    auto event = events_.top();
    events_.pop();
    now_ = std::max(now_, event.at);
    ++done_;
    event.run();
  }
  now_ = end;
}

// -- The life of a peer.

void IpamCluster::start(size_t peer) {
  auto& node = nodes_[peer];
  auto generation = ++node.generation;
  node.waits.clear();
  ipam::Config config;
  config.self = node.name;
  config.nickname = fmt::format("host{}", peer);
  config.range = config.default_subnet = range_;
  config.observer = peer >= size() - settings_.observers;
  config.expected = static_cast<uint32_t>(size() - settings_.observers);
  config.uid = random_();
  config.random = [this] { return random_(); };
  if (settings_.by_seed)
    for (const auto& one : nodes_) config.seed.push_back(one.name);
  ipam::Rows rows;
  rows.get = [&node](const std::string& table, const std::string& key) {
    auto row = node.disk.find({table, key});
    return row == node.disk.end() ? std::nullopt : std::optional(row->second);
  };
  rows.all = [&node](const std::string& table) {
    std::vector<std::pair<std::string, std::string>> list;
    for (const auto& [at, value] : node.disk)
      if (at.first == table) list.emplace_back(at.second, value);
    return list;
  };
  auto save = [this, peer](std::span<const Change> changes) {
    auto& self = nodes_[peer];
    bool crashes = !calm_ && std::uniform_real_distribution<>()(random_) < settings_.crash;
    if (crashes && random_() % 2) throw Crash{};
    if (!calm_ && std::uniform_real_distribution<>()(random_) < settings_.full) throw Error("write: no space");
    for (const auto& change : changes) {
      if (change.value)
        self.disk[{change.table, change.key}] = *change.value;
      else
        self.disk.erase({change.table, change.key});
    }
    if (crashes) throw Crash{};
  };
  ipam::Links links;
  links.unicast = [this, peer](PeerName to, Bytes message) -> Result<void> {
    if (!reachable(peer, index(to))) return Refused("unknown relay destination: " + to.str());
    deliver(peer, index(to),
            [this, to, from = nodes_[peer].name, message = std::move(message)](ipam::Allocator& receiver) {
              if (message.at(0) == static_cast<uint8_t>(ipam::Tag::kRingUpdate))
                check_harmless(index(to), ByteView(message).subspan(1));
              return receiver.on_unicast(from, message);
            });
    return {};
  };
  links.broadcast = [this, peer] { broadcast(peer); };
  links.reachable = [this, peer](PeerName to) { return reachable(peer, index(to)); };
  links.targets = [this] { return size() - 1; };
  links.unix_time = [] { return 1600000000; };
  try {
    node.allocator = std::make_unique<ipam::Allocator>(config, ipam::load(rows), save, links);
  } catch (const Crash&) {
    ++crashes_;
    return after(1s, [this, peer] { restart(peer); });
  } catch (const Error&) {  // the store failed at the start
    return after(1s, [this, peer] { restart(peer); });
  }
  after(std::chrono::milliseconds(random_() % 5000), [=, this] { tick(peer, generation); });
  after(std::chrono::milliseconds(random_() % 30000), [=, this] { gossip(peer, generation); });
  for (size_t other = 0; other < size(); ++other) greet(peer, other);
}

void IpamCluster::tick(size_t peer, uint64_t generation) {
  if (nodes_[peer].generation != generation || !alive(peer)) return;
  after(5s, [=, this] { tick(peer, generation); });
  call(peer, [this](ipam::Allocator& allocator) { allocator.tick(now_); });
}

void IpamCluster::gossip(size_t peer, uint64_t generation) {
  if (nodes_[peer].generation != generation || !alive(peer)) return;
  after(30s, [=, this] { gossip(peer, generation); });
  for (int i = 0; i < 2; ++i) {
    auto other = pick(size());
    auto state = nodes_[peer].allocator->state();
    if (other == peer || !state || !reachable(peer, other)) continue;
    deliver(peer, other, [=, this](ipam::Allocator& receiver) {
      check_harmless(other, *state);
      return receiver.on_state(*state, std::nullopt);
    });
  }
}

// A connection comes up: both say all they know.
void IpamCluster::greet(size_t a, size_t b) {
  if (a == b || !reachable(a, b)) return;
  for (auto [from, to] : {std::pair(a, b), std::pair(b, a)})
    if (auto state = nodes_[from].allocator->state())
      deliver(from, to, [this, state, to = to](ipam::Allocator& receiver) {
        check_harmless(to, *state);
        return receiver.on_state(*state, std::nullopt);
      });
}

void IpamCluster::broadcast(size_t peer) {
  auto name = nodes_[peer].name;
  // Encoded when it is sent, a moment later.
  after(std::chrono::microseconds(random_() % 2000), [=, this, generation = nodes_[peer].generation] {
    if (!alive(peer) || nodes_[peer].generation != generation) return;
    auto state = nodes_[peer].allocator->state();
    if (!state) return;
    auto relay = pick(size());
    bool passes_on = relay != peer && reachable(peer, relay);
    for (size_t to = 0; to < size(); ++to) {
      if (to == peer || !reachable(peer, to)) continue;
      bool behind = passes_on && to != relay && (random_() & 1);
      if (behind) continue;
      deliver(peer, to, [=, this](ipam::Allocator& receiver) -> Result<void> {
        check_harmless(to, *state);
        auto taken = receiver.on_state(*state, name);
        if (to != relay || !taken) return taken;
        // Those behind it get its state under the name of the source.
        for (size_t far = 0; far < size(); ++far) {
          auto own = receiver.state();
          if (far == relay || far == peer || !own || !reachable(relay, far)) continue;
          deliver(relay, far, [own, name](ipam::Allocator& last) { return last.on_state(*own, name); });
        }
        return taken;
      });
    }
  });
}

void IpamCluster::deliver(size_t from, size_t to, std::function<Result<void>(ipam::Allocator&)> take) {
  ++messages_;
  auto& arrival = arrival_[{from, to}];
  arrival = std::max(arrival, now_ + delay());
  events_.push({arrival, order_++,
                [=, this, sent = nodes_[from].generation, generation = nodes_[to].generation, take = std::move(take)] {
                  if (!reachable(from, to) || nodes_[to].generation != generation || nodes_[from].generation != sent)
                    return;
                  call(to, [&](ipam::Allocator& receiver) {
                    if (auto taken = take(receiver); !taken)
                      wrong(fmt::format("{} closes the connection to {}: {}", to, from, taken.error()));
                  });
                  if (!nodes_[from].removed) nodes_[to].informed = true;
                }});
}

void IpamCluster::call(size_t peer, const std::function<void(ipam::Allocator&)>& what) {
  if (!alive(peer)) return;
  try {
    what(*nodes_[peer].allocator);
  } catch (const Crash&) {
    ++crashes_;
    crash(peer);
    return after(std::chrono::milliseconds(random_() % 20000), [this, peer] { restart(peer); });
  } catch (const Error&) {  // the store is full; the caller is told
  }
  take_answers(peer);
  check(peer);
}

void IpamCluster::take_answers(size_t peer) {
  auto& node = nodes_[peer];
  for (auto& one : node.allocator->take()) {
    auto waits = node.waits.extract(one.ticket);
    if (waits.empty() || !one.answer) continue;
    given(peer, waits.mapped().first, one.answer->address);
  }
}

// -- Users.

void IpamCluster::allocate(size_t peer, const std::string& ident, Cidr subnet) {
  if (!alive(peer) || !nodes_[peer].informed || nodes_[peer].gone) return;
  containers_[peer].insert(ident);
  call(peer, [&](ipam::Allocator& allocator) {
    auto ticket = allocator.ask_allocate(ident, subnet, true);
    nodes_[peer].waits[ticket] = {ident, subnet.str()};
  });
}

void IpamCluster::claim(size_t peer, const std::string& ident, Cidr cidr) {
  if (!alive(peer) || !nodes_[peer].informed || nodes_[peer].gone) return;
  containers_[peer].insert(ident);
  call(peer, [&](ipam::Allocator& allocator) {
    auto ticket = allocator.ask_claim(ident, cidr, true);
    nodes_[peer].waits[ticket] = {ident, cidr.str()};
  });
}

void IpamCluster::release(size_t peer, const std::string& ident) {
  if (!alive(peer)) return;
  for (auto at = held_.begin(); at != held_.end();) {
    at->second.erase({peer, ident});
    if (at->second.size() < 2) duplicates_.erase(at->first);
    at = at->second.empty() ? held_.erase(at) : std::next(at);
  }
  containers_[peer].erase(ident);
  call(peer, [&](ipam::Allocator& allocator) {
    allocator.container_died(ident, now_);
    allocator.container_destroyed(ident);
  });
}

void IpamCluster::given(size_t peer, const std::string& ident, Ipv4 address) {
  ++answers_;
  auto& holders = held_[address];
  for (const auto& [other, other_ident] : holders) {
    if (other == peer && other_ident == ident) continue;
    if (!contested_ || other == peer)
      wrong(
          fmt::format("{} is given to {} at {}, but {} has it at {}", address.str(), ident, peer, other_ident, other));
    duplicates_.insert(address);
  }
  holders.insert({peer, ident});
}

void IpamCluster::take_over(size_t peer, size_t dead, bool contested, bool force) {
  if (!alive(peer) || peer == dead || !nodes_[peer].informed || nodes_[peer].gone) return;
  if (contested) contested_ = true;
  bool refused = false;
  call(peer, [&](ipam::Allocator& allocator) { refused = !allocator.takeover(name(dead).str(), force); });
  if (!refused) {
    nodes_[dead].removed = true;
    nodes_[dead].informed = false;
  }
}

void IpamCluster::leave(size_t peer) {
  if (!alive(peer) || nodes_[peer].gone) return;
  forget_containers(peer);
  nodes_[peer].gone = true;
  call(peer, [&](ipam::Allocator& allocator) {
    allocator.leave([&](PeerName other) { return reachable(peer, index(other)) && !nodes_[index(other)].gone; });
  });
  // As the command does: a moment for the broadcast, then all is deleted.
  after(500ms, [this, peer] {
    if (!alive(peer)) return;
    crash(peer);
    nodes_[peer].disk.clear();
  });
}

void IpamCluster::forget_containers(size_t peer) {
  auto idents = containers_[peer];
  for (auto at = held_.begin(); at != held_.end();) {
    std::erase_if(at->second, [&](const auto& holder) { return holder.first == peer; });
    if (at->second.size() < 2) duplicates_.erase(at->first);
    at = at->second.empty() ? held_.erase(at) : std::next(at);
  }
  containers_.erase(peer);
}

// -- Faults.

void IpamCluster::crash(size_t peer) {
  ++nodes_[peer].generation;
  nodes_[peer].allocator.reset();
}

void IpamCluster::restart(size_t peer) {
  auto& node = nodes_[peer];
  if (alive(peer) || node.gone) return;
  // Whoever hasn't heard that it was removed will deal with it as ever.
  if (node.removed)
    for (size_t i = 0; i < size(); ++i)
      if (i != peer && !nodes_[i].gone && (!alive(i) || !nodes_[i].allocator->ring().owned(node.name).empty()))
        contested_ = true;
  start(peer);
  if (!alive(peer)) return;
  // Containers that the user was never told about, or that are gone, are found out.
  call(peer, [&](ipam::Allocator& allocator) { allocator.reconcile(containers_[peer], containers_[peer], now_); });
}

void IpamCluster::destroy(size_t peer) {
  crash(peer);
  forget_containers(peer);
}

void IpamCluster::partition(std::vector<int> side) {
  auto before = std::exchange(side_, std::move(side));
  for (size_t a = 0; a < size(); ++a)
    for (size_t b = a + 1; b < size(); ++b)
      if (before[a] != before[b]) greet(a, b);
}

// -- Checks.

void IpamCluster::check(size_t peer) {
  if (!alive(peer)) return;
  const auto& node = nodes_[peer];
  const auto& self = *node.allocator;
  if (auto sound = self.ring().check(); !sound) wrong(fmt::format("ring of {}: {}", peer, sound.error()));
  ipam::RangeSet owned;
  for (auto range : self.ring().owned(node.name)) owned.add(range);
  if (owned != self.space().owned()) wrong(fmt::format("{} serves other ranges than it owns", peer));
  // What it has told its containers, it still has.
  for (const auto& [address, holders] : held_)
    for (const auto& [holder, ident] : holders)
      if (holder == peer && self.holder(address) != ident)
        wrong(fmt::format("{} has forgotten that {} has {}", peer, ident, address.str()));
  bool excused = node.removed || contested_ || node.gone;
  if (!excused)
    if (auto lost = self.space().stranded(1); !lost.empty())
      wrong(fmt::format("{} gave away {}, which is in use", peer, lost.front().str()));
  // Free addresses are free for one peer only.
  if (contested_ || node.removed) return;
  for (size_t other = 0; other < size(); ++other) {
    if (other == peer || !alive(other) || nodes_[other].removed) continue;
    for (auto range : nodes_[other].allocator->space().owned().runs())
      if (owned.size(range) != 0)
        wrong(fmt::format("{} and {} both own something of {}", peer, other, range.start.str()));
  }
}

void IpamCluster::check_harmless(size_t to, ByteView bytes) {
  const auto& node = nodes_[to];
  if (contested_ || node.removed || node.gone || !node.allocator) return;
  auto state = ipam::decode_state(bytes);
  if (!state) wrong("an unreadable state: " + state.error());
  if (!state->ring || node.allocator->ring().empty()) return;
  const auto& received = *state->ring;
  auto theirs = ipam::Ring::assemble({received.start, received.end}, received.peer, received.entries, received.seeds);
  if (!theirs) wrong("an unsound ring is sent: " + theirs.error());
  auto ring = node.allocator->ring();
  const auto& space = node.allocator->space();
  auto before = ring.owned(node.name);
  auto merged = ring.merge(*theirs, [&](std::span<const Ipv4Range> ranges) {
    return std::ranges::any_of(ranges, [&](Ipv4Range range) { return space.free_count(range) != range.size(); });
  });
  if (!merged)
    wrong(fmt::format("in the place of {} a Weave Net peer would close the connection: {}", to, merged.error()));
  ipam::RangeSet lost;
  for (auto range : before) lost.add(range);
  for (auto range : ring.owned(node.name)) lost.remove(range);
  if (lost.size() != 0) wrong(fmt::format("in the place of {} a Weave Net peer would stop", to));
}

std::string IpamCluster::difference() {
  const ipam::Allocator* first = nullptr;
  for (size_t i = 0; i < size(); ++i) {
    if (!alive(i) || nodes_[i].gone) continue;
    const auto& ring = nodes_[i].allocator->ring();
    if (!first) {
      first = nodes_[i].allocator.get();
      continue;
    }
    if (ring.entries() == first->ring().entries() && ring.seeds() == first->ring().seeds()) continue;
    auto show = [](const ipam::Ring& r) {
      std::string text;
      for (const auto& e : r.entries())
        text += fmt::format("{} {} v{} {}; ", e.token.str(), e.peer.value & 255, e.version, e.free);
      return text;
    };
    return fmt::format("rings differ:\n{}: {}\n{}: {}", first->config().nickname, show(first->ring()), i, show(ring));
  }
  return {};
}

void IpamCluster::settle(Duration at_most) {
  calm_ = true;
  auto end = now_ + at_most;
  for (;;) {
    run(5s);
    bool up = true;
    for (size_t i = 0; i < size(); ++i) up = up && (alive(i) || nodes_[i].gone);
    auto why = difference();
    if (up && why.empty()) break;
    if (now_ > end) wrong(up ? why : "somebody never came back");
  }
  // Whoever owns nothing of a range that was in use when it was taken over has said so.
  for (auto address : duplicates_) {
    size_t reported = 0, holders = 0;
    for (const auto& [peer, ident] : held_[address]) {
      if (!alive(peer)) continue;
      ++holders;
      for (const auto& one : nodes_[peer].allocator->report([](PeerName) { return true; }).stranded)
        reported += one.address == address;
    }
    if (holders > 1 && reported + 1 < holders)
      wrong(fmt::format("{} was given twice, and nobody says so", address.str()));
  }
}

void IpamCluster::check_everybody_is_served() {
  calm_ = true;
  for (size_t i = 0; i < size(); ++i) {
    if (!alive(i) || nodes_[i].gone) continue;
    // Free host addresses of those who can be asked.
    uint32_t free = 0;
    bool any_ring = false;
    for (size_t k = 0; k < size(); ++k)
      if (alive(k) && !nodes_[k].gone) {
        free += nodes_[k].allocator->space().free_count(range_.host_range());
        any_ring = any_ring || !nodes_[k].allocator->ring().empty();
      }
    if (any_ring && free == 0) return;
    nodes_[i].informed = true;
    auto ident = fmt::format("last{}", i);
    allocate(i, ident, range_);
    auto served = [&] { return alive(i) && !nodes_[i].allocator->lookup(ident, range_).empty(); };
    for (int step = 0; step < 120 && !served(); ++step) run(1s);
    if (!served())
      wrong(fmt::format("{} gets no address though {} are free: {}\n{}", i, free,
                        nodes_[i].allocator->report([](PeerName) { return true; }).status, difference()));
  }
}

}  // namespace weave::sim
