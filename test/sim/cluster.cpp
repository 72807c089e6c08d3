#include "sim/cluster.hpp"

#include <fmt/format.h>

#include <cstdlib>

#include "base/log.hpp"

namespace weave::sim {

using namespace std::chrono_literals;

uint64_t seed_or(uint64_t given) {
  const char* text = std::getenv("WEAVE_SIM_SEED");
  return text ? std::strtoull(text, nullptr, 10) : given;
}

Cluster::Cluster(size_t peers, Settings settings) : settings_(std::move(settings)), random_(settings_.seed) {
  log::set_level(log::Level::kError);
  nodes_.resize(peers);
  heal();
  std::set<uint64_t> names;
  for (auto& node : nodes_) {
    do node.name.value = random_() >> 16;
    while (!node.name.value || !names.insert(node.name.value).second);
    auto within = [&](double most) { return std::uniform_real_distribution<>(-most, most)(random_); };
    node.skew = std::chrono::duration_cast<Duration>(settings_.clock_skew * within(1));
    node.drift = within(settings_.clock_drift);
  }
  for (size_t i = 0; i < peers; ++i) start(i);
}

Time Cluster::local(size_t peer) const {
  const auto& node = nodes_[peer];
  auto age = std::chrono::duration_cast<Duration>(now_.time_since_epoch() * (1 + node.drift));
  return Time{} + 10 * settings_.clock_skew + node.skew + age;
}

Time Cluster::global(size_t peer, Time local) const {
  const auto& node = nodes_[peer];
  auto age = (local - Time{}) - 10 * settings_.clock_skew - node.skew;
  // One microsecond more, so that rounding never makes a timer ring before its time.
  return Time{} + std::chrono::duration_cast<Duration>(age / (1 + node.drift)) + 1us;
}

namespace {

gossip::Gossip number(uint64_t n) {
  Writer out;
  out.u64(n);
  return std::make_shared<gossip::OpaqueData>(out.take());
}

}  // namespace

void Cluster::start(size_t peer) {
  auto& node = nodes_[peer];
  ++node.generation;
  node.tick_at = Time::max();
  mesh::Options options;
  options.self = {
      node.name, fmt::format("n{}", peer), random_() | 1, 0, static_cast<mesh::ShortId>(random_() & mesh::kMaxShortId),
      {}};
  options.connection_limit = settings_.connection_limit;
  options.random = [this] { return random_(); };
  options.relay_every = settings_.relay_every;
  node.mesh = std::make_unique<Mesh>(std::move(options), local(peer));
  gossip::Channel channel;
  channel.gossip = [] { return gossip::Gossip(); };
  channel.on_gossip = [](ByteView) -> Result<gossip::Gossip> { return gossip::Gossip(); };
  channel.on_broadcast = [this, peer](PeerName source, ByteView data) -> Result<gossip::Gossip> {
    auto n = Reader(data).u64();
    ++nodes_[peer].broadcasts[{source, n}];
    return number(n);
  };
  channel.on_unicast = [](PeerName, ByteView) -> Result<void> { return {}; };
  node.mesh->add_channel("sim", std::move(channel));
  if (settings_.started) settings_.started(peer, *node.mesh);
  drain(peer);
}

void Cluster::at(Time time, std::function<void()> run) {
  events_.push({time, order_++, std::move(run)});
}

Duration Cluster::delay() {
  return std::chrono::microseconds(
      std::uniform_int_distribution<int64_t>(std::chrono::microseconds(settings_.delay_min).count(),
                                             std::chrono::microseconds(settings_.delay_max).count())(random_));
}

void Cluster::run(Duration length) {
  auto end = now_ + length;
  while (!events_.empty() && events_.top().at <= end) {
    auto event = events_.top();
    events_.pop();
    now_ = std::max(now_, event.at);
    event.run();
  }
  now_ = end;
}

bool Cluster::run_until_settled(Duration at_most) {
  for (auto end = now_ + at_most; now_ < end;) {
    run(500ms);
    if (unsettled().empty()) return true;
  }
  return false;
}

// -- Connections.

void Cluster::want(size_t a, size_t b) {
  if (a == b || !wanted_.insert(std::minmax(a, b)).second) return;
  after(delay() * 10, [this, a, b] { maintain(a, b); });
}

void Cluster::want_full_mesh() {
  for (size_t a = 0; a < size(); ++a)
    for (size_t b = a + 1; b < size(); ++b) want(a, b);
}

void Cluster::want_ring(size_t chords) {
  std::vector<size_t> order(size());
  for (size_t i = 0; i < size(); ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), random_);
  for (size_t i = 0; i < size(); ++i) want(order[i], order[(i + 1) % size()]);
  for (size_t i = 0; i < chords; ++i) want(random_() % size(), random_() % size());
}

bool Cluster::connected(size_t a, size_t b) const {
  if (!alive(a) || !alive(b)) return false;
  auto one = nodes_[a].mesh->connection_to(nodes_[b].name), other = nodes_[b].mesh->connection_to(nodes_[a].name);
  return one && other && one->id == other->id;
}

// What the connection maker would do: try now and then, from either side, at times from both.
void Cluster::maintain(size_t a, size_t b) {
  auto half_connected = [&](size_t x, size_t y) { return nodes_[x].mesh->connection_to(nodes_[y].name).has_value(); };
  if (alive(a) && alive(b) && side_[a] == side_[b]) {
    if (!half_connected(a, b)) dial(a, b);
    if (!half_connected(b, a) && random_() % 4 == 0) dial(b, a);
  }
  after(1s + delay() * 50, [this, a, b] { maintain(a, b); });
}

void Cluster::dial(size_t a, size_t b) {
  auto id = next_wire_++;
  wires_[id] = {a, b, random_(), {false, false}, {false, false}, {now_, now_}, {}};
  uint64_t generations[] = {nodes_[a].generation, nodes_[b].generation};
  for (int end : {0, 1}) {
    after(delay() * 3, [this, id, end, generation = generations[end]] {
      auto at = wires_.find(id);
      if (at == wires_.end()) return;
      auto& wire = at->second;
      size_t self = end == 0 ? wire.a : wire.b, other = end == 0 ? wire.b : wire.a;
      if (!alive(self) || !alive(other) || nodes_[self].generation != generation) return close(id, "reset");
      const auto& remote = mesh(other).peers().self();
      mesh::Handshake handshake{remote.name,
                                remote.nickname,
                                remote.uid,
                                remote.short_id,
                                wire.conn_uid,
                                fmt::format("10.0.{}.{}:{}", other / 256, other % 256, end == 0 ? 6783 : 30000 + id),
                                end == 0,
                                true,
                                2};
      wire.up[end] = true;
      auto early = std::exchange(wire.early[end], {});
      mesh(self).connection_ready(id, std::move(handshake), local(self));
      for (const auto& message : early) mesh(self).message(id, message, local(self));
      drain(self);
      after(200ms + delay() * 5, [this, id, end] { establish(id, end); });
    });
  }
}

// The overlay's heartbeats got through, once the other side has the connection, too.
void Cluster::establish(ConnectionId id, int end) {
  auto at_wire = wires_.find(id);
  if (at_wire == wires_.end()) return;
  const auto& wire = at_wire->second;
  if (!wire.up[1 - end] || side_[wire.a] != side_[wire.b]) return after(500ms, [this, id, end] { establish(id, end); });
  size_t self = end == 0 ? wire.a : wire.b;
  mesh(self).overlay_established(id, local(self));
  drain(self);
}

// Both ends see it, each after its own delay; what was under way is lost.
void Cluster::close(ConnectionId id, const std::string& reason) {
  auto wire = wires_.extract(id);
  if (wire.empty()) return;
  for (size_t peer : {wire.mapped().a, wire.mapped().b}) {
    auto generation = nodes_[peer].generation;
    after(delay(), [this, id, peer, generation, reason] {
      if (!alive(peer) || nodes_[peer].generation != generation) return;
      mesh(peer).connection_closed(id, reason, local(peer));
      drain(peer);
    });
  }
}

void Cluster::deliver(ConnectionId id, int to, Bytes message) {
  auto at_wire = wires_.find(id);
  if (at_wire == wires_.end()) return;
  auto& wire = at_wire->second;
  size_t from = to == 0 ? wire.b : wire.a, peer = to == 0 ? wire.a : wire.b;
  ++total_.messages;
  total_.bytes += message.size();
  auto& tag = tags_[message.at(0)];
  ++tag.messages;
  tag.bytes += message.size();
  // The socket takes what there is, then asks for more.
  if (!std::exchange(wire.busy[1 - to], true)) {
    auto stall =
        settings_.stall.count() ? milliseconds(random_() % static_cast<uint64_t>(settings_.stall.count())) : 0ms;
    after(delay() / 4 + stall, [this, id, to, from, generation = nodes_[from].generation] {
      auto still = wires_.find(id);
      if (!alive(from) || nodes_[from].generation != generation || still == wires_.end()) return;
      still->second.busy[1 - to] = false;
      mesh(from).writable(id, local(from));
      drain(from);
    });
  }
  if (side_[from] != side_[peer]) return;  // a black hole, not a reset
  wire.arrival[to] = std::max(wire.arrival[to], now_ + delay());
  at(wire.arrival[to], [this, id, to, peer, generation = nodes_[peer].generation, bytes = std::move(message)] {
    auto wire_at = wires_.find(id);
    if (wire_at == wires_.end() || !alive(peer) || nodes_[peer].generation != generation) return;
    // The other side may be through with the handshake before us.
    if (!wire_at->second.up[to]) return wire_at->second.early[to].push_back(bytes);
    mesh(peer).message(id, bytes, local(peer));
    drain(peer);
  });
}

void Cluster::drain(size_t peer) {
  auto& node = nodes_[peer];
  for (auto& effect : node.mesh->take()) {
    if (auto* send = std::get_if<mesh::Send>(&effect)) {
      auto wire = wires_.find(send->connection);
      if (wire != wires_.end()) deliver(send->connection, wire->second.a == peer ? 1 : 0, std::move(send->message));
    } else if (auto* closed = std::get_if<mesh::Close>(&effect)) {
      ++closed_;
      if (settings_.trace) fmt::print("{} closes {}: {}\n", peer, closed->connection, closed->reason);
      close(closed->connection, "closed by peer");
    } else if (auto* gone = std::get_if<mesh::PeersGone>(&effect)) {
      if (settings_.peers_gone) settings_.peers_gone(peer, gone->peers);
    }
  }
  auto next = global(peer, node.mesh->next_tick());
  if (next >= node.tick_at) return;
  node.tick_at = next;
  at(next, [this, peer, next, generation = node.generation] {
    auto& due = nodes_[peer];
    if (!due.mesh || due.generation != generation || due.tick_at != next) return;
    due.tick_at = Time::max();
    due.mesh->tick(local(peer));
    drain(peer);
  });
}

// -- What goes wrong.

void Cluster::cut(size_t a, size_t b) {
  for (const auto& [id, wire] : wires_)
    if (std::minmax(wire.a, wire.b) == std::minmax(a, b)) return close(id, "reset");
}

void Cluster::cut_random() {
  if (wires_.empty()) return;
  auto at_wire = wires_.begin();
  std::advance(at_wire, random_() % wires_.size());
  close(at_wire->first, "reset");
}

void Cluster::partition(std::vector<int> side) {
  side_ = std::move(side);
}

void Cluster::crash(size_t peer, bool reset) {
  if (!alive(peer)) return;
  nodes_[peer].mesh.reset();
  ++nodes_[peer].generation;
  std::vector<ConnectionId> ids;
  for (const auto& [id, wire] : wires_)
    if (wire.a == peer || wire.b == peer) ids.push_back(id);
  for (auto id : ids) {
    if (reset)
      close(id, "reset");
    else
      wires_.erase(id);  // nobody tells the others
  }
}

void Cluster::restart(size_t peer) {
  if (!alive(peer)) start(peer);
}

// -- What ought to be.

std::string Cluster::unsettled() const {
  for (auto [a, b] : wanted_)
    if (alive(a) && alive(b) && !connected(a, b)) return fmt::format("{} and {} aren't connected", a, b);
  const Mesh* first = nullptr;
  size_t living = 0;
  for (const auto& node : nodes_) {
    if (!node.mesh) continue;
    ++living;
    if (!first) first = node.mesh.get();
    // Each entry is what the peer itself says.
    if (first->peers().table() != node.mesh->peers().table())
      return fmt::format("{} and {} know different peers", first->peers().self().str(),
                         node.mesh->peers().self().str());
    const auto* own = first->peers().find(node.name);
    if (!own || *own != node.mesh->peers().self())
      return fmt::format("what is known of {} isn't what it says", node.mesh->peers().self().str());
    for (const auto& link : node.mesh->peers().self().links)
      if (!link.established) return fmt::format("{} has a pending connection", node.mesh->peers().self().str());
  }
  if (first && first->peers().table().size() != living) return "somebody dead is still known";
  std::set<mesh::ShortId> ids;
  for (const auto& node : nodes_)
    if (node.mesh && !ids.insert(*node.mesh->peers().self().short_id).second) return "two peers have one short id";
  return {};
}

std::string Cluster::wrong_routes() const {
  std::map<PeerName, const Mesh*> by_name;
  for (const auto& node : nodes_)
    if (node.mesh) by_name[node.name] = node.mesh.get();
  std::map<std::pair<PeerName, PeerName>, size_t> length;
  for (auto edges : {mesh::Edges::kAll, mesh::Edges::kEstablished}) {
    for (const auto& [from, first] : by_name)
      for (const auto& [to, last] : by_name) {
        size_t hops = 0;
        for (auto at_peer = from; at_peer != to; ++hops) {
          at_peer = by_name.at(at_peer)->routes().next_hop(to, edges);
          if (!at_peer.value) return fmt::format("no route from {} to {}", from.str(), to.str());
          if (hops > by_name.size()) return fmt::format("a loop from {} to {}", from.str(), to.str());
        }
        length[{from, to}] = hops;
      }
    for (const auto& [pair, hops] : length)
      if (length[{pair.second, pair.first}] != hops)
        return fmt::format("{} to {} is farther than back", pair.first.str(), pair.second.str());
  }
  return {};
}

std::string Cluster::wrong_broadcasts() {
  auto n = ++broadcast_;
  for (auto& node : nodes_) node.broadcasts.clear();
  for (size_t i = 0; i < size(); ++i) {
    if (!alive(i)) continue;
    mesh(i).broadcast("sim", number(n), local(i));
    drain(i);
  }
  run(settings_.delay_max * 2 * static_cast<int64_t>(size()) + 1s);
  for (const auto& source : nodes_)
    for (const auto& node : nodes_) {
      if (!source.mesh || !node.mesh || &source == &node) continue;
      auto got = node.broadcasts.find({source.name, n});
      int times = got == node.broadcasts.end() ? 0 : got->second;
      if (times != 1)
        return fmt::format("{} got a broadcast of {} {} times", node.name.str(), source.name.str(), times);
    }
  return {};
}

}  // namespace weave::sim
