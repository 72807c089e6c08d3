// The rules that the host needs: Weave Net's chains and rules, kept whole while the router runs.
#pragma once
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "address/ipv4.hpp"
#include "host/iptables.hpp"
#include "host/netlink.hpp"

namespace weave::host {

// An address of the host in the container network.
struct Exposure {
  Cidr cidr;
  bool masquerade = true;  // hide containers behind the host, and the outside behind it from containers

  bool operator==(const Exposure&) const = default;
};

struct DockerBridge {
  std::string name;
  Ipv4 address;
};

struct FirewallConfig {
  std::string bridge = "weave";
  uint16_t port = 6783;          // mesh and sleeve; the fast datapath has the next one
  uint16_t control_port = 6784;  // of the control API at 127.0.0.1; 0 = none there
  std::optional<DockerBridge> docker_bridge;
  std::vector<std::string> dns_interfaces;  // further bridges whose containers may ask our DNS server: docker_gwbridge
  // Bridges of Docker's user-defined networks, whose containers may ask it, too: user_bridges(). Nothing until there is
  // one; then the rules have a chain of their own.
  std::optional<std::vector<std::string>> user_bridges;
  std::vector<Cidr> local_ranges;  // with --no-masq-local: traffic to these keeps its source
  std::vector<Exposure> exposures;
};

// By table; pure.
std::map<std::string, WantedTable> wanted_firewall(const FirewallConfig& config);

// The iptables-restore lines by table that remove everything of ours and of Weave Net's; pure. Rules about ports are
// known by the configuration's port only.
std::map<std::string, std::string> firewall_removal(const std::map<std::string, SavedTable>& saved,
                                                    const FirewallConfig& config);

// The addresses that are on the bridge, with what the rules say about masquerading; without any rule about one it is
// taken to be wanted. Pure.
std::vector<Exposure> exposures_in(const std::map<std::string, SavedTable>& saved,
                                   const std::vector<Address>& addresses);

// Of these links, the bridges of Docker's user-defined networks that have Docker's own names, sorted.
std::vector<std::string> user_bridges(const std::vector<Link>& links);

// Installs, checks and repairs. Works in the calling thread's namespace; throws Error.
class Firewall {
 public:
  Firewall(Iptables iptables, FirewallConfig config) : iptables_(std::move(iptables)), config_(std::move(config)) {}

  const Iptables& iptables() const { return iptables_; }
  const FirewallConfig& config() const { return config_; }

  // To be called at the router's start: takes over what is exposed already, removes what a Weave Net that died may have
  // left (canaries and encryption rules, which would drop or mark packets without end), installs the rules.
  void start();
  // Restores the rules after they were flushed or reordered.
  Iptables::Ensured ensure();
  // Adds or changes an exposure.
  void add(const Exposure& exposure);
  // False when it wasn't exposed.
  bool remove(const Cidr& cidr);
  void set_local_ranges(std::vector<Cidr> ranges);
  void set_user_bridges(std::vector<std::string> bridges);
  // Removes all rules and chains, for `weave reset`.
  void uninstall();

  // Matches that the kernel lacks: rules leave out a comment, and other rules that need one aren't made. As sentences.
  std::vector<std::string> problems() const;
  // Forgets them: the next ensure() tries all rules again.
  void retry_missing() { missing_.clear(); }

 private:
  std::map<std::string, WantedTable> wanted() const;

  Iptables iptables_;
  FirewallConfig config_;
  std::set<std::string> missing_;
};

}  // namespace weave::host
