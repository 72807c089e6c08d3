// What changes something: addresses, names, targets, exposure, services.
#include "control/answer.hpp"
#include "control/api.hpp"
#include "control/client.hpp"
#include "control/json.hpp"

namespace weave::control {
namespace {

bool hex_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// The router is leaving the cluster: Weave Net's body with status 200, and a header for our own clients.
http::Response cancelled() {
  auto response = plain(kCancelled);
  response.headers[kOutcomeHeader] = kCancelled;
  return response;
}

// The first bad escape of a form, as Weave Net quotes it.
std::optional<std::string> bad_escape(std::string_view form) {
  for (size_t i = 0; i < form.size(); ++i)
    if (form[i] == '%' && (i + 2 >= form.size() || !hex_digit(form[i + 1]) || !hex_digit(form[i + 2])))
      return std::string(form.substr(i, 3));
  return std::nullopt;
}

// Why a peer is no host[:port]; empty when it is.
std::string peer_trouble(const std::string& peer) {
  if (peer.starts_with('[')) return {};  // an IPv6 address, which Weave Net doesn't take: the mesh knows better
  auto colons = std::count(peer.begin(), peer.end(), ':');
  if (colons > 1) return fmt::format("address {}:0: too many colons in address", peer);
  auto colon = peer.find(':');
  auto alphanumeric = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  bool good = !peer.empty() && colon != 0;
  if (good && colon != std::string::npos)
    good = colon + 1 < peer.size() &&
           std::all_of(peer.begin() + static_cast<ptrdiff_t>(colon) + 1, peer.end(), alphanumeric);
  return good ? "" : fmt::format("invalid peer name \"{}\", should be host[:port]", peer);
}

// What a subnet must be to allocate in it; empty when fine.
std::string subnet_trouble(const Cidr& subnet) {
  if (subnet.masked() != subnet) return "invalid subnet - bits after network prefix are not all zero: " + subnet.str();
  if (subnet.prefix > 30) return "invalid subnet - smaller than minimum size 4: " + subnet.str();
  return {};
}

std::vector<std::string> peers_of(const http::Request& request) {
  std::vector<std::string> peers;
  for (const auto& [name, value] : request.form())
    if (name == "peer") peers.push_back(value);
  return peers;
}

// The reason why the form can't be read, or nothing.
std::optional<std::string> form_trouble(const http::Request& request) {
  auto query = request.target.find('?');
  auto bad = bad_escape(request.body);
  if (!bad && query != std::string::npos) bad = bad_escape(std::string_view(request.target).substr(query));
  if (!bad) return std::nullopt;
  return fmt::format("unable to parse form: invalid URL escape \"{}\"", *bad);
}

}  // namespace

Routes::Answer Routes::connect(const Call& call) {
  if (auto trouble = form_trouble(call.request)) co_return failed(400, *trouble);
  std::vector<std::string> good, refused;
  for (auto& peer : peers_of(call.request)) {
    if (auto trouble = peer_trouble(peer); trouble.empty())
      good.push_back(peer);
    else
      refused.push_back(trouble);
  }
  // The good ones are taken even if others are bad.
  bool replace = call.flag("replace");
  if (replace || !good.empty())
    for (auto& line : backend_.connect(good, replace)) refused.push_back(std::move(line));
  if (!refused.empty()) co_return failed(400, fmt::format("{}", fmt::join(refused, "\n")));
  co_return empty(200);
}

Routes::Answer Routes::forget(const Call& call) {
  if (auto trouble = form_trouble(call.request)) co_return failed(400, *trouble);
  backend_.forget(peers_of(call.request));
  co_return empty(200);
}

Routes::Answer Routes::leave(const Call&) {
  co_await backend_.leave();
  co_return empty(204);
}

Routes::Answer Routes::take_over(const Call& call) {
  std::string failure;
  try {
    auto taken = backend_.take_over(call.args[0], call.flag("force"));
    if (!taken) co_return empty(200);
    co_return plain(fmt::format("{} IPs taken over from {}\n", *taken, call.args[0]));
  } catch (const Error& error) {
    failure = error.what();
  }
  co_return failed(400, failure);
}

// POST exposes, DELETE hides.
Routes::Answer Routes::expose(const Call& call) {
  auto cidr = call.cidr(0);
  if (!cidr) co_return failed(400, "unable to parse ip addr: " + cidr.error());
  auto text = call.request.field("skipNAT").value_or("");
  auto skip_nat = text.empty() ? false : parse_bool(text);
  if (!skip_nat)
    co_return failed(
        400, fmt::format("unable to parse skipNAT option: strconv.ParseBool: parsing \"{}\": invalid syntax", text));
  std::string failure;
  try {
    if (call.request.method == "DELETE")
      co_await backend_.hide(*cidr, *skip_nat);
    else
      co_await backend_.expose(*cidr, *skip_nat);
    co_return empty(204);
  } catch (const Error& error) {
    failure = error.what();
  }
  co_return failed(500, fmt::format("unable to {}: {}", call.request.method == "DELETE" ? "hide" : "expose", failure));
}

Routes::Answer Routes::allocate(const Call& call) {
  std::optional<Cidr> subnet;
  if (call.args.size() == 3) {
    auto parsed = call.cidr(1);
    if (!parsed) co_return failed(400, parsed.error());
    if (auto trouble = subnet_trouble(*parsed); !trouble.empty()) co_return failed(400, trouble);
    subnet = *parsed;
  }
  auto address = co_await backend_.allocate(call.args[0], subnet, call.flag("check-alive"));
  co_return address ? plain(address->str()) : cancelled();
}

Routes::Answer Routes::claim(const Call& call) {
  auto cidr = call.cidr(1);
  if (!cidr) co_return failed(400, cidr.error());
  // A caller that doesn't know the container yet claims under the address's own text.
  auto id = call.args[0] == "_" ? cidr->address.str() : call.args[0];
  std::string failure;
  try {
    bool done = co_await backend_.claim(id, *cidr, call.flag("check-alive"), call.flag("noErrorOnUnknown"));
    co_return done ? empty(204) : cancelled();
  } catch (const Error& error) {
    failure = error.what();
  }
  co_return failed(400, "Unable to claim: " + failure);
}

Routes::Answer Routes::lookup(const Call& call) {
  std::optional<Cidr> subnet;
  if (call.args.size() == 3) {
    auto parsed = call.cidr(1);
    if (!parsed) co_return failed(400, parsed.error());
    if (auto trouble = subnet_trouble(*parsed); !trouble.empty()) co_return failed(400, trouble);
    subnet = *parsed;
  }
  std::vector<std::string> texts;
  for (const auto& cidr : backend_.lookup(call.args[0], subnet)) texts.push_back(cidr.str());
  co_return plain(fmt::format("{}", fmt::join(texts, " ")));
}

Routes::Answer Routes::owned(const Call&) {
  Json list;
  for (const auto& [id, cidrs] : backend_.owned()) {
    auto addresses = Json::array();
    for (const auto& cidr : cidrs) addresses.push_back(cidr.str());
    list.push_back(Json{{"containerid", id}, {"addrs", addresses}});
  }
  co_return http::Response::json(json_text(Json{{"owned", list}}) + "\n");
}

Routes::Answer Routes::release(const Call& call) {
  const auto& id = call.args[0];
  if (call.args.size() == 1) {
    if (backend_.release(id, std::nullopt)) co_return empty(204);
    auto response = failed(400, "Delete: no addresses for " + id);
    response.headers[kOutcomeHeader] = kNoAddress;
    co_return response;
  }
  auto address = Ipv4::parse(call.args[1]);
  if (!address) co_return failed(400, "invalid IP Address: " + call.args[1]);
  if (!backend_.release(id, *address))
    co_return failed(400, fmt::format("Unable to free: Free: address {} not found for {}", address->str(), id));
  co_return empty(204);
}

Routes::Answer Routes::ring(const Call&) {
  co_await backend_.ring();
  co_return empty(200);
}

Routes::Answer Routes::ipam_repair(const Call& call) {
  co_return plain(backend_.ipam_repair(call.flag("rejoin"), call.flag("force")));
}

Routes::Answer Routes::add_name(const Call& call) {
  auto address = Ipv4::parse(call.args[1]);
  if (!address) co_return failed(400, "invalid IP Address: " + call.args[1]);
  auto fqdn = call.request.field("fqdn").value_or("");
  std::optional<std::string> ignored = "no name given";
  if (!fqdn.empty()) ignored = co_await backend_.add_name(call.args[0], *address, fqdn, call.flag("check-alive"));
  if (ignored && call.flag("strict")) co_return failed(400, *ignored);
  co_return empty(204);
}

Routes::Answer Routes::delete_name(const Call& call) {
  std::optional<Ipv4> address;
  if (call.args.size() == 2) {
    auto parsed = Ipv4::parse(call.args[1]);
    if (!parsed) co_return failed(400, "invalid IP Address: " + call.args[1]);
    address = *parsed;
  }
  auto fqdn = call.request.field("fqdn");
  if (fqdn && fqdn->empty()) fqdn.reset();
  backend_.delete_name(fqdn, call.args.empty() ? std::nullopt : std::optional(call.args[0]), address);
  co_return empty(204);
}

Routes::Answer Routes::start_plugin(const Call& call) {
  Backend::PluginStart options{.restart = !call.flag("no-restart")};
  if (auto level = call.request.field("log-level")) options.log_level = log::parse_level(*level);
  auto id = co_await backend_.start_plugin(options);
  co_return http::Response::json(json_text(Json{{"ServiceID", id}}) + "\n");
}

Routes::Answer Routes::stop_plugin(const Call&) {
  bool stopped = co_await backend_.stop_plugin();
  co_return stopped ? empty(204) : failed(404, "Plugin is not running.");
}

Routes::Answer Routes::stop(const Call& call) {
  auto warnings = co_await backend_.stop(call.flag("remove-network"));
  std::string text;
  for (const auto& line : warnings) text += line + "\n";
  co_return plain(text);
}

}  // namespace weave::control
