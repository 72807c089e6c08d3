// weave dns-args
#include "dns_args.hpp"

#include "docker_words.hpp"
#include "host/routes.hpp"
#include "output.hpp"
#include "router_client.hpp"
#include "rows.hpp"
#include "text.hpp"

namespace weave::cmd {
namespace {

constexpr const char* kDefaultDomain = "weave.local.";
constexpr size_t kLongestHostname = 64;  // the kernel's limit
constexpr std::chrono::seconds kShortLimit{5};

// The value of "<name>=value" or "<name> value" at `word`; nothing for other words.
std::optional<std::string> value_of(const Words& arguments, size_t at, const std::string& name) {
  if (arguments[at] == name) return at + 1 < arguments.size() ? arguments[at + 1] : "";
  if (arguments[at].starts_with(name + "=")) return arguments[at].substr(name.size() + 1);
  return std::nullopt;
}

}  // namespace

Words dns_arguments(const std::string& server, const std::string& domain, const Words& words, Words& warnings) {
  auto arguments = docker_options(words);
  std::string name;
  bool has_hostname = false, has_search = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--without-dns") return {};
    // Docker refuses names and DNS settings for a namespace that belongs to another container.
    for (const auto* option : {"--net", "--network"})
      if (auto network = value_of(arguments, i, option); network && network->starts_with("container:")) return {};
    if (auto given = value_of(arguments, i, "--name")) name = *given;
    if (value_of(arguments, i, "--hostname") || value_of(arguments, i, "-h")) has_hostname = true;
    if (value_of(arguments, i, "--dns-search")) has_search = true;
  }
  Words out{"--dns=" + server};
  if (!name.empty() && !has_hostname) {
    auto hostname = name + "." + domain.substr(0, domain.find_last_not_of('.') + 1);
    if (hostname.size() > kLongestHostname) {
      warnings.push_back("Container name too long to be used as hostname");
    } else {
      out.push_back("--hostname=" + hostname);
      has_hostname = true;
    }
  }
  // A full host name is found without a search domain; with one, short names would be looked for there twice.
  if (!has_search) out.push_back("--dns-search=" + (has_hostname ? "." : domain));
  return out;
}

Words dns_arguments_now(const Words& arguments, Words& warnings) {
  std::string server, domain = kDefaultDomain;
  try {
    auto client = router_client();
    auto answer = client.call("GET", "/dns-address", {}, kShortLimit);
    if (answer.status == 404) return {};
    require_good(answer);
    server = answer.body;
    if (auto whole = client.ask("GET", "/dns-address-port", {}, kShortLimit); !whole.ends_with(":53")) {
      warnings.push_back(
          fmt::format("The DNS server listens on {}; containers ask port 53 only, so nothing is added for it", whole));
      return {};
    }
    domain = client.ask("GET", "/domain", {}, kShortLimit);
  } catch (const Error& error) {
    auto bridge = non_empty_environment("DOCKER_BRIDGE").value_or("docker0");
    auto address = host::docker_bridge_address(bridge);
    if (!address) throw;
    server = address->str();
    warnings.push_back(fmt::format("{}; assuming the DNS server at {} with domain {}", error.what(), server, domain));
  }
  return dns_arguments(server, domain, arguments, warnings);
}

Command dns_args_row() {
  Command command{.name = "dns-args",
                  .group = "Names",
                  .summary = "Print the arguments that make 'docker run' use weave's DNS server",
                  .words = "[<docker run argument> ...]"};
  command.details =
      "For docker run $(weave dns-args) ... Arguments are interpreted as for 'docker run': with --name and without "
      "--hostname, a host name in weave's domain is added; with --dns-search, no search domain is added.";
  command.raw = true;
  command.run = [](const Words& words) {
    Words warnings;
    auto arguments = dns_arguments_now(words, warnings);
    for (const auto& line : warnings) say(line);
    out(joined(arguments, " "));
    return kDone;
  };
  return command;
}

}  // namespace weave::cmd
