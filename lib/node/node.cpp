#include "node/node.hpp"

#include <sodium.h>

#include <boost/asio/post.hpp>

#include "base/log.hpp"
#include "node/node_impl.hpp"

namespace weave::mesh {

namespace {

Time now() {
  return std::chrono::steady_clock::now();
}

uint64_t random_uid() {
  // 0 means "nobody has heard of it".
  for (;;)
    if (auto uid = random_number()) return uid;
}

NodeConfig checked(NodeConfig config) {
  if (config.min_version < kMinVersion || config.min_version > kMaxVersion)
    throw Error("--min-protocol-version must be in range [1,2]");
  if (!config.host.empty() && !Ip::parse(config.host))
    throw Error(fmt::format("invalid host \"{}\"", config.host), "give an IP address of this host");
  // Overlays are named by their place in messages; a peer that has them the other way round would misunderstand ours.
  const auto& overlays = config.overlays;
  auto place = [&](std::string_view name) { return std::ranges::find(overlays, name, &overlay::Overlay::name); };
  if (overlays.empty() ||
      (place(overlay::kFastdpName) != overlays.end() && place(overlay::kSleeveName) < place(overlay::kFastdpName)))
    throw Error("a router needs an overlay, and \"fastdp\" stands before \"sleeve\"");
  // Version 1 says everything in clear before it knows whether the peer has the password.
  if (!config.password.empty()) config.min_version = kMaxVersion;
  return config;
}

Options mesh_options(const NodeConfig& config) {
  Peer self;
  self.name = config.name;
  self.nickname = config.nickname;
  self.uid = random_uid();
  self.short_id = config.short_id.value_or(static_cast<ShortId>(random_number())) & kMaxShortId;
  return {.self = std::move(self), .connection_limit = config.conn_limit, .random = random_number};
}

MakerConfig maker_config(const NodeConfig& config) {
  auto ip = Ip::parse(config.host);
  return {.port = config.port,
          .discovery = config.discovery,
          .conn_limit = config.conn_limit,
          .max_attempts = MakerConfig().max_attempts,
          .dial_loopback = ip && ip->is_loopback()};
}

double chance() {
  return static_cast<double>(random_number() >> 11) / static_cast<double>(uint64_t{1} << 53);
}

}  // namespace

uint64_t random_number() {
  if (sodium_init() < 0) throw Error("can't initialise libsodium");
  uint64_t number = 0;
  randombytes_buf(&number, sizeof number);
  return number;
}

Node::Impl::Impl(asio::any_io_executor ex, NodeConfig what, NodeHooks who)
    : executor(std::move(ex)),
      config(checked(std::move(what))),
      hooks(std::move(who)),
      host(Ip::parse(config.host)),
      mesh(mesh_options(config), now()),
      maker(maker_config(config), chance),
      acceptor(executor),
      timer(executor),
      accept_pause(executor) {}

void Node::Impl::start() {
  if (started || stopped) return;
  listen();
  started = true;
  wake();
}

void Node::Impl::stop() {
  if (stopped) return;
  stopped = true;
  boost::system::error_code ignored;
  acceptor.close(ignored);
  timer.cancel();
  accept_pause.cancel();
  for (auto* socket : dialing) socket->close(ignored);
  for (const auto& tcp : introducing) tcp->close("stopped");
  for (auto& [id, session] : sessions) session.tcp->close("stopped");
  sessions.clear();
  // The owner of the hooks is being destroyed.
  hooks = {};
}

void Node::Impl::wake() {
  if (std::exchange(woken, true)) return;
  asio::post(executor, [self = shared_from_this()] {
    self->woken = false;
    self->pump();
  });
}

void Node::Impl::pump() {
  // Effects call channels and hooks, which may call us.
  if (stopped || !started || pumping) return;
  struct Pumping {
    bool& flag;
    explicit Pumping(bool& f) : flag(f) { flag = true; }
    ~Pumping() { flag = false; }
  };
  std::optional<Pumping> guard(pumping);
  for (bool more = true; more && !stopped;) {
    collect_overlays();
    auto effects = mesh.take();
    for (auto& effect : effects)
      if (!stopped) std::visit([this](auto& one) { apply(one); }, effect);
    if (!stopped && (std::exchange(dial_wanted, false) || maker.next_wake() <= now())) dial_due();
    more = !effects.empty();
    if (more || stopped) continue;
    if (topology_changed || connections_changed) {
      topology_changed = false;
      auto current = topology();
      for (auto* overlay : config.overlays) overlay->set_topology(current);
    }
    if (std::exchange(connections_changed, false)) notify(hooks.connections_changed);
  }
  guard.reset();
  set_timer();
}

void Node::Impl::apply(Send& effect) {
  if (auto found = sessions.find(effect.connection); found != sessions.end()) found->second.tcp->send(effect.message);
}

void Node::Impl::apply(Close& effect) {
  if (auto found = sessions.find(effect.connection); found != sessions.end())
    drop(found, effect.reason, effect.never_retry);
}

void Node::Impl::apply(Added& effect) {
  auto found = sessions.find(effect.connection);
  if (found == sessions.end()) return;
  auto& session = found->second;
  if (!session.target.empty()) maker.connected(session.target);
  dial_wanted = true;
  // Only now: before, heartbeats of a connection that loses against an older one would disturb that one.
  session.overlays->confirm(now());
  connections_changed = true;
}

void Node::Impl::apply(OverlayMessage& effect) {
  if (auto found = sessions.find(effect.connection); found != sessions.end())
    found->second.overlays->control(static_cast<uint8_t>(effect.tag), effect.payload, now());
}

void Node::Impl::apply(PeersGone& effect) {
  for (auto* overlay : config.overlays)
    for (const auto& peer : effect.peers) overlay->forget(peer.name);
  if (auto hook = hooks.peers_gone) hook(effect.peers);
}

void Node::Impl::apply(TopologyChanged&) {
  dial_wanted = true;
  topology_changed = true;
}

void Node::Impl::apply(RoutesChanged&) {
  topology_changed = true;
}

std::shared_ptr<const overlay::Topology> Node::Impl::topology() const {
  const auto& peers = mesh.peers();
  const auto& routes = mesh.routes();
  auto out = std::make_shared<overlay::Topology>();
  out->self = config.name;
  for (const auto& [to, hop] : routes.unicast(Edges::kEstablished))
    if (to != config.name) out->next_hop.emplace(to, hop);
  for (const auto& [name, peer] : peers.table()) {
    out->broadcast.emplace(name, routes.broadcast(name, Edges::kEstablished));
    if (peer.short_id && peers.short_ids().owner(*peer.short_id) == name) out->ids.emplace(name, *peer.short_id);
  }
  for (const auto& connection : mesh.connections())
    if (auto found = sessions.find(connection.id); found != sessions.end() && !found->second.overlay.empty())
      out->neighbours.emplace(connection.remote.name, found->second.overlay);
  return out;
}

void Node::Impl::apply(ShortIdsChanged&) {
  topology_changed = true;
  notify(hooks.short_ids_changed);
}

// A copy, because the hook may stop us, which clears all hooks.
void Node::Impl::notify(std::function<void()> hook) {
  if (hook) hook();
}

void Node::Impl::collect_overlays() {
  std::vector<std::pair<ConnectionId, std::string>> failed;
  for (auto& [id, session] : sessions) {
    auto& overlays = *session.overlays;
    overlays.collect();
    for (const auto& message : overlays.take_messages())
      mesh.overlay_send(id, static_cast<Tag>(message[0]), ByteView(message).subspan(1), now());
    if (overlays.established() && !std::exchange(session.established, true)) {
      mesh.overlay_established(id, now());
      connections_changed = true;
    }
    if (auto in_use = overlays.name(); in_use != session.overlay) {
      session.overlay = std::move(in_use);
      session.overlay_since = now();
      connections_changed = true;
    }
    if (!overlays.failed().empty()) failed.emplace_back(id, overlays.failed());
  }
  for (const auto& [id, reason] : failed) {
    mesh.connection_closed(id, reason, now());
    if (auto found = sessions.find(id); found != sessions.end()) drop(found, reason, false);
  }
}

void Node::Impl::drop(Sessions::iterator found, const std::string& reason, bool never_retry) {
  auto session = std::move(found->second);
  sessions.erase(found);
  session.tcp->close(reason);
  constexpr std::string_view ourself = "cannot connect to ourself";
  if (reason != ourself) ++terminations;
  if (never_retry)
    maker.ended_for_good(session.target, session.remote, reason, now());
  else
    maker.ended(session.target, reason, now());
  dial_wanted = true;
  connections_changed = true;
}

void Node::Impl::drop_lost_addresses(const std::function<bool(const Ip& address)>& is_local) {
  std::vector<ConnectionId> lost;
  for (const auto& [id, session] : sessions)
    if (auto ip = session.tcp->local().ip; ip.is_v4() && !is_local(ip)) lost.push_back(id);
  for (auto id : lost) {
    auto found = sessions.find(id);
    if (found == sessions.end()) continue;
    auto reason = fmt::format("this host has no longer the address {}", found->second.tcp->local().ip.str());
    log::info("connection closed: peer={} reason=\"{}\"", found->second.theirs.label(), reason);
    mesh.connection_closed(id, reason, now());
    drop(found, reason, false);
  }
  if (!lost.empty()) pump();
}

void Node::Impl::set_timer() {
  if (stopped) return;
  auto next = std::min(mesh.next_tick(), maker.next_wake());
  for (const auto& [id, session] : sessions) next = std::min(next, session.overlays->next_tick());
  if (next == timer_at) return;
  timer_at = next;
  timer.expires_at(next);
  timer.async_wait([weak = weak_from_this()](boost::system::error_code code) {
    auto self = weak.lock();
    if (code || !self || self->stopped) return;
    self->timer_at = Time::max();
    auto time = now();
    if (self->mesh.next_tick() <= time) self->mesh.tick(time);
    for (auto& [id, session] : self->sessions)
      if (session.overlays->next_tick() <= time) session.overlays->tick(time);
    self->pump();
  });
}

Node::Node(asio::any_io_executor executor, NodeConfig config, NodeHooks hooks)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(config), std::move(hooks))) {}

Node::~Node() {
  impl_->stop();
}

void Node::add_channel(const std::string& name, Channel channel) {
  impl_->mesh.add_channel(name, std::move(channel));
}

void Node::start() {
  impl_->start();
}

void Node::stop() {
  impl_->stop();
}

std::vector<std::string> Node::connect(const std::vector<std::string>& names, bool replace) {
  auto errors = impl_->maker.connect(names, replace, now());
  impl_->dial_wanted = true;
  impl_->wake();
  return errors;
}

void Node::forget(const std::vector<std::string>& names) {
  impl_->maker.forget(names);
  impl_->dial_wanted = true;
  impl_->wake();
}

std::vector<std::string> Node::targets(bool active_only) const {
  return impl_->maker.targets(active_only);
}

Result<void> Node::unicast(std::string_view channel, PeerName to, ByteView data) {
  auto sent = impl_->mesh.unicast(channel, to, data, now());
  impl_->wake();
  return sent;
}

void Node::broadcast(const std::string& channel, Gossip data) {
  impl_->mesh.broadcast(channel, std::move(data), now());
  impl_->wake();
}

void Node::gossip(const std::string& channel, Gossip data) {
  impl_->mesh.gossip(channel, std::move(data), now());
  impl_->wake();
}

void Node::drop_lost_addresses(const std::function<bool(const Ip& address)>& is_local) {
  impl_->drop_lost_addresses(is_local);
}

const Mesh& Node::mesh() const {
  return impl_->mesh;
}

NodeStatus Node::status() const {
  return impl_->status();
}

uint16_t Node::port() const {
  return impl_->config.port;
}

}  // namespace weave::mesh
