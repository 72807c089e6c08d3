// Dispatch: door, path, method. What each path answers is in api_*.cpp.
#include "control/api.hpp"

#include "base/text.hpp"
#include "base/users.hpp"
#include "control/answer.hpp"

namespace weave::control {
namespace {

enum class Part { kAny, kIpam, kDns, kProxy };
enum Doors : uint8_t { kAllDoors, kControlDoors, kSocketOnly };

// Elements of a path without its first slash; empty ones are kept, they match nothing.
std::vector<std::string_view> elements(std::string_view path) {
  std::vector<std::string_view> out;
  if (path.starts_with('/')) path.remove_prefix(1);
  for (;;) {
    auto slash = path.find('/');
    out.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return out;
    path.remove_prefix(slash + 1);
  }
}

// Double slashes and dots removed, a trailing slash kept.
std::string cleaned(std::string_view path) {
  std::vector<std::string_view> kept;
  bool slash = false;
  for (auto element : elements(path)) {
    slash = element.empty() || element == "." || element == "..";
    if (element == ".." && !kept.empty()) kept.pop_back();
    if (!slash) kept.push_back(element);
  }
  return fmt::format("/{}{}", fmt::join(kept, "/"), slash && !kept.empty() ? "/" : "");
}

bool numeric_host(std::string_view host) {
  if (host.starts_with('[')) return host.find(']') != std::string_view::npos;
  host = host.substr(0, host.rfind(':'));
  return host == "localhost" || Ipv4::parse(host).has_value();
}

}  // namespace

struct Routes::Route {
  std::string_view method, pattern;  // an element "*" is a variable
  Answer (Routes::*answer)(const Call&);
  Doors doors = kControlDoors;
  Part part = Part::kAny;
};

const std::vector<Routes::Route>& Routes::table() {
  static const std::vector<Route> routes{
      {"GET", "/status", &Routes::status, kAllDoors},
      {"GET", "/status/targets", &Routes::status_part, kAllDoors},
      {"GET", "/status/connections", &Routes::status_part, kAllDoors},
      {"GET", "/status/peers", &Routes::status_part, kAllDoors},
      {"GET", "/status/dns", &Routes::status_part, kAllDoors},
      {"GET", "/status/ipam", &Routes::status_part, kAllDoors},
      {"GET", "/status/plugin", &Routes::status_part, kAllDoors},
      {"GET", "/report", &Routes::report, kAllDoors},
      {"GET", "/metrics", &Routes::metrics, kAllDoors},
      {"GET", "/healthz", &Routes::health, kAllDoors},
      {"POST", "/connect", &Routes::connect},
      {"POST", "/forget", &Routes::forget},
      {"DELETE", "/peer", &Routes::leave},
      {"DELETE", "/peer/*", &Routes::take_over},
      {"POST", "/expose/*/*", &Routes::expose},
      {"DELETE", "/expose/*/*", &Routes::expose},
      {"GET", "/ip", &Routes::owned, kControlDoors, Part::kIpam},
      {"POST", "/ip/*", &Routes::allocate, kControlDoors, Part::kIpam},
      {"GET", "/ip/*", &Routes::lookup, kControlDoors, Part::kIpam},
      {"DELETE", "/ip/*", &Routes::release, kControlDoors, Part::kIpam},
      {"DELETE", "/ip/*/*", &Routes::release, kControlDoors, Part::kIpam},
      {"POST", "/ip/*/*/*", &Routes::allocate, kControlDoors, Part::kIpam},
      {"GET", "/ip/*/*/*", &Routes::lookup, kControlDoors, Part::kIpam},
      {"PUT", "/ip/*/*/*", &Routes::claim, kControlDoors, Part::kIpam},
      {"GET", "/ring", &Routes::ring, kControlDoors, Part::kIpam},
      {"GET", "/ipinfo/defaultsubnet", &Routes::default_subnet, kControlDoors, Part::kIpam},
      {"GET", "/ipinfo/tracker", &Routes::tracker, kControlDoors, Part::kIpam},
      {"GET", "/ipam/diff", &Routes::ipam_diff, kSocketOnly, Part::kIpam},
      {"POST", "/ipam/repair", &Routes::ipam_repair, kSocketOnly, Part::kIpam},
      {"GET", "/name", &Routes::names, kControlDoors, Part::kDns},
      {"DELETE", "/name", &Routes::delete_name, kControlDoors, Part::kDns},
      {"DELETE", "/name/*", &Routes::delete_name, kControlDoors, Part::kDns},
      {"DELETE", "/name/*/*", &Routes::delete_name, kControlDoors, Part::kDns},
      {"PUT", "/name/*/*", &Routes::add_name, kControlDoors, Part::kDns},
      {"GET", "/domain", &Routes::dns_info, kControlDoors, Part::kDns},
      {"GET", "/dns-address", &Routes::dns_info, kControlDoors, Part::kDns},
      {"GET", "/dns-address-port", &Routes::dns_info, kControlDoors, Part::kDns},
      {"GET", "/proxyaddrs", &Routes::proxy_addresses, kControlDoors, Part::kProxy},
      {"POST", "/plugin", &Routes::start_plugin, kSocketOnly},
      {"DELETE", "/plugin", &Routes::stop_plugin, kSocketOnly},
      {"POST", "/attach/*", &Routes::attach, kSocketOnly},
      {"DELETE", "/attach/*", &Routes::detach, kSocketOnly},
      {"GET", "/attached", &Routes::attached, kSocketOnly},
      {"DELETE", "/router", &Routes::stop, kSocketOnly},
  };
  return routes;
}

Result<Cidr> Routes::Call::cidr(size_t at) const {
  auto text = args[at] + "/" + args[at + 1];
  auto parsed = Cidr::parse(text);
  if (!parsed) return Refused("invalid CIDR address: " + text);
  return parsed;
}

bool Routes::exists(const Route& route, Door door) {
  if (door == Door::kStatus && route.doors != kAllDoors) return false;
  if (door == Door::kMetrics && route.pattern != "/metrics") return false;
  if (door == Door::kTcp && route.doors == kSocketOnly) return false;
  auto parts = backend_.parts();
  switch (route.part) {
    case Part::kIpam:
      return parts.ipam;
    case Part::kDns:
      return parts.dns;
    case Part::kProxy:
      return parts.proxy;
    case Part::kAny:
      break;
  }
  return true;
}

Routes::Answer Routes::dispatch(const Route& route, const Call& call) {
  // No co_await in a handler: remember the failure, answer it afterwards.
  std::string failure;
  try {
    co_return co_await (this->*route.answer)(call);
  } catch (const Error& error) {
    failure = error.what();
  }
  co_return failed(400, failure);
}

Routes::Answer Routes::handle(http::Request request, Door door) {
  if (door == Door::kTcp) {
    // A web page can make a browser on this host send requests, under a name of its own or with its origin attached.
    auto host = request.headers.find("host");
    if (request.headers.contains("origin")) co_return failed(403, "requests of web pages are refused");
    if (host != request.headers.end() && !numeric_host(host->second))
      co_return failed(403, "the host must be an IP address or localhost");
    bool reads = request.method == "GET" || request.method == "HEAD";
    bool here = request.loopback || request.user;
    if (!reads && here && !(request.user && may_change_network(*request.user)))
      co_return failed(403, "only root and members of the group docker may change the network");
  }
  auto path = std::string(request.path());
  if (auto clean = cleaned(path); clean != path) {
    http::Response moved;
    moved.status = 301;
    auto query = request.target.substr(std::min(path.size(), request.target.size()));
    moved.headers["location"] = clean + query;
    if (request.method == "GET" || request.method == "HEAD") moved.content_type = "text/html; charset=utf-8";
    if (request.method == "GET")
      moved.body = fmt::format("<a href=\"{}\">Moved Permanently</a>.\n\n", html_escaped(clean + query));
    co_return moved;
  }
  std::vector<std::string> decoded;
  for (auto element : elements(path)) {
    auto text = http::percent_decode(element);
    if (!text) co_return failed(400, "bad escape in the path");
    decoded.push_back(std::move(*text));
  }

  const Route* chosen = nullptr;
  std::vector<std::string> args;
  std::set<std::string_view> allowed;
  bool head = request.method == "HEAD";
  for (const auto& route : table()) {
    auto pattern = elements(route.pattern);
    if (pattern.size() != decoded.size()) continue;
    std::vector<std::string> found;
    bool match = true;
    for (size_t i = 0; i < pattern.size() && match; ++i) {
      if (pattern[i] != "*")
        match = pattern[i] == decoded[i];
      else if ((match = !decoded[i].empty()))
        found.push_back(decoded[i]);
    }
    if (!match || !exists(route, door)) continue;
    allowed.insert(route.method);
    if (route.method == "GET") allowed.insert("HEAD");
    if (route.method != request.method && !(head && route.method == "GET")) continue;
    chosen = &route;
    args = std::move(found);
  }
  if (allowed.empty()) co_return failed(404, "404 page not found");
  if (chosen == nullptr) {
    auto response = empty(405);
    response.headers["allow"] = fmt::format("{}", fmt::join(allowed, ", "));
    co_return response;
  }
  Call call{std::move(request), std::move(args)};
  auto response = co_await dispatch(*chosen, call);
  if (head) response.body.clear();
  co_return response;
}

http::Handler Routes::handler(Door door) {
  return [this, door](http::Request request) { return handle(std::move(request), door); };
}

}  // namespace weave::control
