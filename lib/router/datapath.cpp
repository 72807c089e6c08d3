// What carries containers' frames to other hosts: the fast datapath where the kernel can, sleeve below it or alone.
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "mesh/data_topology.hpp"
#include "router/router.hpp"

namespace weave::router {
namespace {

constexpr const char* kTable = kRouterTable;

using overlay::FastDatapath;
using overlay::FastWay;

nlohmann::json flow_json(const overlay::SleeveDiagnostics::Flow& flow) {
  return {{"Packets", flow.packets}, {"Bytes", flow.bytes}};
}

nlohmann::json sleeve_json(const overlay::SleeveDiagnostics& known) {
  return {{"Captured", flow_json(known.captured)},
          {"Injected", flow_json(known.injected)},
          {"Sent", flow_json(known.sent)},
          {"Received", flow_json(known.received)},
          {"Relayed", flow_json(known.relayed)},
          {"DroppedSending", known.dropped_sending},
          {"DroppedReceiving", known.dropped_receiving}};
}

nlohmann::json fast_json(const FastDatapath::Status& status) {
  nlohmann::json counters = nlohmann::json::object(), dropped = nlohmann::json::object();
  for (const auto& counter : status.counters)
    if (counter.frames > 0) (counter.dropped ? dropped : counters)[counter.name] = counter.frames;
  nlohmann::json ways = nlohmann::json::array();
  for (const auto& [id, way] : status.wanted.peers) {
    nlohmann::json one{{"ShortID", id}, {"Name", way.name.str()}};
    switch (way.kind) {
      case FastWay::Kind::kFast:
        one["By"] = fmt::format("{}:{}", way.hop.remote.str(), way.hop.port);
        break;
      case FastWay::Kind::kSleeve:
        one["By"] = "sleeve";
        break;
      case FastWay::Kind::kUnreachable:
        one["By"] = nullptr;
        break;
    }
    ways.push_back(std::move(one));
  }
  return {{"Mode", to_string(status.mode)},  {"Reason", status.reason}, {"Ports", status.ports}, {"MTU", status.mtu},
          {"Containers", status.containers}, {"Frames", counters},      {"Dropped", dropped},    {"Ways", ways},
          {"MACs", status.macs.size()}};
}

}  // namespace

// Before the node: the short id under which frames flow already must be ours again.
void Router::start_fast_datapath(std::vector<std::string>& warnings) {
  auto remove = [&] {
    try {
      FastDatapath::remove();
    } catch (const Error& error) {
      warnings.push_back(fmt::format("remains of the fast datapath can't be removed: {}", error.what()));
    }
  };
  if (options_.datapath == "none") {
    fast_trouble_ = "switched off";
    return remove();
  }
  overlay::FastDatapathConfig config;
  config.mode = options_.datapath == "bridge" ? overlay::FastMode::kBridge : overlay::FastMode::kDirect;
  config.port = static_cast<uint16_t>(options_.port + 1);
  config.bridge = options_.bridge;
  config.encrypted = !options_.password.empty();
  try {
    fast_.emplace(io_.get_executor(), config);
    log::info("fast datapath: mode={} port={}", to_string(fast_->mode()), config.port);
    if (!fast_->reason().empty())
      warnings.push_back(fmt::format(
          "frames cross the bridge ('--datapath=bridge'), for the kernel can't do better: {}", fast_->reason()));
  } catch (const Error& error) {
    fast_trouble_ = error.what();
    remove();
    warnings.push_back(fmt::format("no fast datapath, all frames go by sleeve: {}{}{}", fast_trouble_,
                                   error.hint().empty() ? "" : "; ", error.hint()));
  }
}

// Under another id we would be another destination to everybody: frames that are under way, and what is known of who is
// where, would be lost.
void Router::keep_short_id() {
  const auto& peers = node_->mesh().peers();
  auto id = peers.self().short_id;
  if (!id || id == short_id_ || peers.short_ids().owner(*id) != self_) return;
  short_id_ = id;
  store_->put(kTable, "short-id", std::to_string(*id));
}

std::optional<uint16_t> Router::stored_short_id() {
  auto text = store_->get(kTable, "short-id").value_or("");
  uint16_t id = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), id);
  return code == std::errc() && end == text.data() + text.size() && id <= mesh::kMaxShortId ? std::optional(id)
                                                                                            : std::nullopt;
}

void Router::topology_changed() {
  if (!node_) return;
  keep_short_id();
  if (!fast_) return;
  try {
    fast_->update(mesh::data_topology(*node_));
  } catch (const Error& error) {
    log::error("fast datapath: the topology can't be brought to the kernel: reason={}", error.what());
  }
}

Result<std::unique_ptr<overlay::Forwarder>> Router::make_forwarder(const std::string& overlay,
                                                                   const overlay::Link& link,
                                                                   std::function<void()> changed) {
  if (overlay != "fastdp" || !fast_) return Refused("this router has no such overlay");
  return fast_->make(link, std::move(changed));
}

// Sleeve is there when we listen on an IPv4 address.
void Router::start_sleeve() {
  auto* sleeve = node_->sleeve();
  if (sleeve == nullptr) return;
  auto place = fast_ ? overlay::TapPlace::kTrunk : overlay::TapPlace::kPort;
  int link = sleeve->start(options_.bridge, place);
  if (fast_) fast_->set_sleeve(link);
}

// Somebody may have removed its interface, or the bridge for a while.
void Router::mend_sleeve() {
  auto* sleeve = node_ ? node_->sleeve() : nullptr;
  if (sleeve == nullptr || sleeve->carries()) return;
  try {
    start_sleeve();
    log::warning("sleeve's interface was gone, and is back");
  } catch (const Error& error) {
    log::error("sleeve carries no frames: reason={}", error.what());
  }
}

std::string Router::datapath_text() const {
  if (!fast_) return fast_trouble_.empty() ? "none" : fmt::format("sleeve only ({})", fast_trouble_);
  std::string text = to_string(fast_->mode());
  if (!fast_->reason().empty()) text += fmt::format(" ({})", fast_->reason());
  if (!options_.password.empty() && !fast_->no_esp().empty())
    text += fmt::format("; encrypted connections by sleeve ({})", fast_->no_esp());
  return text;
}

void Router::report_datapath(control::Router& router, const std::vector<mesh::Peer>& peers) {
  auto now = std::chrono::system_clock::now();
  auto mac = [&](const Mac& address, PeerName name, std::chrono::minutes age) {
    auto peer = std::ranges::find(peers, name, &mesh::Peer::name);
    router.macs.push_back({address.str(), name.str(), peer == peers.end() ? "" : mesh::printable(peer->nickname),
                           control::rfc3339(now - age)});
  };
  router.datapath = datapath_text();
  router.overlay_diagnostics["sleeve"] = "null";
  if (auto* sleeve = node_->sleeve()) {
    auto known = sleeve->diagnostics();
    if (!known.interface.empty()) router.interface = known.interface + " (via TAP)";
    router.overlay_diagnostics["sleeve"] = sleeve_json(known).dump();
    for (const auto& entry : known.macs) mac(entry.mac, entry.peer, entry.age);
  }
  if (!fast_) return;
  auto status = fast_->status();
  router.interface = fmt::format("vethwe-datapath (via eBPF, {})", to_string(status.mode));
  router.overlay_diagnostics["fastdp"] = fast_json(status).dump();
  for (const auto& place : status.macs) {
    auto name = self_;
    if (place.peer) {
      auto way = status.wanted.peers.find(*place.peer);
      if (way == status.wanted.peers.end()) continue;
      name = way->second.name;
    }
    mac(place.mac, name, std::chrono::minutes(place.minutes));
  }
}

void Router::count_datapath(control::Counters& counters) {
  auto add = [&](const char* overlay, const char* direction, const overlay::SleeveDiagnostics::Flow& flow,
                 const std::map<std::string, uint64_t>& dropped) {
    counters.overlays[{overlay, direction}] = {.packets = flow.packets, .bytes = flow.bytes};
    for (const auto& [reason, count] : dropped) counters.drops[{overlay, reason}] += count;
  };
  if (auto* sleeve = node_ ? node_->sleeve() : nullptr) {
    auto known = sleeve->diagnostics();
    add("sleeve", "out", known.sent, known.dropped_sending);
    add("sleeve", "in", known.received, known.dropped_receiving);
  }
  if (!fast_) return;
  auto status = fast_->status();
  counters.flows = status.macs.size();
  const std::map<std::string, const char*> directions{{"sent", "out"}, {"received", "in"}, {"relayed", "relayed"}};
  for (const auto& counter : status.counters) {
    auto direction = directions.find(counter.name);
    if (direction != directions.end())
      counters.overlays[{"fastdp", direction->second}] = {.packets = counter.frames, .bytes = {}};
    else if (counter.dropped && counter.frames > 0)
      counters.drops[{"fastdp", counter.name}] = counter.frames;
  }
}

}  // namespace weave::router
