// What the router says about itself.
#include "control/report.hpp"

#include <filesystem>

#include "base/version.hpp"

#include "router/router.hpp"

namespace weave::router {

control::Report Router::report() {
  control::Report report;
  bool dns_up = !dns_ || dns_->service().up();
  bool plugin_up = !plugin_ || !plugin_->wanted() || plugin_->up();
  report.ready = ready_ && dns_up && plugin_up;
  report.version = kVersion;

  auto& router = report.router;
  router.encryption = !options_.password.empty();
  router.peer_discovery = options_.discovery;
  router.name = self_.str();
  router.nickname = options_.nickname;
  router.port = options_.port;
  router.interface = "no overlay bridge";
  if (node_) report_peers(router);
  router.trusted_subnets = options_.trusted_subnets;
  router.service_id = options_.service_id;

  if (addresses_) {
    auto known = addresses_->allocator().report(addresses_->allocator().links().reachable);
    control::Ipam ipam;
    if (known.election)
      ipam.paxos = control::Paxos{known.election->elector, static_cast<int>(known.election->known),
                                  static_cast<int>(known.election->quorum)};
    ipam.range = known.range.str();
    ipam.range_size = known.range_num_ips;
    ipam.active_ips = known.active_ips;
    ipam.default_subnet = known.default_subnet.str();
    for (const auto& share : known.entries)
      ipam.entries.push_back(
          {share.token.str(), share.size, share.peer.str(), share.nickname, share.known, share.version});
    for (const auto& [ident, cidr] : known.pending_claims)
      ipam.pending_claims.push_back({ident, cidr.address.str(), cidr.prefix});
    ipam.pending_allocates = known.pending_allocates;
    ipam.problems = known.problems;
    report.ipam = std::move(ipam);
  }
  if (dns_) {
    control::Dns dns;
    dns.domain = options_.dns_domain;
    dns.upstream = dns_->status().upstreams;
    try {
      dns.address = dns_config().listen.front();
    } catch (const Error&) {  // Docker's bridge isn't there yet
    }
    dns.ttl = options_.dns_ttl;
    for (const auto& entry : names_->entries())
      dns.entries.push_back({entry.hostname, entry.origin.str(), entry.container, entry.address.str(),
                             static_cast<int>(entry.version), entry.tombstone});
    dns.state = dns_->service().state();
    // Names of a peer whose clock is wrong are missing, and nothing else tells why.
    if (const auto skews = gossiper_->status().skews; dns_->service().up() && !skews.empty())
      dns.state = fmt::format("no names of {}: its clock differs from ours by {} s", skews.front().peer.str(),
                              skews.front().seconds);
    report.dns = std::move(dns);
  }
  if (plugin_ && plugin_->wanted()) {
    control::Plugin plugin;
    plugin.socket = options_.plugin_socket;
    plugin.mesh_socket = options_.plugin_mesh_socket;
    plugin.dns = options_.dns;
    if (auto subnet = default_subnet_of(options_)) plugin.default_subnet = subnet->str();
    // Docker knows a driver by its socket's name.
    auto driver = [](const std::string& path) { return std::filesystem::path(path).stem().string(); };
    plugin.driver_name = driver(options_.plugin_socket);
    plugin.mesh_driver_name = driver(options_.plugin_mesh_socket);
    plugin.service_id = plugin_id_;
    plugin.state = plugin_->state();
    plugin.since = control::rfc3339(plugin_->since());
    report.plugin = std::move(plugin);
  }
  return report;
}

control::Counters Router::counters() {
  control::Counters counters;
  auto add = [&](const std::string& name, const supervise::Service& service) {
    counters.services_up[name] = service.up();
    counters.service_restarts[name] = service.restarts();
  };
  if (dns_) {
    add("dns", dns_->service());
    const auto& status = dns_->status();
    counters.dns_queries = {{"answered", status.answered},
                            {"forwarded", status.forwarded},
                            {"refused", status.refused},
                            {"dropped", status.dropped},
                            {"failed", status.failed}};
  }
  if (plugin_ && plugin_->wanted()) add("plugin", *plugin_);
  count_datapath(counters);
  return counters;
}

}  // namespace weave::router
