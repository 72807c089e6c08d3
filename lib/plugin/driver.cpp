#include "plugin/driver.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "plugin/calls.hpp"

namespace weave::plugin {
namespace {

using nlohmann::ordered_json;

struct Undecodable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class Message>
Message decoded(const std::string& body) {
  auto message = decode<Message>(body);
  if (!message) throw Undecodable(message.error());
  return std::move(*message);
}

http::Response json_response(std::string body, int status) {
  http::Response response;
  response.status = status;
  response.body = std::move(body);
  response.content_type = "application/vnd.docker.plugins.v1.1+json";
  return response;
}

http::Response failure(const std::string& text) {
  return json_response(ordered_json{{"Err", text}}.dump(-1, ' ', false, ordered_json::error_handler_t::replace), 500);
}

asio::awaitable<std::string> constant(std::string body) {
  co_return body;
}

}  // namespace

struct Driver::Impl {
  Impl(Backend given, std::chrono::milliseconds limit)
      : backend(std::move(given)), table(backend), network(backend, table), ipam(backend, table), deadline(limit) {}

  static asio::awaitable<http::Response> handle(std::shared_ptr<Impl> self, bool mesh, http::Request request);
  static asio::awaitable<http::Response> answer(std::shared_ptr<Impl> self, CallPtr call, bool mesh,
                                                http::Request request);

  asio::awaitable<void> drop_endpoint(std::string id, std::vector<std::string>& removed);
  asio::awaitable<void> drop_address(Ipv4 address, std::vector<std::string>& removed);

  const Backend backend;
  Table table;
  NetworkCalls network;
  IpamCalls ipam;
  const std::chrono::milliseconds deadline;
  std::set<std::string> suspects;  // keys of records that the last look of reconcile() missed
};

namespace {

// One row a call: where it is served, and what it does with the body.
struct Route {
  bool on_global;  // also by the driver of global scope
  std::function<asio::awaitable<std::string>(NetworkCalls&, IpamCalls&, CallPtr, bool mesh, const std::string& body)>
      call;
};

const std::map<std::string_view, Route>& routes() {
  using N = NetworkCalls;
  using I = IpamCalls;
  using Body = const std::string&;
  static const std::map<std::string_view, Route> table{
      {"/Plugin.Activate",
       {true,
        [](N&, I&, CallPtr, bool mesh, Body) {
          return constant(mesh ? R"({"Implements":["NetworkDriver","IpamDriver"]})"
                               : R"({"Implements":["NetworkDriver"]})");
        }}},
      {"/NetworkDriver.GetCapabilities",
       {true,
        [](N&, I&, CallPtr, bool mesh, Body) {
          return constant(
              fmt::format(R"({{"Err":"","Scope":"{}","ConnectivityScope":""}})", mesh ? "local" : "global"));
        }}},
      {"/NetworkDriver.CreateNetwork",
       {true, [](N& n, I&, CallPtr, bool, Body body) { return n.create_network(decoded<CreateNetwork>(body)); }}},
      {"/NetworkDriver.DeleteNetwork",
       {true, [](N& n, I&, CallPtr, bool, Body body) { return n.delete_network(decoded<NetworkRef>(body)); }}},
      {"/NetworkDriver.CreateEndpoint",
       {true, [](N& n, I&, CallPtr call, bool,
                 Body body) { return n.create_endpoint(call, decoded<CreateEndpoint>(body)); }}},
      {"/NetworkDriver.DeleteEndpoint",
       {true, [](N& n, I&, CallPtr, bool, Body body) { return n.delete_endpoint(decoded<EndpointRef>(body)); }}},
      {"/NetworkDriver.EndpointOperInfo",
       {true,
        [](N&, I&, CallPtr, bool, Body body) {
          decoded<EndpointRef>(body);
          return constant(R"({"Err":"","Value":{}})");
        }}},
      {"/NetworkDriver.Join", {true, [](N& n, I&, CallPtr, bool, Body body) { return n.join(decoded<Join>(body)); }}},
      {"/NetworkDriver.Leave",
       {true,
        [](N&, I&, CallPtr, bool, Body body) {
          decoded<EndpointRef>(body);
          return constant("{}");
        }}},
      // Nothing to do: peers find each other, and Docker publishes ports through its own bridge.
      {"/NetworkDriver.DiscoverNew", {true, [](N&, I&, CallPtr, bool, Body) { return constant("{}"); }}},
      {"/NetworkDriver.DiscoverDelete", {true, [](N&, I&, CallPtr, bool, Body) { return constant("{}"); }}},
      {"/NetworkDriver.ProgramExternalConnectivity",
       {true, [](N&, I&, CallPtr, bool, Body) { return constant("{}"); }}},
      {"/NetworkDriver.RevokeExternalConnectivity", {true, [](N&, I&, CallPtr, bool, Body) { return constant("{}"); }}},
      {"/IpamDriver.GetCapabilities",
       {false, [](N&, I&, CallPtr, bool,
                  Body) { return constant(R"({"RequiresMACAddress":false,"RequiresRequestReplay":false})"); }}},
      {"/IpamDriver.GetDefaultAddressSpaces",
       {false,
        [](N&, I&, CallPtr, bool, Body) {
          return constant(
              R"({"Error":"","LocalDefaultAddressSpace":"weavelocal","GlobalDefaultAddressSpace":"weaveglobal"})");
        }}},
      {"/IpamDriver.RequestPool",
       {false,
        [](N&, I& i, CallPtr call, bool, Body body) { return i.request_pool(call, decoded<RequestPool>(body)); }}},
      {"/IpamDriver.ReleasePool",
       {false, [](N&, I& i, CallPtr, bool, Body body) { return i.release_pool(decoded<ReleasePool>(body)); }}},
      {"/IpamDriver.RequestAddress",
       {false, [](N&, I& i, CallPtr call, bool,
                  Body body) { return i.request_address(call, decoded<RequestAddress>(body)); }}},
      {"/IpamDriver.ReleaseAddress",
       {false, [](N&, I& i, CallPtr, bool, Body body) { return i.release_address(decoded<ReleaseAddress>(body)); }}},
  };
  return table;
}

}  // namespace

asio::awaitable<http::Response> Driver::Impl::answer(std::shared_ptr<Impl> self, CallPtr call, bool mesh,
                                                     http::Request request) {
  const std::string path(request.path());
  const auto route = routes().find(path);
  if (route == routes().end() || request.method != "POST" || (!mesh && !route->second.on_global))
    co_return http::Response::text("404 page not found\n", 404);
  try {
    auto body = co_await route->second.call(self->network, self->ipam, call, mesh, request.body);
    log::debug("Docker's call is answered: call={}", path);
    co_return json_response(std::move(body), 200);
  } catch (const Undecodable& error) {
    co_return http::Response::text(fmt::format("Unable to decode JSON payload: {}\n", error.what()), 400);
  } catch (const Error& error) {
    log::warning("Docker's call failed: call={} reason={}", path, error.what());
    co_return failure(error.hint().empty() ? error.what() : fmt::format("{} ({})", error.what(), error.hint()));
  } catch (const std::exception& error) {
    log::warning("Docker's call failed: call={} reason={}", path, error.what());
    co_return failure(error.what());
  }
}

asio::awaitable<http::Response> Driver::Impl::handle(std::shared_ptr<Impl> self, bool mesh, http::Request request) {
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  struct Pending {
    explicit Pending(const asio::any_io_executor& executor) : timer(executor) {}
    Call call;
    std::optional<http::Response> response;
    asio::steady_timer timer;
    asio::cancellation_signal cancel;
  };
  const auto executor = co_await asio::this_coro::executor;
  auto pending = std::make_shared<Pending>(executor);
  pending->timer.expires_after(self->deadline);
  const std::string path(request.path());
  asio::co_spawn(executor, answer(self, CallPtr(pending, &pending->call), mesh, std::move(request)),
                 asio::bind_cancellation_slot(
                     pending->cancel.slot(), [pending](std::exception_ptr error, http::Response response) {
                       pending->response = error ? failure("internal error") : std::move(response);
                       pending->timer.cancel();
                     }));
  boost::system::error_code ignored;
  if (!pending->response) co_await pending->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  if (pending->response) co_return std::move(*pending->response);
  // The handler runs to its end, finds that it was abandoned, and undoes what it did.
  pending->call.abandoned = true;
  pending->cancel.emit(asio::cancellation_type::terminal);
  log::warning("Docker's call was given up, there was no result in time: call={} limit={}ms", path,
               self->deadline.count());
  co_return failure(path == "/IpamDriver.RequestAddress"
                        ? "IP allocation isn't ready: waiting for peers (see weave status ipam)"
                        : fmt::format("no result within {} s", self->deadline.count() / 1000));
}

Driver::Driver(Backend backend, std::chrono::milliseconds deadline)
    : impl_(std::make_shared<Impl>(std::move(backend), deadline)) {}
Driver::~Driver() = default;

asio::awaitable<void> Driver::load() {
  return impl_->table.load();
}

asio::awaitable<http::Response> Driver::handle(std::string_view driver, http::Request request) {
  return Impl::handle(impl_, driver == kMeshDriver, std::move(request));
}

const Table& Driver::table() const {
  return impl_->table;
}

std::vector<std::string> Driver::warnings() const {
  std::vector<std::string> out;
  for (const auto& [id, network] : impl_->table.networks)
    if (network.foreign_ipam)
      out.push_back(
          fmt::format("network {} has addresses that Docker doesn't coordinate between hosts; create it with "
                      "--ipam-driver=weavemesh",
                      id.substr(0, 12)));
  return out;
}

asio::awaitable<void> Driver::learn_network(std::string id, std::map<std::string, std::string> options) {
  auto impl = impl_;
  if (impl->table.networks.contains(id)) co_return;
  impl->table.networks[id] = network_from_options(options);
  co_await impl->table.save_network(id);
}

asio::awaitable<void> Driver::Impl::drop_endpoint(std::string id, std::vector<std::string>& removed) {
  co_await backend.delete_veth(id);
  table.endpoints.erase(id);
  co_await table.save_endpoint(id);
  removed.push_back("endpoint " + id);
}

asio::awaitable<void> Driver::Impl::drop_address(Ipv4 address, std::vector<std::string>& removed) {
  table.addresses.erase(address);
  co_await backend.release(address);
  co_await table.save_address(address);
  removed.push_back("address " + address.str());
}

asio::awaitable<std::vector<std::string>> Driver::reconcile(Known known) {
  auto impl = impl_;
  Table& table = impl->table;
  // What Docker doesn't know now. An address of a known endpoint stays; a reserved one, as long as its network.
  std::set<std::string> networks, endpoints, pools;
  std::set<Ipv4> addresses;
  for (const auto& [id, network] : table.networks)
    if (!known.networks.contains(id)) networks.insert(id);
  for (const auto& [id, endpoint] : table.endpoints)
    if (!known.endpoints.contains(id)) endpoints.insert(id);
  // Pools can be judged only when the pools of every network are known.
  const bool all_learnt = std::all_of(known.networks.begin(), known.networks.end(), [&](const std::string& id) {
    auto network = table.networks.find(id);
    return network != table.networks.end() && !network->second.pools.empty();
  });
  auto pool_known = [&](const std::string& pool_id) {
    return std::any_of(known.networks.begin(), known.networks.end(), [&](const std::string& id) {
      const auto& subnets = table.networks.at(id).pools;
      return std::any_of(subnets.begin(), subnets.end(),
                         [&](const std::string& subnet) { return pool_id.starts_with("weave-" + subnet + "-"); });
    });
  };
  if (all_learnt)
    for (const auto& [id, pool] : table.pools)
      if (!pool_known(id)) pools.insert(id);
  for (const auto& [address, use] : table.addresses) {
    if (known.addresses.contains(address) || known.endpoints.contains(use.endpoint)) continue;
    if (!use.reserved || (all_learnt && !pool_known(use.pool))) addresses.insert(address);
  }

  std::set<std::string> suspects;
  std::vector<std::string> removed;
  auto confirmed = [&](std::string key) {
    const bool twice = impl->suspects.contains(key);
    if (!twice) suspects.insert(std::move(key));
    return twice;
  };
  for (const auto& id : endpoints)
    if (confirmed("endpoint/" + id)) co_await impl->drop_endpoint(id, removed);
  for (const auto& address : addresses) {
    auto use = table.addresses.find(address);
    if (use == table.addresses.end()) continue;
    // The endpoint belongs to the key: another container may have the address by now.
    if (confirmed("address/" + address.str() + "/" + use->second.endpoint))
      co_await impl->drop_address(address, removed);
  }
  for (const auto& id : pools)
    if (confirmed("pool/" + id) && table.pools.erase(id)) {
      co_await table.save_pool(id);
      removed.push_back("pool " + id);
    }
  for (const auto& id : networks)
    if (confirmed("network/" + id) && table.networks.erase(id)) {
      co_await table.save_network(id);
      removed.push_back("network " + id);
    }
  impl->suspects = std::move(suspects);
  co_return removed;
}

}  // namespace weave::plugin
