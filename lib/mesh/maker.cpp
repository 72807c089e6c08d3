#include "mesh/maker.hpp"

namespace weave::mesh {

namespace {

using namespace std::chrono_literals;

constexpr auto kFirstInterval = 2s;
constexpr auto kLongestInterval = 6min;
// A connection that has lasted this long starts the intervals anew.
constexpr auto kProven = 60s;
constexpr size_t kMaxAddresses = 8;
// Of those that gossip tells us of; anybody can gossip anything.
constexpr size_t kMaxTargets = 4096;

}  // namespace

std::string Maker::key_of(const TargetName& name) const {
  uint16_t port = name.port.value_or(config_.port);
  auto ip = Ip::parse(name.host);
  return ip ? Endpoint{*ip, port}.str() : fmt::format("{}:{}", name.host, port);
}

void Maker::mark_direct() {
  for (auto& [key, target] : targets_) target.direct = target.port_given = false;
  for (const auto& [text, name] : direct_) {
    auto found = targets_.find(key_of(name));
    if (found == targets_.end()) continue;
    found->second.direct = true;
    found->second.port_given |= name.port.has_value();
  }
}

void Maker::retry_at_once(Target& target, Time now) {
  target.interval = kFirstInterval;
  target.next = now;
  target.own_addresses.clear();
  if (target.state == State::kNever || target.state == State::kSuspended) target.state = State::kWaiting;
}

std::vector<std::string> Maker::connect(const std::vector<std::string>& names, bool replace, Time now) {
  std::vector<std::string> errors;
  if (replace) direct_.clear();
  for (const auto& text : names) {
    auto name = TargetName::parse(text);
    if (!name) {
      errors.push_back(name.error());
      continue;
    }
    bool there = std::any_of(direct_.begin(), direct_.end(), [&](const auto& entry) { return entry.first == text; });
    if (!there) direct_.emplace_back(text, *name);
    auto [entry, is_new] = targets_.try_emplace(key_of(*name));
    auto& target = entry->second;
    if (is_new) {
      target.host = name->host;
      target.port = name->port.value_or(config_.port);
      if (auto ip = Ip::parse(name->host)) target.address = Endpoint{*ip, target.port};
    }
    if (target.state == State::kAttempting || target.state == State::kConnected) continue;
    retry_at_once(target, now);
  }
  mark_direct();
  return errors;
}

void Maker::forget(const std::vector<std::string>& names) {
  std::erase_if(direct_,
                [&](const auto& entry) { return std::find(names.begin(), names.end(), entry.first) != names.end(); });
  mark_direct();
}

std::vector<std::string> Maker::targets(bool active_only) const {
  std::vector<std::string> out;
  for (const auto& [text, name] : direct_) {
    auto found = targets_.find(key_of(name));
    if (active_only && found != targets_.end() && found->second.state == State::kNever) continue;
    out.push_back(text);
  }
  return out;
}

bool Maker::owns(const Target& target, const Endpoint& address) const {
  return target.address == address ||
         std::find(target.addresses.begin(), target.addresses.end(), address) != target.addresses.end();
}

bool Maker::wanted(const Target& target) const {
  if (target.peer && connected_peers_.contains(*target.peer)) return false;
  auto reached = [&](const Endpoint& address) {
    // Without a port any router on that host is meant, so one that has dialled us will do.
    return connected_addresses_.contains(address) || (!target.port_given && inbound_.contains(address.ip));
  };
  if (target.address) return !reached(*target.address);
  return std::none_of(target.addresses.begin(), target.addresses.end(), reached);
}

bool Maker::may_dial(const Endpoint& address, const MakerView& view) const {
  const auto& ip = address.ip;
  if (ip.is_unspecified() || ip.is_multicast() || (ip.is_loopback() && !config_.dial_loopback)) return false;
  if (ip.is_broadcast()) return false;
  if (ip.is_v6() && ip.is_link_local()) return false;
  return std::find(view.own.begin(), view.own.end(), address) == view.own.end();
}

void Maker::discover(const MakerView& view, std::set<std::string>& found, Time now) {
  if (!config_.discovery || !view.known) return;
  for (const auto& [name, peer] : *view.known) {
    if (name == view.self) continue;
    for (const auto& link : peer.links) {
      if (link.to == view.self || connected_peers_.contains(link.to)) continue;
      auto address = Endpoint::parse(link.address);
      if (!address) continue;
      // Where the peer was dialled from says nothing of where it listens.
      if (!link.outbound) address->port = config_.port;
      if (!may_dial(*address, view) || connected_addresses_.contains(*address)) continue;
      bool named = std::any_of(targets_.begin(), targets_.end(),
                               [&](const auto& entry) { return entry.second.direct && owns(entry.second, *address); });
      auto key = address->str();
      if (named || !found.insert(key).second) continue;
      if (targets_.size() >= kMaxTargets && !targets_.contains(key)) continue;
      auto [entry, is_new] = targets_.try_emplace(key);
      if (!is_new) continue;
      auto& target = entry->second;
      target.host = address->ip.str();
      target.port = address->port;
      target.address = address;
      target.port_given = true;
      target.next = now;
      target.interval = kFirstInterval;
    }
  }
}

std::vector<Maker::Attempt> Maker::update(const MakerView& view, Time now) {
  connected_peers_.clear();
  connected_addresses_.clear();
  inbound_.clear();
  for (const auto& connection : view.connections) {
    connected_peers_.insert(connection.peer);
    connected_addresses_.insert(connection.remote);
    if (!connection.outbound) inbound_.insert(connection.remote.ip);
  }
  std::set<std::string> found;
  discover(view, found, now);
  size_t attempts = 0;
  std::vector<std::map<std::string, Target>::iterator> due;
  for (auto it = targets_.begin(); it != targets_.end();) {
    auto& target = it->second;
    bool idle = target.state == State::kWaiting || target.state == State::kSuspended || target.state == State::kNever;
    if (target.state == State::kAttempting) ++attempts;
    if (idle && !target.direct && !found.contains(it->first)) {
      it = targets_.erase(it);
      continue;
    }
    if (target.state == State::kWaiting || target.state == State::kSuspended) {
      // A discovered target's peer isn't connected, or it wouldn't have been found.
      target.state = !target.direct || wanted(target) ? State::kWaiting : State::kSuspended;
      if (target.state == State::kWaiting && target.next <= now) due.push_back(it);
    }
    ++it;
  }
  std::sort(due.begin(), due.end(), [](auto a, auto b) { return a->second.next < b->second.next; });
  std::vector<Attempt> out;
  for (auto it : due) {
    auto& [key, target] = *it;
    if (config_.conn_limit != 0 && view.connections.size() >= config_.conn_limit) {
      target.state = State::kAttempting;
      ended(key, fmt::format("Connection limit reached ({})", config_.conn_limit), now);
      continue;
    }
    if (attempts >= config_.max_attempts) break;
    ++attempts;
    target.state = State::kAttempting;
    target.next = now;
    out.push_back({key, target.host, target.address, target.direct});
  }
  return out;
}

Maker::Time Maker::next_wake() const {
  size_t attempts = 0;
  auto next = Time::max();
  for (const auto& [key, target] : targets_) {
    if (target.state == State::kAttempting) ++attempts;
    if (target.state == State::kWaiting) next = std::min(next, target.next);
  }
  // Those that are due wait for an attempt to end.
  return attempts >= config_.max_attempts ? Time::max() : next;
}

std::vector<Endpoint> Maker::resolved(const std::string& target, const std::vector<Ip>& addresses, Time now) {
  auto found = targets_.find(target);
  if (found == targets_.end() || found->second.state != State::kAttempting) return {};
  auto& entry = found->second;
  entry.addresses.clear();
  for (const auto& ip : addresses)
    if (entry.addresses.size() < kMaxAddresses) entry.addresses.push_back({ip, entry.port});
  if (!wanted(entry)) {
    entry.state = State::kSuspended;
    entry.next = now;
    return {};
  }
  std::vector<Endpoint> others;
  for (const auto& address : entry.addresses)
    if (!entry.own_addresses.contains(address)) others.push_back(address);
  if (others.empty()) entry.state = State::kNever;
  return others;
}

void Maker::answered(const std::string& target, PeerName peer) {
  if (auto found = targets_.find(target); found != targets_.end()) found->second.peer = peer;
}

void Maker::connected(const std::string& target) {
  auto found = targets_.find(target);
  if (found == targets_.end()) return;
  found->second.state = State::kConnected;
  found->second.reason.clear();
}

void Maker::ended(const std::string& target, const std::string& reason, Time now) {
  auto found = targets_.find(target);
  if (found == targets_.end()) return;
  auto& entry = found->second;
  if (entry.state != State::kAttempting && entry.state != State::kConnected) return;
  bool lasted = entry.state == State::kConnected && now - entry.next > kProven;
  entry.tried = true;
  entry.reason = reason;
  entry.state = State::kWaiting;
  if (lasted) {
    retry_at_once(entry, now);
    return;
  }
  entry.next = now + std::chrono::duration_cast<Duration>(entry.interval * (0.5 + chance_()));
  entry.interval = std::min<Duration>(entry.interval * 3 / 2, kLongestInterval);
}

void Maker::ended_for_good(const std::string& target, const Endpoint& address, const std::string& reason, Time now) {
  auto found = targets_.find(target);
  if (found == targets_.end()) return;
  auto& entry = found->second;
  if (entry.state != State::kAttempting && entry.state != State::kConnected) return;
  ended(target, reason, now);
  entry.peer.reset();
  entry.own_addresses.insert(address);
  bool others = std::any_of(entry.addresses.begin(), entry.addresses.end(),
                            [&](const auto& other) { return !entry.own_addresses.contains(other); });
  if (others)
    entry.next = now;
  else
    entry.state = State::kNever;
}

std::vector<Maker::Row> Maker::rows() const {
  std::vector<Row> rows;
  for (const auto& [key, target] : targets_) {
    Row row{.address = key, .state = {}, .reason = target.reason, .retry = {}, .never = false, .direct = target.direct};
    switch (target.state) {
      case State::kConnected:
      case State::kSuspended:
        continue;
      case State::kWaiting:
        row.state = target.reason.empty() ? "waiting" : "failed";
        row.retry = target.next;
        break;
      case State::kNever:
        row.state = "failed";
        row.never = true;
        break;
      case State::kAttempting:
        row.state = target.tried ? "retrying" : "connecting";
        break;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace weave::mesh
