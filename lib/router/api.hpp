// The control API's calls, passed on to the owners.
#pragma once
#include <boost/asio/thread_pool.hpp>
#include <functional>

#include "control/api.hpp"
#include "router/owners.hpp"

namespace weave::router {

class Api final : public control::Backend {
 public:
  struct Hooks {
    std::function<control::Report(control::ReportParts)> report;
    std::function<void()> stop;  // called once, after the response to `weave stop` has been sent
  };

  // All must outlive the API. `default_subnet`: nothing when IPAM is off.
  Api(asio::any_io_executor executor, asio::thread_pool& pool, Owners& owners, std::optional<Cidr> default_subnet,
      Hooks hooks)
      : executor_(executor), pool_(pool), owners_(owners), default_subnet_(default_subnet), hooks_(std::move(hooks)) {}

  Parts parts() override;
  control::Report report(control::ReportParts parts) override { return hooks_.report(parts); }
  control::Counters counters() override;

  asio::awaitable<std::optional<Cidr>> allocate(std::string id, std::optional<Cidr> subnet, bool check_alive) override;
  asio::awaitable<bool> claim(std::string id, Cidr address, bool check_alive, bool no_error_on_unknown) override;
  std::vector<Cidr> lookup(const std::string& id, std::optional<Cidr> subnet) override;
  std::map<std::string, std::vector<Cidr>> owned() override;
  bool release(const std::string& id, std::optional<Ipv4> address) override;
  asio::awaitable<void> ring() override;
  asio::awaitable<void> leave() override;
  std::optional<uint64_t> take_over(const std::string& peer, bool force) override;
  std::string ipam_diff() override;
  std::string ipam_repair(bool rejoin, bool force) override;

  asio::awaitable<std::optional<std::string>> add_name(std::string id, Ipv4 address, std::string fqdn,
                                                       bool check_alive) override;
  void delete_name(std::optional<std::string> fqdn, std::optional<std::string> id,
                   std::optional<Ipv4> address) override;

  asio::awaitable<std::vector<Cidr>> attach(AttachRequest request) override;
  asio::awaitable<std::vector<Cidr>> detach(std::string container, std::vector<std::string> addresses) override;
  asio::awaitable<std::vector<Attached>> attached(std::vector<std::string> containers) override;

  asio::awaitable<void> expose(Cidr address, bool skip_nat) override;
  asio::awaitable<void> hide(Cidr address, bool skip_nat) override;
  std::vector<std::string> connect(const std::vector<std::string>& peers, bool replace) override;
  void forget(const std::vector<std::string>& peers) override;
  asio::awaitable<std::string> start_plugin(PluginStart options) override;
  asio::awaitable<bool> stop_plugin() override;
  asio::awaitable<std::vector<std::string>> stop(bool remove_network) override;

 private:
  asio::any_io_executor executor_;
  asio::thread_pool& pool_;
  Owners& owners_;
  std::optional<Cidr> default_subnet_;
  Hooks hooks_;
  bool stop_asked_ = false;
};

// Throws Error when the router was launched without Docker.
docker::Client& require_docker(const Owners& owners);

}  // namespace weave::router
