// weave attach, detach
#include "attach.hpp"

#include "output.hpp"
#include "router_client.hpp"
#include "rows.hpp"
#include "text.hpp"

namespace weave::cmd {

std::vector<Cidr> attach_container(const std::string& container, const std::vector<AddressWord>& addresses,
                                   const AttachOptions& options) {
  auto client = router_client(Door::kSocket);
  warn_of_overlaps(addresses);
  http::Fields form;
  for (const auto& address : addresses) form.emplace_back("addr", address.text);
  if (options.without_dns) form.emplace_back("without-dns", "true");
  if (options.no_multicast_route) form.emplace_back("no-multicast-route", "true");
  if (options.rewrite_hosts) form.emplace_back("rewrite-hosts", "true");
  for (const auto& host : options.add_hosts) form.emplace_back("add-host", host);
  auto answer = patient_call(client, "POST", path("/attach", {container}), form, options.timeout);
  require_good(answer);
  return parse_cidrs(answer.body);
}

std::vector<Cidr> attached_addresses(const std::string& container) {
  std::vector<Cidr> addresses;
  auto answer = router_client(Door::kSocket).ask("GET", "/attached", {{"container", container}});
  for (const auto& line : lines_of(answer)) {  // "<id> <mac> <cidr> ..."
    auto fields = split(line, ' ');
    for (size_t i = 2; i < fields.size(); ++i)
      for (const auto& cidr : parse_cidrs(fields[i])) addresses.push_back(cidr);
  }
  return addresses;
}

namespace {

// Of two addresses in one subnet the kernel uses the older for what the container sends, which surprises who attached a
// container that is on Docker's network "weave".
void warn_of_second_address(const std::string& container, const std::vector<Cidr>& made) {
  for (const auto& other : attached_addresses(container))
    for (const auto& cidr : made)
      if (other != cidr && other.masked() == cidr.masked() && std::ranges::find(made, other) == made.end())
        say("WARNING: {} has two addresses in {} now: {} and {}.", container, cidr.masked().str(), other.address.str(),
            cidr.address.str());
}

int attach(const AttachOptions& options, const Words& words) {
  auto [addresses, container] = addresses_and_container("attach", words);
  for (const auto& host : options.add_hosts)
    if (host.find(':') == host.npos) throw UsageError(fmt::format("--add-host: '{}' is not <name>:<ip>.", host));
  auto made = attach_container(container, addresses, options);
  warn_of_second_address(container, made);
  out(address_line(made));
  return kDone;
}

int detach(const Words& words) {
  auto [addresses, container] = addresses_and_container("detach", words);
  auto client = router_client(Door::kSocket);
  http::Fields form;
  for (const auto& address : addresses) form.emplace_back("addr", address.text);
  auto taken = parse_cidrs(client.ask("DELETE", path("/attach", {container}), form));
  if (taken.empty()) throw Error(fmt::format("{} is not attached", container));
  out(address_line(taken));
  return kDone;
}

}  // namespace

Command attach_row() {
  auto given = std::make_shared<AttachOptions>();
  Command command{.name = "attach",
                  .group = "Containers",
                  .summary = "Attach a running container to the network",
                  .words = "[<addr> ...] <container>"};
  command.details =
      "Without an address: allocates one in the default subnet. Prints the addresses. Attaching again returns the same "
      "addresses.";
  command.options = {
      {"--without-dns", "", "don't register the container's name", &given->without_dns},
      {"--rewrite-hosts", "", "write the container's /etc/hosts", &given->rewrite_hosts},
      {"--add-host", "<name>:<ip>", "add a name to that file; may be repeated", &given->add_hosts},
      {"--no-multicast-route", "", "no route for multicast through the interface", &given->no_multicast_route},
      timeout_option(given->timeout),
  };
  command.word_kind = WordKind::kContainer;
  command.run = [given](const Words& words) { return attach(*given, words); };
  return command;
}

Command detach_row() {
  Command command{.name = "detach",
                  .group = "Containers",
                  .summary = "Detach a container from the network",
                  .words = "[<addr> ...] <container>"};
  command.details =
      "Without an address: removes all of its addresses in the default subnet. The interface is removed with the last "
      "address. Prints the removed addresses.";
  command.word_kind = WordKind::kContainer;
  command.run = [](const Words& words) { return detach(words); };
  return command;
}

}  // namespace weave::cmd
