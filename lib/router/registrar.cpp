#include "router/registrar.hpp"

#include <chrono>

#include "base/log.hpp"
#include "base/text.hpp"

namespace weave::router {
namespace {

constexpr std::string_view kTable = "names";  // key "<container> <address> <name>", registered by hand

std::string key_of(const std::string& container, const std::pair<std::string, Ipv4>& one) {
  return fmt::format("{} {} {}", container, one.second.str(), one.first);
}

}  // namespace

std::vector<std::string> container_names(const docker::Container& container, const docker::Endpoint* endpoint,
                                         std::string_view domain) {
  std::set<std::string> found;
  auto zone = names::canonical(domain);
  auto consider = [&](std::string_view word) {
    if (word.empty() || word == std::string_view(container.id).substr(0, word.size())) return;  // the id, cut
    bool dotted = word.find('.') != word.npos;
    auto name = names::canonical(dotted ? std::string(word) : fmt::format("{}.{}", word, zone));
    // An alias or a hostname of another domain is no business of ours.
    if (names::refusal(name, zone).empty()) found.insert(std::move(name));
  };
  auto hostname = container.domainname.empty() ? container.hostname : container.hostname + "." + container.domainname;
  if (!endpoint) {
    // As Weave Net: `weave attach` registers a hostname in the domain alone, so that reverse lookups return it.
    if (hostname.find('.') != hostname.npos) consider(hostname);
    if (!found.empty()) return {found.begin(), found.end()};
  }
  consider(container.name);
  consider(hostname);
  if (endpoint)
    for (const auto& alias : endpoint->aliases)
      // Docker lists the hostname among the aliases without its domain.
      if (alias != container.hostname || container.domainname.empty()) consider(alias);
  for (auto label : {"com.docker.compose.service", "com.docker.swarm.service.name"})
    if (auto service = container.labels.find(label); service != container.labels.end()) consider(service->second);
  return {found.begin(), found.end()};
}

Registrar::Registrar(names::Database& names, Store& store, Changed changed)
    : names_(names), store_(store), changed_(std::move(changed)) {
  for (const auto& [key, value] : store_.all(kTable)) {
    auto first = key.find(' '), second = key.find(' ', first + 1);
    auto address =
        second == key.npos ? Refused(std::string("cut")) : Ipv4::parse(key.substr(first + 1, second - first - 1));
    if (!address) {
      log::warning("a stored name cannot be read: key='{}'", key);
      continue;
    }
    auto container = key.substr(0, first);
    manual_[container].insert({key.substr(second + 1), *address});
    // Of containers only when they turn out to run.
    if (!is_container_id(container))
      if (auto added = names_.add(key.substr(second + 1), container, *address, true)) publish(*added);
  }
}

int64_t Registrar::now() const {
  using namespace std::chrono;
  return duration_cast<seconds>(system_clock::now().time_since_epoch()).count();
}

void Registrar::publish(const names::Entries& entries) {
  if (!entries.empty()) changed_(entries);
}

void Registrar::update(const std::string& container, const Wanted& wanted) {
  Wanted all = wanted;
  if (auto died = died_.find(container); died != died_.end() && !wanted.empty()) {
    std::set<Ipv4> has;
    for (const auto& [name, address] : wanted) has.insert(address);
    follow_addresses(container, died->second, has);
    died_.erase(died);
  }
  Wanted by_hand;
  if (auto manual = manual_.find(container); manual != manual_.end() && !died_.contains(container))
    by_hand = manual->second;
  all.insert(by_hand.begin(), by_hand.end());
  Wanted present;
  for (const auto& entry : names_.own_live_entries())
    if (entry.container == container) present.insert({names::canonical(entry.hostname), entry.address});
  for (const auto& one : present)
    if (!all.contains(one))
      publish(names_.remove({.hostname = one.first, .container = container, .address = one.second}, now()));
  for (const auto& one : all) {
    if (present.contains(one)) continue;
    if (auto added = names_.add(one.first, container, one.second, by_hand.contains(one)))
      publish(*added);
    else
      log::debug("a name isn't registered: container={} reason={}", container, added.error());
  }
}

void Registrar::forget(const std::string& container) {
  auto manual = manual_.find(container);
  if (manual == manual_.end()) return;
  std::vector<Change> changes;
  for (const auto& one : manual->second) changes.push_back({std::string(kTable), key_of(container, one), std::nullopt});
  store_.apply(changes);
  manual_.erase(manual);
}

void Registrar::follow_addresses(const std::string& container, const std::set<Ipv4>& had, const std::set<Ipv4>& has) {
  std::vector<Change> changes;
  Wanted now;
  for (const auto& one : manual_[container]) {
    bool moved = !has.contains(one.second) && (had.empty() || had.contains(one.second));
    auto next = moved ? std::pair(one.first, *has.begin()) : one;
    now.insert(next);
    if (!moved) continue;
    changes.push_back({std::string(kTable), key_of(container, one), std::nullopt});
    changes.push_back({std::string(kTable), key_of(container, next), ""});
  }
  if (!changes.empty()) store_.apply(changes);
  manual_[container] = std::move(now);
}

void Registrar::died(const std::string& container) {
  if (auto manual = manual_.find(container); manual != manual_.end() && !died_.contains(container)) {
    auto& had = died_[container];
    for (const auto& entry : names_.own_live_entries())
      if (entry.container == container && !manual->second.contains({names::canonical(entry.hostname), entry.address}))
        had.insert(entry.address);
  }
  publish(names_.container_died(container, now()));
}

void Registrar::removed(const std::string& container) {
  died(container);
  forget(container);
  died_.erase(container);
}

void Registrar::keep_only(const std::set<std::string>& running, const std::set<std::string>& existing) {
  std::set<std::string> known;
  for (const auto& entry : names_.own_live_entries()) known.insert(entry.container);
  for (const auto& [container, wanted] : manual_) known.insert(container);
  for (const auto& container : known) {
    if (!is_container_id(container)) continue;
    if (!existing.contains(container))
      removed(container);
    else if (!running.contains(container))
      died(container);
  }
}

std::optional<std::string> Registrar::add(const std::string& container, Ipv4 address, const std::string& fqdn) {
  auto added = names_.add(fqdn, container, address, true);
  if (!added) return added.error();
  std::pair one{names::canonical(fqdn), address};
  if (manual_[container].insert(one).second) store_.put(kTable, key_of(container, one), "");
  publish(*added);
  return std::nullopt;
}

void Registrar::remove(const names::Which& which) {
  std::vector<Change> changes;
  for (auto& [container, list] : manual_) {
    if (which.container && *which.container != container) continue;
    std::erase_if(list, [&](const auto& one) {
      bool match = (!which.address || *which.address == one.second) &&
                   (!which.hostname || names::canonical(*which.hostname) == one.first);
      if (match) changes.push_back({std::string(kTable), key_of(container, one), std::nullopt});
      return match;
    });
  }
  std::erase_if(manual_, [](const auto& one) { return one.second.empty(); });
  if (!changes.empty()) store_.apply(changes);
  publish(names_.remove(which, now()));
}

}  // namespace weave::router
