#include "plugin/process.hpp"

#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/asio.hpp"
#include "base/fd.hpp"
#include "base/log.hpp"
#include "base/offload.hpp"
#include "control/client.hpp"
#include "docker/client.hpp"
#include "host/attach.hpp"
#include "plugin/driver.hpp"
#include "store/store.hpp"
#include "supervise/ready.hpp"

namespace weave::plugin {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;
constexpr const char* kTable = "plugin";
// Between the two comparisons with Docker that must agree before something that Docker doesn't know is released.
constexpr auto kSecondLook = 15s;

std::string cidr_text(const std::optional<Cidr>& cidr) {
  return cidr ? cidr->str() : "";
}

std::optional<Cidr> cidr_of(const std::string& text) {
  if (text.empty()) return std::nullopt;
  auto cidr = Cidr::parse(text);
  if (!cidr) throw Error(cidr.error());
  return *cidr;
}

std::string trimmed(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

class Process {
 public:
  explicit Process(const ProcessConfig& config)
      : config_(config), store_(config.store), control_{.path = config.control_socket, .host = {}}, driver_(backend()) {
    if (config.docker_api) docker_.emplace(*config.docker_api);
  }

  int run(UniqueFd ready, UniqueFd life) {
    try {
      asio::co_spawn(io_, driver_.load(), [this](std::exception_ptr error) {
        failure_ = error;
        io_.stop();
      });
      io_.run();
      if (failure_) std::rethrow_exception(failure_);
      io_.restart();
      Server server(io_.get_executor(), driver_, config_.sockets);
      asio::signal_set ends(io_, SIGTERM, SIGINT);
      ends.async_wait([&](boost::system::error_code error, int) {
        if (!error) io_.stop();
      });
      asio::posix::stream_descriptor parent(io_, life.release());
      char none;
      parent.async_read_some(asio::buffer(&none, 1), [&](boost::system::error_code, size_t) { io_.stop(); });
      if (docker_) asio::co_spawn(io_, watch(), asio::detached);
      supervise::report_ready(ready);
      io_.run();
      // The sockets are removed first: dockerd must not wait at a socket without a server.
      server.close();
      return 0;
    } catch (const Error& error) {
      log::error("the plugin server has failed: reason={}", error.what());
      supervise::report_failure(ready, error);
    }
    return 1;
  }

 private:
  // One call to the router. The text of its error becomes ours.
  asio::awaitable<std::string> control(std::string method, std::string path) {
    http::Request request{.method = std::move(method), .target = std::move(path)};
    request.headers["host"] = "localhost";
    auto answer = co_await http::request(control_, std::move(request), 0ms);
    if (answer.status >= 400) throw Error(trimmed(answer.body));
    if (control::has_outcome(answer, control::kCancelled)) throw Error("weave is leaving the cluster");
    co_return answer.body;
  }

  static asio::awaitable<Cidr> known(std::optional<Cidr> cidr) {
    if (!cidr) throw Error("IP address allocation is off: weave was launched with an empty --ipalloc-range");
    co_return *cidr;
  }

  asio::awaitable<Cidr> allocate(std::string ident, Cidr subnet) {
    auto text = co_await control(
        "POST", fmt::format("/ip/{}/{}/{}", http::percent_encode(ident), subnet.address.str(), subnet.prefix));
    auto cidr = Cidr::parse(text);
    if (!cidr) throw Error("the router returned '" + text + "' for a request for an address");
    co_return Cidr{cidr->address, subnet.prefix};
  }

  asio::awaitable<void> claim(std::string ident, Cidr cidr) {
    co_await control("PUT", fmt::format("/ip/{}/{}/{}", http::percent_encode(ident), cidr.address.str(), cidr.prefix));
  }

  // Addresses of the plugin are filed under their own text.
  asio::awaitable<void> release(Ipv4 address) {
    http::Request request{.method = "DELETE", .target = "/ip/" + address.str()};
    request.headers["host"] = "localhost";
    auto answer = co_await http::request(control_, std::move(request), 0ms);
    if (answer.status >= 400 && !control::has_outcome(answer, control::kNoAddress)) throw Error(trimmed(answer.body));
  }

  Backend backend() {
    Backend b;
    b.range = [this] { return known(config_.range); };
    b.default_subnet = [this] { return known(config_.default_subnet); };
    b.allocate = [this](std::string ident, Cidr subnet) { return allocate(std::move(ident), subnet); };
    b.claim = [this](std::string ident, Cidr cidr) { return claim(std::move(ident), cidr); };
    b.release = [this](Ipv4 address) { return release(address); };
    b.create_veth = [this](std::string endpoint, std::optional<Mac> mac) {
      return offload(host_, [endpoint, mac, bridge = config_.bridge] {
        auto made = host::create_endpoint_veth(endpoint, mac, 0, bridge);
        return Veth{made.container, made.host, made.mac};
      });
    };
    b.delete_veth = [this](std::string endpoint) {
      return offload(host_, [endpoint] { host::delete_endpoint_veth(endpoint); });
    };
    b.link_exists = [this](std::string link) {
      return offload(host_, [link] { return host::Netlink().find_link(link).has_value(); });
    };
    b.host_routes = [this] {
      return offload(host_, [bridge = config_.bridge] {
        host::Netlink net;
        std::vector<Cidr> list;
        for (const auto& route : net.routes())
          if (route.destination.prefix != 0) list.push_back(route.destination);
        return list;
      });
    };
    b.persist = [this](std::string key, std::string json) -> asio::awaitable<void> {
      store_.put(kTable, key, json);
      co_return;
    };
    b.erase = [this](std::string key) -> asio::awaitable<void> {
      store_.erase(kTable, key);
      co_return;
    };
    b.load_all = [this]() -> asio::awaitable<std::map<std::string, std::string>> {
      std::map<std::string, std::string> records;
      for (auto& [key, value] : store_.all(kTable)) records.emplace(std::move(key), std::move(value));
      co_return records;
    };
    return b;
  }

  // Only to follow restarts of dockerd: each new stream means that calls may have been missed.
  asio::awaitable<void> watch() {
    co_await docker::watch(
        *docker_, [](const docker::Event&) {}, [this] { asio::co_spawn(io_, reconcile(), asio::detached); });
  }

  asio::awaitable<void> reconcile() {
    if (std::exchange(reconciling_, true)) co_return;
    asio::steady_timer pause(io_);
    for (int look = 0; look < 2; ++look) {
      pause.expires_after(kSecondLook * look);
      co_await pause.async_wait(kAsResult);
      try {
        auto known = co_await what_docker_knows();
        for (const auto& line : co_await driver_.reconcile(std::move(known)))
          log::info("released, Docker no longer knows it: item={}", line);
      } catch (const Error& error) {
        log::warning("cannot compare with Docker: reason={}", error.what());
      }
    }
    reconciling_ = false;
  }

  asio::awaitable<Driver::Known> what_docker_knows() {
    Driver::Known known;
    for (const auto& network : co_await docker_->list_networks()) {
      if (network.driver != driver_name(config_.sockets.weavemesh) &&
          network.driver != driver_name(config_.sockets.weave))
        continue;
      known.networks.insert(network.id);
      co_await driver_.learn_network(network.id, network.options);
    }
    for (const auto& container : co_await docker_->list_containers(false))
      for (const auto& [name, endpoint] : container.networks) {
        if (!endpoint.endpoint_id.empty()) known.endpoints.insert(endpoint.endpoint_id);
        if (auto address = Ipv4::parse(endpoint.ip)) known.addresses.insert(*address);
      }
    co_return known;
  }

  ProcessConfig config_;
  Store store_;
  http::Address control_;
  asio::thread_pool host_{1};
  asio::io_context io_{1};
  std::optional<docker::Client> docker_;
  Driver driver_;
  std::exception_ptr failure_;
  bool reconciling_ = false;
};

}  // namespace

std::string driver_name(const std::string& socket) {
  return std::filesystem::path(socket).stem().string();
}

std::string to_json(const ProcessConfig& config) {
  return Json{{"socket", config.sockets.weave},
              {"mesh-socket", config.sockets.weavemesh},
              {"control-socket", config.control_socket},
              {"store", config.store},
              {"bridge", config.bridge},
              {"range", cidr_text(config.range)},
              {"default-subnet", cidr_text(config.default_subnet)},
              {"docker-api", config.docker_api ? config.docker_api->str() : ""},
              {"log-level", log::level_name(config.log_level)}}
      .dump();
}

ProcessConfig process_config_from_json(std::string_view text) {
  try {
    auto json = Json::parse(text);
    ProcessConfig config;
    json.at("socket").get_to(config.sockets.weave);
    json.at("mesh-socket").get_to(config.sockets.weavemesh);
    json.at("control-socket").get_to(config.control_socket);
    json.at("store").get_to(config.store);
    json.at("bridge").get_to(config.bridge);
    config.range = cidr_of(json.at("range"));
    config.default_subnet = cidr_of(json.at("default-subnet"));
    if (auto docker = json.at("docker-api").get<std::string>(); !docker.empty())
      config.docker_api = http::Address::parse(docker).value();
    config.log_level = log::parse_level(json.at("log-level").get<std::string>());
    return config;
  } catch (const Json::exception& error) {
    throw Error(std::string("cannot read the configuration of the plugin server: ") + error.what());
  }
}

int run_process(const ProcessConfig& config, int ready_fd, int life_fd) {
  UniqueFd ready(ready_fd), life(life_fd);
  try {
    Process process(config);
    return process.run(std::move(ready), std::move(life));
  } catch (const Error& error) {
    log::error("cannot start the plugin server: reason={}", error.what());
    supervise::report_failure(ready, error);
    return 1;
  }
}

}  // namespace weave::plugin
