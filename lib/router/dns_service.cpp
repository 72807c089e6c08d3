#include "router/dns_service.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <nlohmann/json.hpp>

#include "base/asio.hpp"
#include "base/error.hpp"
#include "base/log.hpp"

namespace weave::router {
namespace {

using Json = nlohmann::json;
// More than this unread means that the server hangs: it is restarted.
constexpr size_t kMostPending = 64 << 20;  // bytes

}  // namespace

DnsService::DnsService(asio::any_io_executor executor, const names::Database& names,
                       std::function<dns::Config()> config)
    : executor_(executor),
      names_(names),
      config_(std::move(config)),
      service_(executor, "DNS server", "dns-server", {.prepare = [this] { return open(); }}) {}

supervise::Service::Start DnsService::open() {
  auto config = config_();
  SocketPair pair;
  if (feed_) feed_->socket.close();
  feed_ = std::make_shared<Feed>(Socket(executor_, asio::local::stream_protocol(), pair.ours.release()));
  asio::co_spawn(executor_, read(feed_), asio::detached);
  send(feed_->encoder.snapshot(names_.entries()));
  return {to_json(config), std::move(pair.theirs)};
}

void DnsService::changed(const names::Entries& entries) {
  if (feed_) send(feed_->encoder.changes(entries));
}

void DnsService::erased(const names::Entries& entries) {
  if (feed_) send(feed_->encoder.erased(entries));
}

void DnsService::send(const Bytes& bytes) {
  feed_->pending.insert(feed_->pending.end(), bytes.begin(), bytes.end());
  if (feed_->pending.size() > kMostPending) {
    log::error("the DNS server doesn't read its names");
    feed_->socket.close();
    return;
  }
  if (!std::exchange(feed_->writing, true)) asio::co_spawn(executor_, write(feed_), asio::detached);
}

asio::awaitable<void> DnsService::write(std::shared_ptr<Feed> feed) {
  while (!feed->pending.empty()) {
    auto bytes = std::exchange(feed->pending, {});
    auto [code, count] = co_await asio::async_write(feed->socket, asio::buffer(bytes), kAsResult);
    if (code) co_return;  // its process has died; `writing` stays, this feed has no reader any more
  }
  feed->writing = false;
}

asio::awaitable<void> DnsService::read(std::shared_ptr<Feed> feed) {
  dns::StatusDecoder decoder;
  Bytes buffer(4096);
  for (;;) {
    auto [code, count] = co_await feed->socket.async_read_some(asio::buffer(buffer), kAsResult);
    if (code) co_return;
    auto status = decoder.push(ByteView(buffer).first(count));
    if (!status) {
      log::error("the DNS server's status can't be understood: reason={}", status.error());
      co_return;
    }
    if (*status) status_ = **status;
  }
}

std::string to_json(const dns::Config& config) {
  auto listen = Json::array();
  for (const auto& address : config.listen) listen.push_back(address.str());
  return Json{
      {"listen", std::move(listen)}, {"domain", config.domain},           {"ttl", config.ttl},
      {"local", config.local.value}, {"resolv-conf", config.resolv_conf}, {"timeout-ms", config.timeout.count()}}
      .dump();
}

dns::Config dns_config_from_json(std::string_view text) {
  try {
    auto json = Json::parse(text);
    dns::Config config;
    for (const auto& listen : json.at("listen")) {
      auto address = SocketAddress::parse(listen.get<std::string>());
      if (!address) throw Error(fmt::format("cannot read the address of the DNS server: {}", address.error()));
      config.listen.push_back(*address);
    }
    json.at("domain").get_to(config.domain);
    json.at("ttl").get_to(config.ttl);
    json.at("local").get_to(config.local.value);
    json.at("resolv-conf").get_to(config.resolv_conf);
    config.timeout = std::chrono::milliseconds(json.at("timeout-ms").get<int64_t>());
    return config;
  } catch (const Json::exception& error) {
    throw Error(std::string("cannot read the configuration of the DNS server: ") + error.what());
  }
}

}  // namespace weave::router
