// weave dns-add, dns-remove, dns-lookup
#include "attach.hpp"
#include "docker/client.hpp"
#include "docker/run_blocking.hpp"
#include "names/entry.hpp"
#include "output.hpp"
#include "router_client.hpp"
#include "rows.hpp"

namespace weave::cmd {
namespace {

constexpr const char* kExtern = "weave:extern";  // owner of names that belong to no container

struct NamesGiven {
  std::string container;  // may be empty
  Words addresses;
  std::string name;  // may be empty
};

struct Named {
  std::string owner;  // container id, or kExtern
  Words addresses;
  std::optional<std::string> name;  // nothing: the container has none with a domain
};

// The container's own name, if it has a domain.
std::optional<std::string> own_name(const docker::Container& container) {
  if (!container.domainname.empty()) return container.hostname + "." + container.domainname;
  if (container.hostname.find('.') != std::string::npos) return container.hostname;
  return std::nullopt;
}

NamesGiven understand(const std::string& command, const Words& words, const std::string& name) {
  NamesGiven given{.name = name};
  for (const auto& word : words) {
    if (!looks_like_ip(word)) {
      if (!given.container.empty())
        throw UsageError(
            fmt::format("weave {} takes one container; '{}' is neither an address nor an option.", command, word));
      given.container = word;
      continue;
    }
    auto address = Ipv4::parse(word);
    if (!address) throw UsageError(fmt::format("'{}' is not an address: {}.", word, address.error()));
    given.addresses.push_back(address->str());
  }
  if (!given.container.empty()) return given;
  if (given.addresses.empty()) throw UsageError(fmt::format("weave {} needs a container or addresses.", command));
  if (name.empty()) throw UsageError(fmt::format("weave {} without a container needs a name: -h <fqdn>.", command));
  return given;
}

Named resolve(const NamesGiven& given) {
  Named named{.owner = kExtern, .addresses = given.addresses};
  if (!given.name.empty()) named.name = given.name;
  if (given.container.empty()) return named;
  docker::Client docker;
  auto container = docker::run_blocking(docker.inspect_container(given.container));
  if (!container.running) throw Error(fmt::format("container {} is not running", given.container));
  named.owner = container.id;
  if (!named.name) named.name = own_name(container);
  if (named.addresses.empty())
    for (const auto& cidr : attached_addresses(container.id)) named.addresses.push_back(cidr.address.str());
  return named;
}

int add(const Words& words, const std::string& hostname) {
  auto given = understand("dns-add", words, hostname);
  auto client = router_client();
  if (!client.running()) throw control::NotRunning();
  auto named = resolve(given);
  if (!named.name) return kDone;
  if (named.addresses.empty()) say("{} has no address in the network, so nothing is registered.", given.container);
  for (const auto& address : named.addresses)
    ask_part(client, "DNS", "PUT", path("/name", {named.owner, address}), {{"fqdn", *named.name}, {"strict", "true"}});
  return kDone;
}

int remove(const Words& words, const std::string& hostname) {
  auto given = understand("dns-remove", words, hostname);
  auto client = router_client();
  if (!client.running()) throw control::NotRunning();
  auto named = resolve(given);
  http::Fields form;
  if (!hostname.empty()) form.emplace_back("fqdn", hostname);
  for (const auto& address : named.addresses)
    ask_part(client, "DNS", "DELETE", path("/name", {named.owner, address}), form);
  return kDone;
}

int lookup(const std::string& name) {
  auto report = report_of(router_client());
  if (!report.dns) throw Failure("DNS is disabled", kFeatureOff);
  auto domain = names::canonical(report.dns->domain);
  auto wanted = names::canonical(name);
  if (!wanted.ends_with("." + domain)) wanted += domain;
  std::set<std::string> told;
  for (const auto& entry : report.dns->entries)
    if (entry.tombstone == 0 && names::canonical(entry.hostname) == wanted && told.insert(entry.address.str()).second)
      out(entry.address.str() + "\n");
  return kDone;
}

Command row(const std::string& name, const std::string& summary, int (*run)(const Words&, const std::string&)) {
  auto hostname = std::make_shared<std::string>();
  Command command{.name = name,
                  .group = "Names",
                  .summary = summary,
                  .words = "[<ip> ...] <container> [-h <fqdn>] | <ip> ... -h <fqdn>"};
  command.details =
      "Without an address: all that the container has in the network. Without -h: the container's own name. Names "
      "without a container are kept until they are removed or this peer goes.";
  command.options = {{"-h,--hostname", "<fqdn>", "the name, below the DNS domain", hostname.get()}};
  command.word_kind = WordKind::kContainer;
  command.run = [hostname, run](const Words& words) { return run(words, *hostname); };
  return command;
}

}  // namespace

Command dns_add_row() {
  return row("dns-add", "Register a name for addresses", add);
}

Command dns_remove_row() {
  return row("dns-remove", "Remove names that this peer has registered", remove);
}

Command dns_lookup_row() {
  Command command{
      .name = "dns-lookup", .group = "Names", .summary = "Print the addresses of a name", .words = "<name>"};
  command.details = "The name may be short. Prints one address a line; nothing if the name is not registered.";
  command.min_words = command.max_words = 1;
  command.run = [](const Words& words) { return lookup(words[0]); };
  return command;
}

}  // namespace weave::cmd
