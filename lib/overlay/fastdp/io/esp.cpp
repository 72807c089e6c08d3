#include "overlay/fastdp/io/esp.hpp"

#include <set>

#include "base/log.hpp"
#include "overlay/fastdp/bpf/fastdp.h"

namespace weave::overlay {

namespace {

using Clock = std::chrono::steady_clock;
using host::EspAssociation;
using host::IpsecPolicy;
using Direction = IpsecPolicy::Direction;

constexpr uint32_t kReqid = 0x77656176;  // tags what is ours
constexpr uint32_t kBarrierPriority = 1'000'000;

IpsecPolicy barrier() {
  return {.direction = Direction::kOut,
          .source = {},
          .destination = {},
          .port = 0,
          .mark = FASTDP_MARK,
          .priority = kBarrierPriority,
          .esp = {}};
}

IpsecPolicy outwards(Ipv4 local, Ipv4 remote, uint16_t port, uint32_t spi) {
  return {.direction = Direction::kOut,
          .source = local,
          .destination = remote,
          .port = port,
          .mark = FASTDP_MARK,
          .priority = 0,
          .esp = IpsecPolicy::Esp{spi, kReqid}};
}

IpsecPolicy inwards(Ipv4 local, Ipv4 remote, uint16_t port) {
  return {.direction = Direction::kIn,
          .source = remote,
          .destination = local,
          .port = port,
          .mark = 0,
          .priority = 0,
          .esp = IpsecPolicy::Esp{0, kReqid}};
}

bool is_ours(const IpsecPolicy& policy) {
  return policy.esp && policy.esp->reqid == kReqid;
}

// Weave Net tags nothing, but its policies have the mark, and name the associations that it sends by; those of the way
// back are between the same addresses. They would go before ours.
void remove_weave_net(host::Xfrm& xfrm) {
  std::set<std::pair<Ipv4, Ipv4>> ways;
  for (const auto& policy : xfrm.policies()) {
    if (policy.direction != Direction::kOut || policy.mark != FASTDP_MARK || !policy.esp || is_ours(policy)) continue;
    ways.insert({policy.source, policy.destination});
    ways.insert({policy.destination, policy.source});
    xfrm.remove(policy);
  }
  for (const auto& association : xfrm.associations())
    if (!association.reqid && ways.contains({association.source, association.destination}))
      xfrm.remove(association.destination, association.spi);
}

}  // namespace

FastEsp::FastEsp() try {
  xfrm_.probe();
  xfrm_.set(barrier());
  remove_weave_net(xfrm_);
  adopt(Clock::now());
} catch (const Error& error) {
  throw Error(fmt::format("the kernel has no ESP (xfrm): {}", error.what()));
}

// Which associations are still in use only the peers know.
void FastEsp::adopt(Time now) {
  auto until = now + kLinger;
  for (const auto& association : xfrm_.associations())
    if (association.reqid == kReqid) associations_[{association.destination, association.spi}] = until;
  for (const auto& policy : xfrm_.policies()) {
    if (!is_ours(policy)) continue;
    bool in = policy.direction == Direction::kIn;
    auto& state = tunnels_[{.local = in ? policy.destination : policy.source,
                            .remote = in ? policy.source : policy.destination,
                            .port = policy.port}];
    state.until = until;
    if (!in) state.sending = policy.esp->spi;
  }
}

EspParameters FastEsp::choose(const FastHop& hop) {
  EspParameters out;
  fill_random(out.nonce);
  out.spi = xfrm_.reserve_spi(hop.remote, hop.local, kReqid);
  associations_[{hop.local, out.spi}] = Time::max();
  return out;
}

void FastEsp::receive_by(const FastHop& hop, uint32_t spi, const Secret& key) {
  xfrm_.install_reserved(
      {.source = hop.remote, .destination = hop.local, .spi = spi, .reqid = kReqid, .set_mark = FASTDP_MARK}, key);
  xfrm_.set(inwards(hop.local, hop.remote, hop.port));
  auto& state = tunnels_[tunnel_of(hop)];
  state.receiving = spi;
  state.until = Time::max();
}

void FastEsp::send_by(const FastHop& hop, uint32_t spi, const Secret& key) {
  xfrm_.install({.source = hop.local, .destination = hop.remote, .spi = spi, .reqid = kReqid}, key);
  associations_[{hop.remote, spi}] = Time::max();
  xfrm_.set(outwards(hop.local, hop.remote, hop.port, spi));
  tunnels_[tunnel_of(hop)].sending = spi;
}

Esp::Found FastEsp::look(const FastHop& hop, uint32_t receiving, uint32_t sending) {
  std::vector<IpsecPolicy> wanted{barrier(), inwards(hop.local, hop.remote, hop.port)};
  // A newer connection may have taken the tunnel over.
  if (tunnels_[tunnel_of(hop)].sending == sending) wanted.push_back(outwards(hop.local, hop.remote, hop.port, sending));
  auto present = xfrm_.policies();
  for (const auto& policy : wanted) {
    if (std::find(present.begin(), present.end(), policy) != present.end()) continue;
    log::warning("restored a missing IPsec policy: address={}", hop.remote.str());
    xfrm_.set(policy);
  }
  auto in = xfrm_.find(hop.local, receiving);
  return {.receiving = in.has_value(),
          .sending = xfrm_.find(hop.remote, sending).has_value(),
          .received = in ? in->packets : 0};
}

void FastEsp::release(const FastHop& hop, uint32_t receiving, uint32_t sending) noexcept {
  auto until = Clock::now() + kLinger;
  auto let_go = [&](Ipv4 destination, uint32_t spi) {
    auto found = associations_.find({destination, spi});
    if (found != associations_.end()) found->second = until;
  };
  if (receiving) let_go(hop.local, receiving);
  if (sending) let_go(hop.remote, sending);
  // A newer connection may have taken the tunnel over.
  auto tunnel = tunnels_.find(tunnel_of(hop));
  if (tunnel != tunnels_.end() && receiving && tunnel->second.receiving == receiving) tunnel->second.until = until;
}

bool FastEsp::sends(const FastHop& hop) const {
  auto found = tunnels_.find(tunnel_of(hop));
  return found != tunnels_.end() && found->second.sending &&
         associations_.contains({hop.remote, found->second.sending});
}

void FastEsp::forget(const FastHop& hop) {
  if (auto found = tunnels_.extract(tunnel_of(hop))) end(found.key(), found.mapped());
}

void FastEsp::tick(Time now) {
  auto quietly = [](const auto& work) {
    try {
      work();
    } catch (const Error& error) {
      log::warning("cannot remove an ESP association: reason={}", error.what());
    }
  };
  std::erase_if(tunnels_, [&](const auto& entry) {
    if (entry.second.until > now) return false;
    quietly([&] { end(entry.first, entry.second); });
    return true;
  });
  std::erase_if(associations_, [&](const auto& entry) {
    if (entry.second > now) return false;
    quietly([&] { xfrm_.remove(entry.first.first, entry.first.second); });
    return true;
  });
}

void FastEsp::end(const Tunnel& tunnel, const State& state) {
  auto out = outwards(tunnel.local, tunnel.remote, tunnel.port, state.sending);
  // Another program may have put its own there.
  auto policies = xfrm_.policies();
  if (std::find(policies.begin(), policies.end(), out) != policies.end()) xfrm_.remove(out);
  xfrm_.remove(inwards(tunnel.local, tunnel.remote, tunnel.port));
}

void FastEsp::remove() {
  std::optional<host::Xfrm> xfrm;
  try {
    xfrm.emplace();
    xfrm->policies();
  } catch (const Error&) {
    return;  // then there is nothing either
  }
  remove_weave_net(*xfrm);
  for (const auto& policy : xfrm->policies())
    if (is_ours(policy)) xfrm->remove(policy);
  for (const auto& association : xfrm->associations())
    if (association.reqid == kReqid) xfrm->remove(association.destination, association.spi);
  xfrm->remove(barrier());
}

}  // namespace weave::overlay
