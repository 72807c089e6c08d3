// How connections come to be: accepted or dialled, introduced, entered into the mesh.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/asio.hpp"
#include "base/log.hpp"
#include "node/asio_ip.hpp"
#include "node/node_impl.hpp"

namespace weave::mesh {

namespace {

using asio::ip::tcp;
constexpr auto kDialTimeout = std::chrono::seconds(10);
constexpr auto kAcceptTroublePause = std::chrono::milliseconds(100);
// A connection that has said something within this time is alive: it isn't given up for a new one from the same peer.
// TCP heartbeats come every 30 s only; a longer time would lock out a peer whose connection has just died on its side.
constexpr auto kRecently = std::chrono::seconds(15);

std::optional<overlay::UdpAddress> udp_address(const Endpoint& endpoint) {
  if (!endpoint.ip.is_v4()) return std::nullopt;
  return overlay::UdpAddress{endpoint.ip.v4(), endpoint.port};
}

}  // namespace

void Node::Impl::listen() {
  boost::system::error_code code;
  tcp::endpoint endpoint(host ? to_asio(*host) : asio::ip::address_v6::any(), config.port);
  acceptor.open(endpoint.protocol(), code);
  if (code && !host) {
    // A host without IPv6.
    endpoint = {asio::ip::address_v4::any(), config.port};
    acceptor.open(endpoint.protocol(), code);
  }
  if (!code && !host && endpoint.protocol() == tcp::v6()) acceptor.set_option(asio::ip::v6_only(false), code);
  if (!code) acceptor.set_option(tcp::acceptor::reuse_address(true), code);
  if (!code) acceptor.bind(endpoint, code);
  if (!code) acceptor.listen(asio::socket_base::max_listen_connections, code);
  if (code) {
    boost::system::error_code ignored;
    acceptor.close(ignored);
    throw Error(fmt::format("cannot listen on TCP {}:{}: {}", config.host, config.port, code.message()),
                code == asio::error::address_in_use ? "another program listens there; see `ss -ltp`" : "");
  }
  config.port = acceptor.local_endpoint().port();
  maker.set_port(config.port);
  topology_changed = true;
  asio::co_spawn(executor, accept(shared_from_this()), asio::detached);
}

asio::awaitable<void> Node::Impl::accept(std::shared_ptr<Impl> self) {
  while (!self->stopped) {
    self->accept_pause.expires_at(self->limiter.take(std::chrono::steady_clock::now()));
    co_await self->accept_pause.async_wait(kAsResult);
    if (self->stopped) co_return;
    auto [code, socket] = co_await self->acceptor.async_accept(kAsResult);
    if (self->stopped) co_return;
    if (code) {
      // Out of descriptors, or the peer has left already.
      log::warning("cannot accept a connection: reason={}", code.message());
      self->accept_pause.expires_after(kAcceptTroublePause);
      co_await self->accept_pause.async_wait(kAsResult);
      continue;
    }
    asio::co_spawn(self->executor, greet(self, std::move(socket)), asio::detached);
  }
}

asio::awaitable<void> Node::Impl::greet(std::shared_ptr<Impl> self, tcp::socket socket) {
  auto tcp = std::make_shared<TcpSession>(std::move(socket), self->config.limits);
  auto remote = tcp->remote();
  if (!self->gate.enter(remote.ip)) {
    log::warning("connection refused, too many handshakes: address={}", remote.str());
    co_return;
  }
  try {
    co_await converse(self, tcp, remote, std::nullopt);
  } catch (const std::exception& error) {
    log::error("connection failed: address={} reason={}", remote.str(), error.what());
    tcp->close(error.what());
  }
}

MakerView Node::Impl::view() const {
  MakerView view;
  view.self = mesh.peers().self().name;
  view.known = &mesh.peers().table();
  for (const auto& [id, session] : sessions) {
    view.connections.push_back({session.theirs.name, session.remote, session.outbound});
    // Peers know us by the addresses that we talk to them from.
    view.own.push_back({session.tcp->local().ip, config.port});
  }
  if (host) view.own.push_back({*host, config.port});
  return view;
}

void Node::Impl::dial_due() {
  for (auto& attempt : maker.update(view(), std::chrono::steady_clock::now()))
    asio::co_spawn(executor, dial(shared_from_this(), std::move(attempt)), asio::detached);
}

asio::awaitable<Result<tcp::socket>> Node::Impl::connect_to(Endpoint address) {
  tcp::socket socket(executor);
  tcp::endpoint remote(to_asio(address.ip), address.port);
  boost::system::error_code code;
  socket.open(remote.protocol(), code);
  if (!code && host) socket.bind(tcp::endpoint(to_asio(*host), 0), code);
  if (!code) {
    asio::steady_timer deadline(executor);
    bool late = false;
    dialing.insert(&socket);
    deadline.expires_after(kDialTimeout);
    deadline.async_wait([&](boost::system::error_code cancelled) {
      if (cancelled) return;
      late = true;
      boost::system::error_code ignored;
      socket.close(ignored);
    });
    std::tie(code) = co_await socket.async_connect(remote, kAsResult);
    dialing.erase(&socket);
    // The handler refers to what is about to go: it has to run before.
    if (deadline.cancel() == 0 && !late) {
      deadline.expires_after(std::chrono::milliseconds(0));
      co_await deadline.async_wait(kAsResult);
    }
    if (late) code = asio::error::timed_out;
  }
  if (code == asio::error::connection_refused)
    co_return Refused(fmt::format("cannot connect to {}: {} (does weave run there, and is the TCP port open?)",
                                  address.str(), code.message()));
  if (code) co_return Refused(fmt::format("cannot connect to {}: {}", address.str(), code.message()));
  co_return socket;
}

asio::awaitable<void> Node::Impl::dial(std::shared_ptr<Impl> self, Maker::Attempt attempt) {
  std::string reason;
  try {
    std::vector<Endpoint> addresses;
    if (attempt.address) {
      addresses.push_back(*attempt.address);
    } else {
      auto found = co_await resolve(attempt.host, self->config.resolver);
      if (self->stopped) co_return;
      if (found) {
        addresses = self->maker.resolved(attempt.target, *found, std::chrono::steady_clock::now());
        if (addresses.empty()) co_return self->wake();
      } else {
        reason = found.error();
      }
    }
    for (const auto& address : addresses) {
      if (self->host && self->host->is_v4() != address.ip.is_v4()) {
        if (reason.empty()) reason = fmt::format("cannot connect to {} from {}", address.str(), self->host->str());
        continue;
      }
      auto socket = co_await self->connect_to(address);
      if (self->stopped) co_return;
      if (socket) {
        auto tcp = std::make_shared<TcpSession>(std::move(*socket), self->config.limits);
        co_return co_await converse(self, tcp, address, attempt);
      }
      reason = socket.error();
    }
  } catch (const std::exception& error) {
    reason = error.what();
  }
  log::info("cannot connect: target={} reason={}", attempt.target, reason);
  self->maker.ended(attempt.target, reason, std::chrono::steady_clock::now());
  self->dial_wanted = true;
  self->wake();
}

bool Node::Impl::trusts(const Ip& ip) const {
  if (!ip.is_v4()) return false;
  auto address = ip.v4();
  return std::any_of(config.trusted_subnets.begin(), config.trusted_subnets.end(),
                     [&](const Cidr& subnet) { return subnet.contains(address); });
}

std::vector<std::string> Node::Impl::overlay_names() const {
  std::vector<std::string> names;
  for (const auto* overlay : config.overlays) names.emplace_back(overlay->name());
  return names;
}

HandshakeConfig Node::Impl::handshake_config(const Endpoint& remote, bool initiator) {
  const auto& self = mesh.peers().self();
  HandshakeConfig out{.initiator = initiator,
                      .min_version = config.min_version,
                      .max_version = kMaxVersion,
                      .password = config.password,
                      .ours = {.name = self.name,
                               .nickname = self.nickname,
                               .uid = self.uid,
                               .conn_id = random_number(),
                               .short_id = self.short_id,
                               .trusted = trusts(remote.ip),
                               .overlays = overlay_names(),
                               .public_key = {}},
                      .choose_conn_id = {}};
  if (!initiator) out.choose_conn_id = [this](const Features& theirs) { return choose_conn_id(theirs); };
  return out;
}

// Weave Net dials peers to which it is connected already, and each new connection has an even chance to end the one
// that works. The number that makes a connection lose against every other protects it. Both sides compute the same.
uint64_t Node::Impl::choose_conn_id(const Features& theirs) {
  auto old = mesh.connection_to(theirs.name);
  bool healthy = old && old->established && old->remote.uid == theirs.uid &&
                 std::chrono::steady_clock::now() - old->last_received < kRecently;
  return healthy ? ~theirs.conn_id : random_number();
}

// Counts a connection as being in the handshake.
struct Node::Impl::Introducing {
  Introducing(Impl& node, std::shared_ptr<TcpSession> session, std::optional<Ip> admitted)
      : impl(node), tcp(std::move(session)), from(std::move(admitted)) {
    impl.introducing.insert(tcp);
  }
  ~Introducing() {
    impl.introducing.erase(tcp);
    if (from) impl.gate.leave(*from);
  }
  Impl& impl;
  std::shared_ptr<TcpSession> tcp;
  std::optional<Ip> from;
};

asio::awaitable<void> Node::Impl::converse(std::shared_ptr<Impl> self, std::shared_ptr<TcpSession> tcp, Endpoint remote,
                                           std::optional<Maker::Attempt> attempt) {
  Result<Introduced> introduced = Refused("");
  {
    Introducing guard(*self, tcp, attempt ? std::nullopt : std::optional(remote.ip));
    introduced = co_await tcp->introduce(HandshakeMachine(self->handshake_config(remote, attempt.has_value())));
  }
  if (self->stopped) co_return;
  if (!introduced) {
    ++self->terminations;
    log::info("handshake failed: address={} reason={}", remote.str(), introduced.error());
    if (!attempt) self->note_refused(remote.ip, introduced.error());
    if (attempt) self->maker.ended(attempt->target, introduced.error(), std::chrono::steady_clock::now());
    self->dial_wanted = true;
    co_return self->wake();
  }
  if (attempt) self->maker.answered(attempt->target, introduced->theirs.name);
  auto id = self->enter(tcp, remote, attempt, *introduced);
  introduced->session_key = Secret();
  std::string reason;
  try {
    self->pump();
    reason = co_await tcp->receive([&](ByteView message) {
      self->mesh.message(id, message, std::chrono::steady_clock::now());
      self->pump();
    });
  } catch (const std::exception& error) {
    reason = error.what();
  }
  if (self->stopped) co_return;
  if (!attempt) self->note_refused(remote.ip, reason);
  self->mesh.connection_closed(id, reason, std::chrono::steady_clock::now());
  if (auto found = self->sessions.find(id); found != self->sessions.end()) self->drop(found, reason, false);
  self->pump();
}

void Node::Impl::note_refused(const Ip& ip, const std::string& reason) {
  if (!passwords_differ(reason)) return;
  auto now = std::chrono::steady_clock::now();
  std::erase_if(refused, [&](const auto& one) { return now - one.second.last > kRefusedShown; });
  auto found = refused.find(ip);
  if (found == refused.end() && refused.size() >= kMostRefused) return;
  if (found == refused.end())
    log::warning("a peer is refused, its password is another one: address={} reason={}", ip.str(), reason);
  refused[ip] = {reason, now};
}

void Node::Impl::replace_silent(const Features& theirs, const Endpoint& remote) {
  auto now = std::chrono::steady_clock::now();
  for (auto found = sessions.begin(); found != sessions.end(); ++found) {
    auto& [id, session] = *found;
    if (session.theirs.name != theirs.name || session.theirs.uid != theirs.uid || session.outbound) continue;
    if (session.remote.ip == remote.ip || !session.overlays->silent(now)) continue;
    const std::string reason = "the peer dials from another address";
    mesh.connection_closed(id, reason, now);
    return drop(found, reason, false);
  }
}

ConnectionId Node::Impl::enter(std::shared_ptr<TcpSession> tcp, Endpoint remote,
                               const std::optional<Maker::Attempt>& attempt, Introduced& introduced) {
  auto id = ++last_id;
  const auto& theirs = introduced.theirs;
  if (!attempt) replace_silent(theirs, remote);
  Session session;
  session.tcp = tcp;
  session.theirs = theirs;
  session.outbound = attempt.has_value();
  if (attempt) session.target = attempt->target;
  session.remote = remote;
  // Frames go in clear only if both sides say that the other's network can be trusted.
  session.encrypted = !introduced.session_key.empty() && !(theirs.trusted && trusts(remote.ip));
  log::info("handshake completed: peer={} address={} version={}", theirs.label(), remote.str(), introduced.version);
  auto common = overlay::common_overlays(overlay_names(), theirs.overlays);
  session.overlays = make_overlays(id, session, common ? *common : std::vector<std::string>(), introduced.conn_uid,
                                   introduced.session_key);
  bool outbound = session.outbound;
  auto entered = sessions.emplace(id, std::move(session)).first;
  if (!common) {
    drop(entered, common.error(), false);
    return id;
  }
  tcp->on_drained([weak = weak_from_this(), id] {
    auto self = weak.lock();
    if (!self || self->stopped) return;
    self->mesh.writable(id, std::chrono::steady_clock::now());
    self->pump();
  });
  mesh.connection_ready(id,
                        {.name = theirs.name,
                         .nickname = theirs.nickname,
                         .uid = theirs.uid,
                         .short_id = theirs.short_id,
                         .conn_uid = introduced.conn_uid,
                         .address = remote.str(),
                         .outbound = outbound,
                         .introduces = !attempt || attempt->direct,
                         .overlays = theirs.overlays ? common->size() : 0},
                        std::chrono::steady_clock::now());
  return id;
}

std::unique_ptr<overlay::OverlaySwitch> Node::Impl::make_overlays(ConnectionId id, const Session& session,
                                                                  const std::vector<std::string>& common,
                                                                  uint64_t conn_uid, const Secret& key) {
  auto label = session.theirs.label();
  overlay::Link link{.self = config.name,
                     .remote = session.theirs.name,
                     .remote_label = label,
                     .conn_uid = conn_uid,
                     .initiator = session.outbound,
                     .key = session.encrypted ? key : Secret(),
                     .local = udp_address(session.tcp->local()),
                     .remote_address = udp_address(session.remote)};
  auto changed = [weak = weak_from_this(), id] {
    auto self = weak.lock();
    if (self && self->sessions.contains(id)) self->wake();
  };
  auto make = [&](const std::string& name) -> Result<std::unique_ptr<overlay::Forwarder>> {
    auto found = std::ranges::find(config.overlays, name, &overlay::Overlay::name);
    return (*found)->make(link, changed);  // common_overlays() gives only names of ours
  };
  return std::make_unique<overlay::OverlaySwitch>(common, session.theirs.overlays.has_value(), label, make);
}

}  // namespace weave::mesh
