// weave connect, forget, rmpeer
#include <chrono>
#include <thread>

#include "output.hpp"
#include "router_client.hpp"
#include "rows.hpp"

namespace weave::cmd {
namespace {

http::Fields peer_fields(const Words& peers) {
  http::Fields form;
  for (const auto& peer : peers) form.emplace_back("peer", peer);
  return form;
}

int connect(const Words& peers, bool replace) {
  if (peers.empty() && !replace) throw UsageError("weave connect needs a peer, or --replace to drop all.");
  auto form = peer_fields(peers);
  if (replace) form.emplace_back("replace", "true");
  router_client().ask("POST", "/connect", form);
  return kDone;
}

int forget(const Words& peers) {
  router_client().ask("POST", "/forget", peer_fields(peers));
  return kDone;
}

// Sooner than that, connections to a peer that has ended are closed, and it is forgotten.
constexpr std::chrono::seconds kClosed{1}, kForgotten{3};
constexpr std::chrono::milliseconds kBetweenLooks{200};

const control::Peer* find_peer(const control::Report& report, const std::string& word) {
  for (const auto& peer : report.router.peers)
    if (peer.name.str() == word || peer.nickname == word) return &peer;
  return nullptr;
}

bool anybody_connected(const control::Report& report, const control::Peer& peer) {
  return std::ranges::any_of(report.router.peers, [&](const control::Peer& one) {
    return std::ranges::any_of(one.connections, [&](const auto& connection) { return connection.name == peer.name; });
  });
}

// Taking the ranges of a peer that lives ends in two owners of one address. A peer that has just ended is forgotten
// within seconds, which is waited for.
void require_dead(control::Report report, const control::Client& client, const std::string& word) {
  if (word == report.router.name.str() || word == report.router.nickname)
    throw Error(fmt::format("{} is this peer itself", word), "to leave the network, use 'weave reset'");
  for (auto began = std::chrono::steady_clock::now();; report = report_of(client)) {
    const auto* peer = find_peer(report, word);
    if (!peer) return;
    if (std::chrono::steady_clock::now() - began >= (anybody_connected(report, *peer) ? kClosed : kForgotten))
      throw Error(fmt::format("{} counts as reachable and uses its addresses itself", word),
                  "stop that peer first; one that ended without a word counts as reachable for up to a minute; "
                  "--force takes its addresses at once");
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

bool owns_addresses(const control::Report& report, const std::string& word) {
  const auto& entries = report.ipam->entries;
  return std::any_of(entries.begin(), entries.end(),
                     [&](const control::RingEntry& one) { return one.peer.str() == word || one.nickname == word; });
}

int rmpeer(const Words& peers, bool force) {
  auto client = router_client();
  auto report = report_of(client);
  if (!report.ipam) throw Failure("IPAM is disabled", kFeatureOff);
  for (const auto& peer : peers) {
    if (!force) require_dead(report, client, peer);
    if (!owns_addresses(report, peer)) throw Error(fmt::format("no peer '{}' owns addresses", peer));
  }
  http::Fields form;
  if (force) form.emplace_back("force", "true");
  for (const auto& peer : peers) out(client.ask("DELETE", path("/peer", {peer}), form));
  return kDone;
}

}  // namespace

Command connect_row() {
  auto replace = std::make_shared<bool>();
  Command command{.name = "connect", .group = "Peers", .summary = "Connect to more peers", .words = "<peer> ..."};
  command.details = "A peer is <host>[:<port>]. Returns at once; 'weave status connections' shows the result.";
  command.options = {{"--replace", "", "replace the list of peers; without a peer: clear it", replace.get()}};
  command.word_kind = WordKind::kPeer;
  command.run = [replace](const Words& peers) { return connect(peers, *replace); };
  return command;
}

Command forget_row() {
  Command command{
      .name = "forget", .group = "Peers", .summary = "Stop trying to connect to peers", .words = "<peer> ..."};
  command.details = "Takes peers as they were given (see 'weave status targets'). Existing connections stay.";
  command.min_words = 1;
  command.word_kind = WordKind::kPeer;
  command.run = forget;
  return command;
}

Command rmpeer_row() {
  auto force = std::make_shared<bool>();
  Command command{.name = "rmpeer",
                  .group = "Peers",
                  .summary = "Take over the addresses of peers that are gone for good",
                  .words = "<peer name or nickname> ..."};
  command.details = "Run it on one peer only. Prints the number of addresses taken over.";
  command.options = {{"--force", "", "also if the peer is reachable", force.get()}};
  command.min_words = 1;
  command.run = [force](const Words& peers) { return rmpeer(peers, *force); };
  return command;
}

}  // namespace weave::cmd
