// A router in memory: just enough behaviour to replay captured sessions against the routes.
#pragma once
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <set>

#include "address/mac.hpp"
#include "base/error.hpp"
#include "control/api.hpp"

namespace weave::control {

class MemoryBackend : public Backend {
 public:
  Parts on;
  Report state;
  Counters numbers;
  std::set<std::string> alive;
  std::map<std::string, std::vector<Cidr>> addresses;
  std::vector<std::string> exposed;
  bool left = false;
  std::string findings;
  std::string plugin;
  std::optional<PluginStart> plugin_started_with;
  std::optional<AttachRequest> attached_with;
  bool stopped = false;
  ReportParts asked_for;
  Cidr range = *Cidr::parse("10.32.0.0/12");

  Parts parts() override { return on; }
  // Only what was asked for, so that a path that asks for too little fails.
  Report report(ReportParts asked) override {
    asked_for = asked;
    auto report = state;
    if (!asked.mesh) {
      report.router.peers.clear();
      report.router.connections.clear();
      report.router.targets.clear();
    }
    if (!asked.datapath) {
      report.router.overlay_diagnostics.clear();
      report.router.macs.clear();
    }
    if (!asked.ipam) report.ipam.reset();
    if (!asked.names) report.dns.reset();
    if (!asked.plugin) report.plugin.reset();
    return report;
  }
  Counters counters() override { return numbers; }

  asio::awaitable<std::optional<Cidr>> allocate(std::string id, std::optional<Cidr> subnet, bool check_alive) override {
    auto in = subnet.value_or(range);
    if (!range.range().contains(in.range()))
      throw Error(fmt::format("range {} out of bounds: {}", in.str(), range.str()));
    if (left || (check_alive && !alive.contains(id))) co_return std::nullopt;
    for (const auto& cidr : addresses[id])
      if (cidr.prefix == in.prefix && in.contains(cidr.address)) co_return cidr;
    for (auto address = in.host_range().start;; address = address + 1) {
      if (taken(address)) continue;
      addresses[id].push_back({address, in.prefix});
      co_return addresses[id].back();
    }
  }
  asio::awaitable<bool> claim(std::string id, Cidr cidr, bool, bool) override {
    if (left) co_return false;
    if (auto owner = taken(cidr.address))
      throw Error(fmt::format("address {} is already owned by {}", cidr.str(), *owner));
    addresses[id].push_back(cidr);
    co_return true;
  }
  std::vector<Cidr> lookup(const std::string& id, std::optional<Cidr> subnet) override {
    std::vector<Cidr> out;
    for (const auto& cidr : addresses.contains(id) ? addresses[id] : std::vector<Cidr>{})
      if (!subnet || subnet->contains(cidr.address)) out.push_back(cidr);
    return out;
  }
  std::map<std::string, std::vector<Cidr>> owned() override { return addresses; }
  bool release(const std::string& id, std::optional<Ipv4> address) override {
    auto it = addresses.find(id);
    if (it == addresses.end()) return false;
    auto removed = std::erase_if(it->second, [&](auto& cidr) { return !address || cidr.address == *address; });
    if (it->second.empty()) addresses.erase(it);
    return removed != 0;
  }
  asio::awaitable<void> ring() override { co_return; }
  asio::awaitable<void> leave() override {
    left = true;
    co_return;
  }
  std::optional<uint64_t> take_over(const std::string&, bool) override {
    return on.ipam ? std::optional<uint64_t>(0) : std::nullopt;
  }
  std::string ipam_diff() override { return findings; }
  std::string ipam_repair(bool rejoin, bool force) override {
    if (rejoin && !force) throw Error("peers that share our ring can be reached");
    return rejoin ? "given up\n" : "asked\n";
  }

  asio::awaitable<std::optional<std::string>> add_name(std::string id, Ipv4 address, std::string fqdn,
                                                       bool check_alive) override {
    if (!fqdn.ends_with('.')) fqdn += '.';
    if (!lower(fqdn).ends_with(".weave.local.")) co_return fqdn + " isn't below weave.local.";
    if (check_alive && !alive.contains(id)) co_return "container isn't running";
    state.dns->entries.push_back({fqdn, state.router.name, id, address, 0, 0});
    co_return std::nullopt;
  }
  void delete_name(std::optional<std::string> fqdn, std::optional<std::string> id,
                   std::optional<Ipv4> address) override {
    for (auto& e : state.dns->entries)
      if ((!fqdn || lower(e.hostname) == lower(*fqdn) + ".") && (!id || e.container_id == *id) &&
          (!address || e.address == *address))
        e.tombstone = 1;
  }

  asio::awaitable<void> expose(Cidr address, bool skip_nat) override {
    if (address.prefix == 0) throw Error("no such bridge");
    exposed.push_back(address.str() + (skip_nat ? " without NAT" : ""));
    co_return;
  }
  asio::awaitable<void> hide(Cidr address, bool) override {
    std::erase(exposed, address.str());
    co_return;
  }
  std::vector<std::string> connect(const std::vector<std::string>& peers, bool replace) override {
    if (replace) state.router.targets.clear();
    for (const auto& peer : peers) state.router.targets.push_back(peer);
    return {};
  }
  void forget(const std::vector<std::string>& peers) override {
    for (const auto& peer : peers) std::erase(state.router.targets, peer);
  }
  asio::awaitable<std::string> start_plugin(PluginStart options) override {
    plugin = "7f";
    plugin_started_with = options;
    co_return plugin;
  }
  asio::awaitable<bool> stop_plugin() override { co_return !std::exchange(plugin, "").empty(); }
  asio::awaitable<std::vector<Cidr>> attach(AttachRequest request) override {
    if (!alive.contains(request.container)) throw Error("No such container: " + request.container);
    attached_with = request;
    for (const auto& text : request.addresses) addresses[request.container].push_back(*Cidr::parse(text));
    co_return addresses[request.container];
  }
  asio::awaitable<std::vector<Cidr>> detach(std::string container, std::vector<std::string>) override {
    auto gone = addresses.extract(container);
    if (gone.empty()) throw Error(container + " is not attached");
    co_return gone.mapped();
  }
  asio::awaitable<std::vector<Attached>> attached(std::vector<std::string> containers) override {
    std::vector<Attached> list;
    for (const auto& id : containers) list.push_back({id, "02:00:00:00:00:05", addresses[id]});
    co_return list;
  }
  asio::awaitable<std::vector<std::string>> stop(bool remove_network) override {
    stopped = true;
    if (remove_network) co_return std::vector<std::string>{"WARNING: in use"};
    co_return std::vector<std::string>{};
  }

 private:
  static std::string lower(std::string text) {
    for (char& c : text) c = static_cast<char>(std::tolower(c));
    return text;
  }
  std::optional<std::string> taken(Ipv4 address) {
    for (const auto& [id, cidrs] : addresses)
      for (const auto& cidr : cidrs)
        if (cidr.address == address) return id;
    return std::nullopt;
  }
};

// Runs one request to its end.
inline http::Response ask(Routes& routes, http::Request request, Door door = Door::kSocket) {
  asio::io_context context;
  auto future = asio::co_spawn(context, routes.handle(std::move(request), door), asio::use_future);
  context.run();
  return future.get();
}

inline http::Response ask(Routes& routes, std::string method, std::string target, Door door = Door::kSocket) {
  return ask(routes, http::Request{std::move(method), std::move(target), {}, {}}, door);
}

}  // namespace weave::control
