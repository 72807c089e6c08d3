// The control API: Weave Net's HTTP endpoints and ours over a Backend that the router fills in.
#pragma once
#include <boost/asio/awaitable.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "address/ipv4.hpp"
#include "base/log.hpp"
#include "control/metrics.hpp"
#include "control/report.hpp"
#include "http/http.hpp"

namespace weave::control {

namespace asio = boost::asio;

// The server that a request came to. Over the socket everything is allowed; over TCP what Weave Net allows there, but
// changes only to privileged users of this host and never to web pages. The servers for status and metrics only read.
enum class Door { kSocket, kTcp, kStatus, kMetrics };

// What the API needs of the router. All functions run on the control thread. An operation that is refused throws Error
// with the text for the user; unless said otherwise it becomes a 400 answer.
class Backend {
 public:
  struct Parts {
    bool ipam = true, dns = true, proxy = false;
  };

  virtual ~Backend() = default;

  // Which parts are on; the paths of a part that is off don't exist.
  virtual Parts parts() = 0;
  // A consistent snapshot; parts that aren't asked for may be left out.
  virtual Report report(ReportParts parts) = 0;
  virtual Counters counters() = 0;

  // --- addresses (called only when parts().ipam, except leave and take_over)

  // An address for `id` in `subnet` (default: the default subnet), the same again if it has one there. Waits as long as
  // needed; nothing when given up (container dead with `check_alive`, router leaving). `subnet` has zero host bits and
  // a prefix of at most 30; a subnet outside the range is refused by throwing.
  virtual asio::awaitable<std::optional<Cidr>> allocate(std::string id, std::optional<Cidr> subnet,
                                                        bool check_alive) = 0;
  // Takes exactly this address. False when given up. Throws without the prefix "Unable to claim: ".
  virtual asio::awaitable<bool> claim(std::string id, Cidr address, bool check_alive, bool no_error_on_unknown) = 0;
  // The addresses of `id`, of `subnet` or all; empty for unknown ids.
  virtual std::vector<Cidr> lookup(const std::string& id, std::optional<Cidr> subnet) = 0;
  virtual std::map<std::string, std::vector<Cidr>> owned() = 0;
  // Frees one address of `id`, or all; false when there is none.
  virtual bool release(const std::string& id, std::optional<Ipv4> address) = 0;
  // Returns when the ring exists.
  virtual asio::awaitable<void> ring() = 0;
  // Hands our ranges to another peer and shuts IPAM down; nothing to do when it is off.
  virtual asio::awaitable<void> leave() = 0;
  // Takes over the ranges of a dead peer (name or nickname): how many addresses. Nothing when IPAM is off.
  // Throws for a peer that can be reached, unless forced, and for a nickname that several have.
  virtual std::optional<uint64_t> take_over(const std::string& peer, bool force) = 0;

  // What is wrong between our ring and the other peers', a line each; empty when they fit.
  virtual std::string ipam_diff() = 0;
  // Mends what can be mended safely; with `rejoin` our ring is given up for that of another cluster. What was done, a
  // line each. Throws when it can't be.
  virtual std::string ipam_repair(bool rejoin, bool force) = 0;

  // --- names (called only when parts().dns)

  // Adds an entry with this router as origin; a reason when it was ignored (not below our domain, container dead).
  virtual asio::awaitable<std::optional<std::string>> add_name(std::string id, Ipv4 address, std::string fqdn,
                                                               bool check_alive) = 0;
  // Tombstones own entries that match all given parts.
  virtual void delete_name(std::optional<std::string> fqdn, std::optional<std::string> id,
                           std::optional<Ipv4> address) = 0;

  // --- containers

  struct AttachRequest {
    std::string container;               // name, id, or unique beginning of an id
    std::vector<std::string> addresses;  // "net:default", "net:<cidr>", "[ip:]<cidr>"; none: net:default
    bool names = true;                   // register the container's names
    bool multicast_route = true;
    bool rewrite_hosts = false;              // write the container's /etc/hosts
    std::vector<std::string> extra_hosts{};  // "name:address", for that file
  };
  struct Attached {
    std::string container;  // full id
    std::string mac;
    std::vector<Cidr> cidrs;  // in the kernel's order
  };

  // Gives a running container an interface with these addresses; waits for addresses as allocate() does. What was
  // allocated is released when it fails. The addresses, in the order of the request.
  virtual asio::awaitable<std::vector<Cidr>> attach(AttachRequest request) = 0;
  // Takes addresses away, and the interface with the last one. Those that were taken.
  virtual asio::awaitable<std::vector<Cidr>> detach(std::string container, std::vector<std::string> addresses) = 0;
  // The containers on the bridge, one entry an interface: the named ones (unknown: throws), or all running ones.
  virtual asio::awaitable<std::vector<Attached>> attached(std::vector<std::string> containers) = 0;

  // --- host, peers, services

  // Puts the address on the bridge, with firewall rules; takes it off. A throw becomes 500.
  virtual asio::awaitable<void> expose(Cidr address, bool skip_nat) = 0;
  virtual asio::awaitable<void> hide(Cidr address, bool skip_nat) = 0;
  // Adds targets (their syntax is checked), replacing the list first if asked to; one line for each that was refused.
  virtual std::vector<std::string> connect(const std::vector<std::string>& peers, bool replace) = 0;
  virtual void forget(const std::vector<std::string>& peers) = 0;
  // The options of launch-plugin.
  struct PluginStart {
    std::optional<log::Level> log_level;  // nothing: the router's
    bool restart = true;                  // after a crash

    bool operator==(const PluginStart&) const = default;
  };
  // Starts the plugin server and returns its service id. A server that runs stays as it is.
  virtual asio::awaitable<std::string> start_plugin(PluginStart options) = 0;
  // False when it wasn't running.
  virtual asio::awaitable<bool> stop_plugin() = 0;
  // Stops the router once the answer is out. `remove_network`: Docker's network "weave" goes, too, unless containers
  // use it. Warnings for the user, a line each.
  virtual asio::awaitable<std::vector<std::string>> stop(bool remove_network) = 0;
};

class Routes {
 public:
  // The backend must outlive the routes, and the routes every handler.
  explicit Routes(Backend& backend) : backend_(backend) {}
  Routes(const Routes&) = delete;

  // Handles one request; never throws for what a client can cause.
  asio::awaitable<http::Response> handle(http::Request request, Door door);
  // For http::Server.
  http::Handler handler(Door door);

 private:
  struct Call {
    http::Request request;
    std::vector<std::string> args;  // the path's variable elements, decoded
    bool flag(std::string_view name) const { return request.field(name) == "true"; }
    // Elements `at` and `at`+1 as "ip/prefix".
    Result<Cidr> cidr(size_t at) const;
  };
  using Answer = asio::awaitable<http::Response>;
  struct Route;
  static const std::vector<Route>& table();

  bool exists(const Route& route, Door door);
  Answer dispatch(const Route& route, const Call& call);

  Answer status(const Call& call);
  Answer status_part(const Call& call);
  Answer report(const Call& call);
  Answer metrics(const Call& call);
  Answer health(const Call& call);
  Answer connect(const Call& call);
  Answer forget(const Call& call);
  Answer leave(const Call& call);
  Answer take_over(const Call& call);
  Answer expose(const Call& call);
  Answer allocate(const Call& call);
  Answer claim(const Call& call);
  Answer lookup(const Call& call);
  Answer owned(const Call& call);
  Answer release(const Call& call);
  Answer ring(const Call& call);
  Answer default_subnet(const Call& call);
  Answer ipam_diff(const Call& call);
  Answer ipam_repair(const Call& call);
  Answer tracker(const Call& call);
  Answer add_name(const Call& call);
  Answer delete_name(const Call& call);
  Answer names(const Call& call);
  Answer dns_info(const Call& call);
  Answer proxy_addresses(const Call& call);
  Answer start_plugin(const Call& call);
  Answer stop_plugin(const Call& call);
  Answer attach(const Call& call);
  Answer detach(const Call& call);
  Answer attached(const Call& call);
  Answer stop(const Call& call);

  Backend& backend_;
};

}  // namespace weave::control
