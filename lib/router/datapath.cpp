#include "router/datapath.hpp"

#include <charconv>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "base/text.hpp"
#include "host/netlink.hpp"
#include "router/store_table.hpp"

namespace weave::router {
namespace {

constexpr const char* kShortIdKey = "short-id";

using overlay::FastDatapath;
using overlay::FastWay;
using settings::DatapathMode;

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
        one["By"] = overlay::kSleeveName;
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

Datapath::Datapath(asio::any_io_executor executor, Store& store, Config config)
    : store_(store), config_(std::move(config)) {
  auto text = store_.get(kRouterTable, kShortIdKey).value_or("");
  uint16_t id = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (code == std::errc() && end == text.data() + text.size() && id <= mesh::kMaxShortId) short_id_ = id;

  sleeve_.emplace(executor, config_.self, config_.host.value_or(Ipv4{}), config_.port);
  if (config_.mode == DatapathMode::kNone) {
    unavailable_because_ = "switched off";
    remove_fast();
    return;
  }
  overlay::FastDatapathConfig fast;
  fast.mode = config_.mode == DatapathMode::kBridge ? overlay::FastMode::kBridge : overlay::FastMode::kDirect;
  fast.port = static_cast<uint16_t>(config_.port + 1);
  fast.bridge = config_.bridge;
  fast.encrypted = config_.encrypted;
  fast.rekey_after = static_cast<uint64_t>(config_.rekey_after);
  try {
    fast_.emplace(executor, fast);
    log::info("fast datapath: mode={} port={}", to_string(fast_->mode()), fast.port);
    if (!fast_->reason().empty())
      warnings_.push_back(
          fmt::format("the data path is '--datapath=bridge', where all frames cross the bridge: {}", fast_->reason()));
    if (config_.encrypted && !fast_->no_esp().empty())
      warnings_.push_back(
          fmt::format("encrypted connections use sleeve, which is slower: {}; 'modprobe -a esp4 xfrm_user' may help",
                      fast_->no_esp()));
  } catch (const Error& error) {
    unavailable_because_ = error.what();
    remove_fast();
    warnings_.push_back(fmt::format("no fast datapath, all frames use sleeve: {}{}{}", unavailable_because_,
                                    error.hint().empty() ? "" : "; ", error.hint()));
  }
}

// Removes what an earlier router left of the fast datapath.
void Datapath::remove_fast() {
  try {
    FastDatapath::remove();
  } catch (const Error& error) {
    warnings_.push_back(fmt::format("cannot remove what is left of the fast datapath: {}", error.what()));
  }
}

std::optional<uint16_t> Datapath::short_id() const {
  auto adopted = fast_ ? fast_->adopted_short_id() : std::nullopt;
  return adopted ? adopted : short_id_;
}

std::vector<overlay::Overlay*> Datapath::overlays() {
  std::vector<overlay::Overlay*> out;
  if (fast_) out.push_back(&*fast_);
  out.push_back(&*sleeve_);
  return out;
}

void Datapath::stop() {
  fast_.reset();
  sleeve_.reset();
}

void Datapath::keep_short_id(const mesh::Peers& peers) {
  auto id = peers.self().short_id;
  if (!id || id == short_id_ || peers.short_ids().owner(*id) != peers.self().name) return;
  short_id_ = id;
  store_.put(kRouterTable, kShortIdKey, std::to_string(*id));
}

void Datapath::start() {
  try {
    start_sleeve();
  } catch (const Error& error) {
    if (!fast_) throw;
    no_sleeve_because_ = error.what();
    sleeve_->set_unavailable(no_sleeve_because_);
    warnings_.push_back(fmt::format("no sleeve, so peers without the fast datapath can't be reached: {}; {}",
                                    error.what(), error.hint()));
  }
}

void Datapath::start_sleeve() {
  auto place = fast_ ? overlay::TapPlace::kTrunk : overlay::TapPlace::kPort;
  int link = sleeve_->start(config_.bridge, place);
  if (fast_) fast_->set_sleeve(link);
  no_sleeve_because_.clear();
  sleeve_->set_unavailable({});
}

void Datapath::repair(host::Repairs& repairs) {
  if (fast_) fast_->restore(repairs);
  const std::string name = overlay::SleeveDatapath::kInterfaceName;
  host::Netlink net;
  auto tap = net.find_link(name);
  auto bridge = net.find_link(config_.bridge);
  if (!bridge) return;
  if (!no_sleeve_because_.empty()) {  // the module may be there by now
    try {
      start_sleeve();
      log::info("sleeve is available now");
    } catch (const Error&) {
    }
    return;
  }
  bool sound = sleeve_->carries() && tap && tap->up && (fast_ || tap->master == bridge->index);
  if (!sound)
    repairs.attempt("interface " + name, [&] {
      if (!sleeve_->carries() || !tap) return start_sleeve();
      if (!fast_ && tap->master != bridge->index) net.set_master(tap->index, bridge->index);
      if (!tap->up) net.set_up(tap->index);
    });
  // Frames that go back to the TAP would reach other hosts twice.
  if (!fast_ && sound && net.hairpin(tap->index))
    repairs.attempt("hairpin flag of " + name, [&] { net.set_hairpin(tap->index, false); });
}

std::string Datapath::text() const {
  if (!fast_) return unavailable_because_.empty() ? "none" : fmt::format("sleeve only ({})", unavailable_because_);
  std::string text = to_string(fast_->mode());
  if (!fast_->reason().empty()) text += fmt::format(" ({})", fast_->reason());
  if (config_.encrypted && !fast_->no_esp().empty())
    text += fmt::format("; encrypted connections by sleeve ({})", fast_->no_esp());
  if (!no_sleeve_because_.empty()) text += fmt::format("; no sleeve ({})", no_sleeve_because_);
  return text;
}

void Datapath::report(control::Router& router, const std::vector<mesh::Peer>& peers) const {
  auto now = std::chrono::system_clock::now();
  auto mac = [&](const Mac& address, PeerName name, std::chrono::minutes age) {
    auto peer = std::ranges::find(peers, name, &mesh::Peer::name);
    router.macs.push_back({address, name, peer == peers.end() ? "" : mesh::printable(peer->nickname), now - age});
  };
  auto known = sleeve_->diagnostics();
  if (!known.interface.empty()) router.interface = known.interface + " (via TAP)";
  router.overlay_diagnostics[overlay::kSleeveName] = sleeve_json(known);
  for (const auto& entry : known.macs) mac(entry.mac, entry.peer, entry.age);
  if (!fast_) return;
  auto status = fast_->status();
  router.interface = fmt::format("vethwe-datapath (via eBPF, {})", to_string(status.mode));
  router.overlay_diagnostics[overlay::kFastdpName] = fast_json(status);
  for (const auto& place : status.macs) {
    auto name = config_.self;
    if (place.peer) {
      auto way = status.wanted.peers.find(*place.peer);
      if (way == status.wanted.peers.end()) continue;
      name = way->second.name;
    }
    mac(place.mac, name, std::chrono::minutes(place.minutes));
  }
}

void Datapath::count(control::Counters& counters) const {
  auto add = [&](const overlay::Overlay& overlay) {
    auto counts = overlay.counts();
    for (const auto& [direction, flow] : counts.flows)
      counters.overlays[{overlay.name(), direction}] = {.packets = flow.packets, .bytes = flow.bytes};
    for (const auto& [reason, count] : counts.dropped) counters.drops[{overlay.name(), reason}] = count;
  };
  add(*sleeve_);
  if (!fast_) return;
  add(*fast_);
  counters.flows = fast_->status().macs.size();
}

}  // namespace weave::router
