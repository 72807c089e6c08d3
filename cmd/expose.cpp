// weave expose, hide
#include "host/expose.hpp"
#include "addresses.hpp"
#include "output.hpp"
#include "router_client.hpp"
#include "rows.hpp"

namespace weave::cmd {
namespace {

constexpr const char* kOwner = "weave:expose";
constexpr const char* kNeedsIpam = "IP address allocation must be enabled to use 'net:'";

struct ExposeGiven {
  std::string name;
  bool without_masquerade = false;
  int timeout = 0;
};

Words parts(const Cidr& cidr) {
  return {cidr.address.str(), std::to_string(cidr.prefix)};
}

Words owned(const Cidr& cidr) {
  return {kOwner, cidr.address.str(), std::to_string(cidr.prefix)};
}

std::vector<AddressWord> addresses_only(const std::string& command, const Words& words) {
  auto found = split_addresses(words);
  for (const auto& word : found.rest)
    throw UsageError(looks_like_ip(word) ? fmt::format("'{}' has no prefix length, for example {}/24.", word, word)
                                         : fmt::format("weave {} takes addresses; '{}' is not one.", command, word));
  if (found.addresses.empty()) found.addresses.push_back({.text = "net:default"});
  return found.addresses;
}

// The addresses that the host has from IPAM now; without IPAM none.
std::vector<Cidr> owned_now(const control::Client& client) {
  auto answer = client.call("GET", path("/ip", {kOwner}));
  return answer.status == 200 ? parse_cidrs(answer.body) : std::vector<Cidr>{};
}

Cidr obtain(const control::Client& client, const AddressWord& word, int timeout) {
  if (word.kind == AddressWord::kThis) {
    auto answer = patient_call(client, "PUT", path("/ip", owned(word.cidr)), {}, timeout);
    if (answer.status != 404) require_good(answer);  // 404: IPAM is off
    if (control::has_outcome(answer, control::kCancelled))
      throw Error("the claim of " + word.cidr.str() + " was cancelled");
    return word.cidr;
  }
  auto where = word.kind == AddressWord::kSubnet ? owned(word.cidr) : Words{kOwner};
  auto answer = patient_call(client, "POST", path("/ip", where), {}, timeout);
  if (answer.status == 404) throw Error(kNeedsIpam);
  require_good(answer);
  if (control::has_outcome(answer, control::kCancelled)) throw Error("the allocation was cancelled");
  return parse_cidrs(answer.body).at(0);
}

void drop_name(const control::Client& client, const Cidr& cidr) {
  client.call("DELETE", path("/name", {kOwner, cidr.address.str()}));  // 404 when DNS is off
}

void release(const control::Client& client, const Cidr& cidr) {
  client.call("DELETE", path("/ip", {kOwner, cidr.address.str()}));  // refused when it has no owner: as we want it
}

// Takes back what this call has done so far; the error that made us do it is the one to tell.
class Undo {
 public:
  Undo() = default;
  Undo(const Undo&) = delete;
  ~Undo() {
    for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
      try {
        (*step)();
      } catch (const std::exception& error) {
        say("could not undo: {}", error.what());
      }
    }
  }
  void on_failure(std::function<void()> step) { steps_.push_back(std::move(step)); }
  void done() { steps_.clear(); }

 private:
  std::vector<std::function<void()>> steps_;
};

bool holds(const std::vector<Cidr>& cidrs, const Cidr& cidr) {
  return std::any_of(cidrs.begin(), cidrs.end(), [&](const Cidr& one) { return one.address == cidr.address; });
}

// A name outside the domain is left out, as by Weave Net, with a word about it.
void register_name(const control::Client& client, const Cidr& cidr, const std::string& name) {
  try {
    ask_part(client, "DNS", "PUT", path("/name", {kOwner, cidr.address.str()}), {{"fqdn", name}, {"strict", "true"}});
  } catch (const control::AnswerError& error) {
    if (error.status() != 400) throw;
    say("Warning: the name is not registered: {}", error.what());
  }
}

int expose(const ExposeGiven& given, const Words& words) {
  auto addresses = addresses_only("expose", words);
  auto client = router_client();
  auto bridge = bridge_of(report_of(client));
  auto owned_before = owned_now(client);
  auto exposed_before = host::bridge_addresses(bridge);
  std::vector<Cidr> exposed;
  Undo undo;
  for (const auto& word : addresses) {
    auto cidr = obtain(client, word, given.timeout);
    if (!holds(owned_before, cidr)) undo.on_failure([&client, cidr] { release(client, cidr); });
    if (!holds(exposed_before, cidr))
      undo.on_failure([&client, cidr] { client.ask("DELETE", path("/expose", parts(cidr))); });
    http::Fields form;
    if (given.without_masquerade) form.emplace_back("skipNAT", "true");
    client.ask("POST", path("/expose", parts(cidr)), form);
    if (!given.name.empty()) register_name(client, cidr, given.name);
    exposed.push_back(cidr);
  }
  undo.done();
  out(address_line(exposed));
  return kDone;
}

// The host's addresses that a word stands for.
std::vector<Cidr> find(const control::Client& client, const AddressWord& word) {
  if (word.kind == AddressWord::kThis) return {word.cidr};
  Cidr subnet = word.cidr;
  if (word.kind == AddressWord::kDefault) {
    auto answer = client.call("GET", "/ipinfo/defaultsubnet");
    if (answer.status == 404) throw Error(kNeedsIpam);
    require_good(answer);
    subnet = parse_cidrs(answer.body).at(0);
  }
  auto answer = client.call("GET", path("/ip", owned(subnet)));
  if (answer.status == 404) throw Error(kNeedsIpam);
  require_good(answer);
  return parse_cidrs(answer.body);
}

int hide(const Words& words) {
  auto addresses = addresses_only("hide", words);
  auto client = router_client();
  auto bridge = bridge_of(report_of(client));
  std::vector<Cidr> hidden;
  for (const auto& word : addresses) {
    for (const auto& wanted : find(client, word)) {
      for (const auto& there : host::bridge_addresses(bridge)) {
        if (there.address != wanted.address) continue;
        client.ask("DELETE", path("/expose", parts(there)));
        hidden.push_back(there);
        break;
      }
      drop_name(client, wanted);
      release(client, wanted);
    }
  }
  out(address_line(hidden));
  return kDone;
}

}  // namespace

Command expose_row() {
  auto given = std::make_shared<ExposeGiven>();
  Command command{.name = "expose",
                  .group = "Host",
                  .summary = "Add addresses of the network to this host",
                  .words = "[<addr> ...]"};
  command.details =
      "Adds addresses to the bridge, so that host and containers reach each other. Without an address: allocates one in "
      "the default subnet. Prints the addresses.";
  command.options = {
      {"-h,--hostname", "<fqdn>", "register this name for them", &given->name},
      {"--without-masquerade", "", "don't masquerade (NAT) container traffic", &given->without_masquerade},
      timeout_option(given->timeout),
  };
  command.run = [given](const Words& words) { return expose(*given, words); };
  return command;
}

Command hide_row() {
  Command command{.name = "hide",
                  .group = "Host",
                  .summary = "Remove addresses of the network from this host",
                  .words = "[<addr> ...]"};
  command.details =
      "Without an address: all of this host's addresses in the default subnet. Prints the removed addresses.";
  command.run = [](const Words& words) { return hide(words); };
  return command;
}

}  // namespace weave::cmd
