// `weave attach` and `weave detach`: addresses, the interface, names; all of it or nothing.
#include <boost/asio/this_coro.hpp>

#include "base/log.hpp"
#include "base/offload.hpp"
#include "host/hosts_file.hpp"
#include "ipam/parse.hpp"
#include "router/containers.hpp"
#include "router/router.hpp"

namespace weave::router {
namespace {

struct Word {
  bool allocate = false;     // an address of `cidr`, else exactly `cidr`
  std::optional<Cidr> cidr;  // nothing: the default subnet
};

// "net:default", "net:<subnet>", "ip:<cidr>", "<cidr>"
Word parse_word(const std::string& text) {
  if (text == "net:default") return {.allocate = true, .cidr = {}};
  bool allocate = text.starts_with("net:");
  auto rest = allocate ? text.substr(4) : text.starts_with("ip:") ? text.substr(3) : text;
  auto cidr = allocate ? ipam::parse_subnet(rest) : ipam::parse_cidr(rest);
  if (!cidr) throw Error(cidr.error());
  return {.allocate = allocate, .cidr = *cidr};
}

std::vector<Word> parse_words(std::vector<std::string> texts) {
  if (texts.empty()) texts = {"net:default"};
  std::vector<Word> words;
  for (const auto& text : texts) words.push_back(parse_word(text));
  return words;
}

std::string fqdn_of(const docker::Container& container) {
  return container.domainname.empty() ? container.hostname : container.hostname + "." + container.domainname;
}

}  // namespace

asio::awaitable<std::vector<Cidr>> Router::attach(AttachRequest request) {
  auto words = parse_words(request.addresses);
  auto container = co_await running_container(request.container);
  std::set<Ipv4> before;  // what it had already isn't ours to take back
  if (addresses_)
    for (const auto& owned : addresses_->allocator().owned())
      if (owned.ident == container.id)
        for (const auto& cidr : owned.addresses) before.insert(cidr.address);

  std::vector<Cidr> cidrs;
  std::exception_ptr failure;
  try {
    for (const auto& word : words) {
      if (!word.allocate) {
        if (addresses_ && !co_await addresses_->claim(container.id, *word.cidr, true))
          throw Error("Container " + container.id + " died");
        cidrs.push_back(*word.cidr);
        continue;
      }
      if (!addresses_) throw Error("IP address allocation must be enabled to use 'net:'");
      auto cidr = co_await addresses_->allocate(container.id, word.cidr.value_or(*default_subnet_of(options_)), true);
      if (!cidr) throw Error("Container " + container.id + " died");
      cidrs.push_back(*cidr);
    }
    co_await offload(host_, [this, request, container, cidrs] {
      auto guest = host::NetNs::of_pid(container.pid);
      if (request.rewrite_hosts) {
        std::vector<Ipv4> addresses;
        for (const auto& cidr : cidrs) addresses.push_back(cidr.address);
        host::replace_container_hosts(container.hosts_path,
                                      host::container_hosts(addresses, fqdn_of(container), request.extra_hosts));
      }
      host::attach(
          guest, std::to_string(container.pid), cidrs,
          {.bridge = options_.bridge, .multicast_route = request.multicast_route, .iptables = firewall_->iptables()});
    });
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure) {
    co_await boost::asio::this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
    for (const auto& cidr : cidrs)
      if (addresses_ && !before.contains(cidr.address)) addresses_->release(container.id, cidr.address);
    std::rethrow_exception(failure);
  }
  if (request.names)
    store_->erase("attach", container.id);
  else
    store_->put("attach", container.id, "without-dns");
  // Before the answer, so that the name works when the command returns.
  if (registrar_) registrar_->update(container.id, co_await wanted_names(container));
  co_return cidrs;
}

asio::awaitable<std::vector<Cidr>> Router::detach(std::string word, std::vector<std::string> addresses) {
  auto words = parse_words(std::move(addresses));
  auto container = co_await running_container(word);
  auto wanted = [&](const Cidr& cidr) {
    return std::any_of(words.begin(), words.end(), [&](const Word& one) {
      if (!one.allocate) return one.cidr->address == cidr.address;
      auto subnet = one.cidr ? one.cidr : default_subnet_of(options_);
      return !subnet || subnet->contains(cidr.address);
    });
  };
  auto removed = co_await offload(host_, [this, container, wanted] {
    auto guest = host::NetNs::of_pid(container.pid);
    std::vector<Cidr> present;
    for (const auto& attachment : host::list_attached(guest, host::container_ports(options_.bridge)))
      if (attachment.interface == "ethwe")
        for (const auto& cidr : attachment.cidrs)
          if (wanted(cidr)) present.push_back(cidr);
    if (present.empty()) return present;
    return host::detach(guest, present, {.bridge = options_.bridge, .iptables = firewall_->iptables()});
  });
  if (removed.empty()) throw Error(word + " is not attached");
  for (const auto& cidr : removed)
    if (addresses_) addresses_->release(container.id, cidr.address);
  if (registrar_) {
    for (const auto& cidr : removed)
      registrar_->remove({.hostname = {}, .container = container.id, .address = cidr.address});
    registrar_->update(container.id, co_await wanted_names(container));
  }
  co_return removed;
}

asio::awaitable<std::vector<control::Backend::Attached>> Router::attached(std::vector<std::string> containers) {
  return attached_containers(docker(), host_, options_.bridge, std::move(containers));
}

}  // namespace weave::router
