#include "router/preflight.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "base/process.hpp"
#include "control/client.hpp"
#include "dns/server.hpp"
#include "docker/client.hpp"
#include "docker/run_blocking.hpp"
#include "host/bridge.hpp"
#include "host/iptables.hpp"
#include "host/netlink.hpp"
#include "host/routes.hpp"
#include "router/last_launch.hpp"
#include "supervise/lock.hpp"

namespace weave::router {
namespace {

using namespace std::chrono_literals;
using settings::Settings;

// Docker's answer to a command must not take the whole time that the user is ready to wait.
constexpr auto kDockerLimit = 5s;
constexpr uint16_t kDnsPort = 53;

// Throws Error when another program holds the port at this address; names the program.
void check_port_free(const std::string& what, Ipv4 address, int port, bool tcp, const std::string& hint) {
  UniqueFd fd(::socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0));
  if (!fd) throw errno_error("cannot make a socket");
  int on = 1;
  if (tcp) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in wanted{};
  wanted.sin_family = AF_INET;
  wanted.sin_port = htons(static_cast<uint16_t>(port));
  wanted.sin_addr.s_addr = htonl(address.value);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&wanted), sizeof wanted) == 0 &&
      (!tcp || ::listen(fd.get(), 1) == 0))
    return;
  int code = errno;
  auto text = fmt::format("cannot listen on {} {}:{} for {}", tcp ? "TCP" : "UDP", address.str(), port, what);
  if (code != EADDRINUSE) throw errno_error(text, code);
  auto holder = dns::port_holder(static_cast<uint16_t>(port), tcp);
  throw Error(fmt::format("{}: {} has it", text, holder.empty() ? "another program" : holder), hint);
}

void check_service_free(const std::string& option, const std::optional<ServiceAddress>& address) {
  if (!address || address->is_unix() || address->port == 0) return;
  auto host = Ipv4::parse(address->host);
  if (!host) return;
  check_port_free(option, *host, address->port, true, "stop it, or choose another address with " + option);
}

// The VXLAN device that the last launch has left, if it has the port that is wanted for peers now: with that port its
// own would be the next one.
void remove_own_device(uint16_t port) {
  host::Netlink net;
  auto device = net.find_link(fmt::format("vxlan-{}", port));
  if (device && net.is_weave_vxlan(*device)) net.remove_link(device->name);
}

void check_ports(const Settings& settings) {
  auto host = settings.host.value_or(Ipv4{});
  const std::string hint = "stop it, or choose another port with --port on all hosts";
  remove_own_device(settings.port);
  check_port_free("peers", host, settings.port, true, hint);
  check_port_free("peers", host, settings.port, false, hint);
  check_service_free("--http-addr", settings.http_addr);
  check_service_free("--status-addr", settings.status_addr);
  check_service_free("--metrics-addr", settings.metrics_addr);
}

void check_routes(const Settings& settings, std::vector<std::string>& warnings) {
  const auto& range = settings.range;
  if (!range) return;
  auto route = host::overlapping_route(*range, settings.bridge);
  if (!route) return;
  auto overlap =
      fmt::format("Network {} overlaps with existing route {} on host", range->str(), route->destination.str());
  // A member of a cluster can't choose another range; it must be able to launch again.
  if (!settings.range_given && !last_launch(settings.state_dir))
    throw Error(
        fmt::format("{}\nERROR: Default --ipalloc-range {} overlaps with existing route on host.\n"
                    "You must pick another range and set it on all hosts.",
                    overlap, range->str()));
  warnings.push_back(overlap);
  warnings.push_back(fmt::format("WARNING: {} --ipalloc-range {} overlaps with existing route on host.",
                                 settings.range_given ? "Specified" : "Default", range->str()));
  warnings.push_back("Unless this is deliberate, you must pick another range and set it on all hosts.");
}

// Weave Net's own router, in its container, would fight with ours for everything.
docker::asio::awaitable<void> check_reference(docker::Client& docker) {
  try {
    auto container = co_await docker.inspect_container("weave");
    if (container.running)
      throw supervise::AlreadyRunning(
          supervise::AlreadyRunning::What::kForeignContainer,
          "Found another running container named 'weave'. Aborting.",
          "stop it with 'docker stop weave' (and 'docker rm weave', so that it doesn't come back)");
  } catch (const docker::NoSuchContainer&) {
  }
}

void check_docker(const Settings& settings, std::vector<std::string>& warnings) {
  if (!settings.docker) return;
  try {
    docker::Client docker(settings.docker_api, kDockerLimit);
    docker::run_blocking(docker.ping());
    docker::run_blocking(check_reference(docker));
  } catch (const supervise::AlreadyRunning&) {
    throw;
  } catch (const Error& error) {
    if (settings.plugin && !settings.foreground)
      throw Error(
          error.what(),
          "start Docker, name its socket with DOCKER_HOST or --docker-api, or launch without it: --docker-api '' "
          "--plugin=false");
    warnings.emplace_back(error.what());
  }
}

}  // namespace

std::vector<std::string> preflight(const Settings& settings) {
  if (::geteuid() != 0) throw Error("weave launch must be run as root", "try: sudo weave launch ...");
  if (supervise::weave_runs()) throw supervise::already_running();
  std::vector<std::string> warnings;
  host::bridge_type(settings.bridge);
  check_docker(settings, warnings);
  check_ports(settings);
  check_routes(settings, warnings);
  if (run({"iptables-save", "--version"}).status == 127)
    throw Error("iptables is missing", "install the package iptables");
  if (settings.dns && settings.dns_listen.empty() && !settings.foreground && !settings.dns_optional &&
      !host::docker_bridge_address(settings.docker_bridge))
    throw Error(fmt::format("the DNS server has no address: Docker's bridge {} has none", settings.docker_bridge),
                "give one with --dns-listen-address, or switch DNS off with --no-dns");
  for (const auto& listen : settings.dns_listen)
    if (settings.dns && listen.port != kDnsPort)
      warnings.push_back(fmt::format(
          "WARNING: containers ask port 53: 'weave dns-args' and 'weave run' don't name the DNS server at {}.",
          listen.str()));
  return warnings;
}

}  // namespace weave::router
