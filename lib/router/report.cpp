// What the router says about itself.
#include "control/report.hpp"

#include "base/version.hpp"
#include "router/router.hpp"

namespace weave::router {
namespace {

control::Ipam report_ipam(const Addresses& addresses) {
  auto known = addresses.allocator().report(addresses.allocator().links().reachable);
  control::Ipam ipam;
  if (known.election)
    ipam.paxos = control::Paxos{known.election->elector, static_cast<int>(known.election->known),
                                static_cast<int>(known.election->quorum)};
  ipam.range = known.range;
  ipam.range_size = known.range_num_ips;
  ipam.active_ips = known.active_ips;
  ipam.default_subnet = known.default_subnet;
  for (const auto& share : known.entries)
    ipam.entries.push_back({share.token, share.size, share.peer, share.nickname, share.known, share.version});
  for (const auto& [ident, cidr] : known.pending_claims) ipam.pending_claims.push_back({ident, cidr});
  ipam.pending_allocates = known.pending_allocates;
  ipam.problems = known.problems;
  return ipam;
}

}  // namespace

control::Report Router::report(control::ReportParts parts) const {
  control::Report report;
  report.ready = ready_ && (!owners_.names || owners_.names->up()) && owners_.plugin->up();
  report.version = kVersion;

  auto& router = report.router;
  router.encryption = !settings_.password.empty();
  router.peer_discovery = settings_.discovery;
  router.name = self_;
  router.nickname = settings_.nickname;
  router.port = settings_.port;
  router.interface = "no overlay bridge";
  if (owners_.peers && parts.mesh) {
    router.datapath = owners_.datapath->text();
    owners_.peers->report(router, owners_.datapath->has_fast());
  }
  if (owners_.peers && parts.datapath) owners_.datapath->report(router, owners_.peers->node().status().mesh.peers);
  for (const auto& subnet : settings_.trusted_subnets) router.trusted_subnets.push_back(subnet.str());
  router.service_id = settings_.service_id;
  if (owners_.host) router.problems = owners_.host->problems();
  if (!route_problem_.empty()) router.problems.push_back(route_problem_);
  for (auto& one : repairs_.recent()) router.restored.push_back({std::move(one.item), one.times, one.last});

  if (owners_.addresses && parts.ipam) report.ipam = report_ipam(*owners_.addresses);
  if (owners_.names && parts.names) owners_.names->report(report);
  if (parts.plugin) owners_.plugin->report(report);
  return report;
}

}  // namespace weave::router
