#include "node/node_impl.hpp"

namespace weave::mesh {

namespace {

using Wall = std::chrono::system_clock::time_point;

// Rounded, for what is finer only tells how long it took to read two clocks: it would differ with every call.
Wall wall(Time time) {
  auto since = time - std::chrono::steady_clock::now();
  return std::chrono::round<std::chrono::milliseconds>(std::chrono::system_clock::now() + since);
}

// Why a connection isn't what it could be: the first overlay that has something to say about itself, down to the one in
// use.
std::string reason_of(const std::vector<overlay::OverlaySwitch::Row>& overlays, const std::string& in_use) {
  for (const auto& row : overlays) {
    if (!row.reason.empty()) return row.overlay + ": " + row.reason;
    if (row.overlay == in_use) return {};
  }
  return {};
}

}  // namespace

bool Node::Impl::established_by(PeerName name) const {
  const auto* peer = mesh.peers().find(name);
  auto* link = peer != nullptr ? peer->link_to(config.name) : nullptr;
  return link == nullptr || link->established;
}

NodeStatus Node::Impl::status() const {
  NodeStatus out;
  out.mesh = mesh.status();
  out.terminations = terminations;
  out.targets = maker.targets();
  out.encryption = !config.password.empty();
  out.discovery = config.discovery;
  out.min_version = config.min_version;
  out.max_version = kMaxVersion;
  out.port = config.port;
  for (const auto& subnet : config.trusted_subnets) out.trusted_subnets.push_back(subnet.str());

  for (const auto& connection : out.mesh.connections) {
    auto found = sessions.find(connection.id);
    if (found == sessions.end()) continue;
    const auto& session = found->second;
    ConnectionRow row;
    row.address = session.remote.str();
    row.outbound = session.outbound;
    // The peer announces whether it has established the connection, too: only then frames pass both ways.
    row.state = connection.established && established_by(session.theirs.name) ? "established" : "pending";
    row.peer = session.theirs.name;
    row.nickname = printable(session.theirs.nickname);
    row.overlay = session.overlays->name();
    row.mtu = session.overlays->mtu();
    row.encrypted = session.encrypted;
    row.since = wall(std::max(connection.since, session.overlay_since));
    row.overlays = session.overlays->rows();
    row.reason = reason_of(row.overlays, row.overlay);
    out.connections.push_back(std::move(row));
  }
  for (const auto& [ip, refusal] : refused) {
    if (std::chrono::steady_clock::now() - refusal.last > kRefusedShown) continue;
    ConnectionRow row;
    row.address = ip.str();
    row.state = "failed";
    row.reason = refusal.reason + ": is the password the same on both hosts?";
    out.connections.push_back(std::move(row));
  }
  for (const auto& target : maker.rows()) {
    ConnectionRow row;
    row.address = target.address;
    row.outbound = true;
    row.state = target.state;
    row.reason = target.reason;
    if (target.retry) row.retry_at = wall(*target.retry);
    out.connections.push_back(std::move(row));
  }
  return out;
}

}  // namespace weave::mesh
