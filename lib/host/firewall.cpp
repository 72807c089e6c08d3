#include "host/firewall.hpp"

#include <fmt/ranges.h>

namespace weave::host {
namespace {

constexpr const char* kControlComment = "Block non-local access to Weave Net control port";

bool our_chain(const std::string& chain) {
  return chain == "WEAVE" || chain.starts_with("WEAVE-");
}

std::vector<std::string> expose_rules(const Exposure& exposure) {
  auto net = exposure.cidr.masked().str();
  return {fmt::format("-A WEAVE -s {} -d 224.0.0.0/4 -j RETURN", net),
          fmt::format("-A WEAVE ! -s {0} -d {0} -j MASQUERADE", net),
          fmt::format("-A WEAVE -s {0} ! -d {0} -j MASQUERADE", net)};
}

std::string accept_rule(const Exposure& exposure) {
  return fmt::format("-A WEAVE-EXPOSE -d {} -j ACCEPT", exposure.cidr.masked().str());
}

bool contains_rule(const SavedTable& table, const std::string& chain, const std::string& rule) {
  auto found = table.find(chain);
  if (found == table.end()) return false;
  auto key = canonical_rule(rule);
  return std::any_of(found->second.begin(), found->second.end(),
                     [&](const std::string& saved) { return canonical_rule(saved) == key; });
}

void append_unique(std::vector<std::string>& rules, std::string rule) {
  if (std::find(rules.begin(), rules.end(), rule) == rules.end()) rules.push_back(std::move(rule));
}

// What Weave Net puts into chains that aren't its own, besides what we want ourselves.
std::vector<std::string> foreign_rules(const FirewallConfig& config) {
  const auto& bridge = config.bridge;
  std::vector<std::string> rules;
  rules.push_back(fmt::format("-A FORWARD -o {} -m state --state NEW -j NFLOG --nflog-group 86", bridge));
  rules.push_back(fmt::format("-A FORWARD -o {} -j DROP", bridge));
  rules.push_back(fmt::format("-A POSTROUTING -o {} -j ACCEPT", bridge));
  rules.emplace_back("-A OUTPUT ! -p esp -m policy --dir out --pol none -m mark --mark 0x20000/0x20000 -j DROP");
  // A release wrote this rule without port and comment.
  rules.emplace_back(
      "-A INPUT -d 127.0.0.1/32 -p tcp -m addrtype ! --src-type LOCAL -m conntrack ! --ctstate RELATED,ESTABLISHED -j "
      "DROP");
  return rules;
}

// Removes the chains that `chosen` picks, the jumps to them, and the given rules wherever they stand.
template <class Chosen>
std::map<std::string, std::string> removal(const std::map<std::string, SavedTable>& saved, Chosen chosen,
                                           const std::set<std::string>& rules) {
  std::map<std::string, std::string> lines;
  for (const auto& [name, table] : saved) {
    std::string removed, flushed, deleted;
    for (const auto& [chain, contents] : table) {
      if (chosen(chain)) {
        flushed += fmt::format("-F {}\n", chain);
        deleted += fmt::format("-X {}\n", chain);
        continue;
      }
      for (const auto& rule : contents) {
        auto jump = rule.find(" -j ");
        auto target = jump == std::string::npos ? std::string() : rule.substr(jump + 4);
        if (chosen(target.substr(0, target.find(' '))) || rules.contains(canonical_rule(rule)) ||
            (chosen("WEAVE") && rule.find(kControlComment) != std::string::npos))
          removed += "-D" + rule.substr(2) + '\n';
      }
    }
    lines[name] = removed + flushed + deleted;
  }
  return lines;
}

}  // namespace

std::map<std::string, WantedTable> wanted_firewall(const FirewallConfig& config) {
  WantedTable filter, nat;
  const auto& bridge = config.bridge;
  auto accept_dns = [&](const std::string& interface) {
    for (const char* protocol : {"udp", "tcp"})
      append_unique(filter.first,
                    fmt::format("-A INPUT -i {0} -p {1} -m {1} --dport 53 -j ACCEPT", interface, protocol));
  };
  if (const auto& docker = config.docker_bridge) {
    auto protect = [&](const char* protocol, int port) {
      filter.first.push_back(fmt::format("-A INPUT -d {0}/32 -i {1} -p {2} -m {2} --dport {3} -j DROP",
                                         docker->address.str(), docker->name, protocol, port));
    };
    protect("tcp", config.port);
    protect("udp", config.port);
    protect("udp", config.port + 1);
    accept_dns(docker->name);
    if (docker->name != bridge)
      filter.leading.push_back(fmt::format("-A FORWARD -i {} -o {} -j DROP", docker->name, bridge));
  }
  for (const auto& interface : config.dns_interfaces) accept_dns(interface);
  if (config.user_bridges) {
    filter.first.emplace_back("-A INPUT -j WEAVE-DNS");
    auto& rules = filter.chains["WEAVE-DNS"];
    for (const auto& interface : *config.user_bridges)
      for (const char* protocol : {"udp", "tcp"})
        rules.push_back(fmt::format("-A WEAVE-DNS -i {0} -p {1} -m {1} --dport 53 -j ACCEPT", interface, protocol));
  }
  if (config.control_port)
    filter.first.push_back(
        fmt::format("-A INPUT -d 127.0.0.1/32 -p tcp -m tcp --dport {} -m addrtype ! --src-type LOCAL -m conntrack ! "
                    "--ctstate RELATED,ESTABLISHED -m comment --comment \"{}\" -j DROP",
                    config.control_port, kControlComment));
  for (const char* rule : {"-i {0} -o {0} -j ACCEPT", "-o {0} -j WEAVE-EXPOSE", "-i {0} ! -o {0} -j ACCEPT",
                           "-o {0} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"})
    filter.leading.push_back("-A FORWARD " + fmt::format(fmt::runtime(rule), bridge));
  nat.present.emplace_back("-A POSTROUTING -j WEAVE");
  auto& translate = nat.chains["WEAVE"];
  auto& accept = filter.chains["WEAVE-EXPOSE"];
  for (const auto& range : config.local_ranges)
    append_unique(translate,
                  fmt::format("-A WEAVE -d {} -m comment --comment \"Prevent SNAT to locally running containers\" -j "
                              "RETURN",
                              range.masked().str()));
  for (const auto& exposure : config.exposures) {
    if (exposure.masquerade)
      for (auto& rule : expose_rules(exposure)) append_unique(translate, std::move(rule));
    append_unique(accept, accept_rule(exposure));
  }
  return {{"filter", filter}, {"nat", nat}};
}

std::map<std::string, std::string> firewall_removal(const std::map<std::string, SavedTable>& saved,
                                                    const FirewallConfig& config) {
  std::set<std::string> rules;
  auto know = [&](const std::vector<std::string>& more) {
    for (const auto& rule : more) rules.insert(canonical_rule(rule));
  };
  for (const auto& [table, wanted] : wanted_firewall(config)) {
    know(wanted.leading);
    know(wanted.first);
    know(wanted.present);
  }
  know(foreign_rules(config));
  return removal(saved, our_chain, rules);
}

std::vector<Exposure> exposures_in(const std::map<std::string, SavedTable>& saved,
                                   const std::vector<Address>& addresses) {
  auto table = [&](const char* name) {
    auto found = saved.find(name);
    return found == saved.end() ? SavedTable() : found->second;
  };
  auto filter = table("filter"), nat = table("nat");
  std::vector<Exposure> exposures;
  for (const auto& address : addresses) {
    Exposure exposure{.cidr = address.cidr};
    exposure.masquerade = contains_rule(nat, "WEAVE", expose_rules(exposure).back()) ||
                          !contains_rule(filter, "WEAVE-EXPOSE", accept_rule(exposure));
    exposures.push_back(exposure);
  }
  return exposures;
}

std::vector<std::string> user_bridges(const std::vector<Link>& links) {
  std::vector<std::string> names;
  constexpr size_t id_size = 12;
  for (const auto& link : links) {
    if (link.kind != "bridge" || !link.name.starts_with("br-") || link.name.size() != 3 + id_size) continue;
    if (link.name.find_first_not_of("0123456789abcdef", 3) == std::string::npos) names.push_back(link.name);
  }
  std::ranges::sort(names);
  return names;
}

void Firewall::start() {
  auto saved = iptables_.save();
  Netlink net;
  if (auto bridge = net.find_link(config_.bridge))
    for (const auto& found : exposures_in(saved, net.addresses(bridge->index)))
      if (std::none_of(config_.exposures.begin(), config_.exposures.end(),
                       [&](const Exposure& given) { return given.cidr == found.cidr; }))
        config_.exposures.push_back(found);
  auto stale = [](const std::string& chain) { return chain == "WEAVE-CANARY" || chain.starts_with("WEAVE-IPSEC-"); };
  std::set<std::string> rules;
  for (const auto& rule : foreign_rules(config_))
    if (rule.starts_with("-A OUTPUT") || rule.starts_with("-A INPUT")) rules.insert(canonical_rule(rule));
  iptables_.restore(removal(saved, stale, rules));
  ensure();
}

std::map<std::string, WantedTable> Firewall::wanted() const {
  auto tables = wanted_firewall(config_);
  for (auto& [name, table] : tables)
    for (const auto& match : missing_) {
      auto reduce = [&](std::vector<std::string>& rules) {
        for (auto& rule : rules) rule = rule_without(rule, match);
        std::erase(rules, std::string());
      };
      for (auto& [chain, rules] : table.chains) reduce(rules);
      for (auto* rules : {&table.leading, &table.first, &table.present}) reduce(*rules);
    }
  return tables;
}

Iptables::Ensured Firewall::ensure() {
  for (;;) {
    try {
      return iptables_.ensure(wanted());
    } catch (const MissingMatch& error) {
      if (!missing_.insert(error.match()).second) throw;
    }
  }
}

std::vector<std::string> Firewall::problems() const {
  std::vector<std::string> out;
  for (const auto& match : missing_) {
    if (match == "comment") continue;  // nothing is lost but the comments
    std::vector<std::string> lost;
    for (const auto& [name, table] : wanted_firewall(config_))
      for (const auto* rules : {&table.leading, &table.first, &table.present})
        for (const auto& rule : *rules)
          if (rule_without(rule, match).empty()) lost.push_back(rule.substr(3));
    out.push_back(
        fmt::format("the kernel lacks the iptables match {0}, so these rules are not made: {1}; load it with "
                    "'modprobe xt_{0}'",
                    match, fmt::join(lost, "; ")));
  }
  return out;
}

void Firewall::add(const Exposure& exposure) {
  auto before = config_.exposures;
  std::erase_if(config_.exposures, [&](const Exposure& other) { return other.cidr == exposure.cidr; });
  config_.exposures.push_back(exposure);
  try {
    ensure();
  } catch (...) {
    config_.exposures = std::move(before);
    throw;
  }
}

bool Firewall::remove(const Cidr& cidr) {
  if (std::erase_if(config_.exposures, [&](const Exposure& other) { return other.cidr == cidr; }) == 0) return false;
  ensure();
  return true;
}

void Firewall::set_local_ranges(std::vector<Cidr> ranges) {
  config_.local_ranges = std::move(ranges);
  ensure();
}

void Firewall::set_user_bridges(std::vector<std::string> bridges) {
  if (bridges.empty() && !config_.user_bridges) return;
  if (config_.user_bridges == bridges) return;
  config_.user_bridges = std::move(bridges);
  ensure();
}

void Firewall::uninstall() {
  iptables_.restore(firewall_removal(iptables_.save(), config_));
  config_.exposures.clear();
}

}  // namespace weave::host
