// Containers on the bridge: attach, detach, and who is there. Ours, on the socket only: Weave Net's script does this
// itself, as root.
#include "control/answer.hpp"
#include "control/api.hpp"

namespace weave::control {
namespace {

std::vector<std::string> values(const http::Request& request, std::string_view name) {
  std::vector<std::string> found;
  for (const auto& [field, value] : request.form())
    if (field == name) found.push_back(value);
  return found;
}

// "10.2.1.6/24 10.32.0.1/12"
http::Response list_of(const std::vector<Cidr>& cidrs) {
  std::vector<std::string> texts;
  for (const auto& cidr : cidrs) texts.push_back(cidr.str());
  return plain(fmt::format("{}", fmt::join(texts, " ")));
}

}  // namespace

// Fields: addr (any number, in order), without-dns, no-multicast-route, rewrite-hosts, add-host (any number).
Routes::Answer Routes::attach(const Call& call) {
  Backend::AttachRequest request{.container = call.args[0],
                                 .addresses = values(call.request, "addr"),
                                 .names = !call.flag("without-dns"),
                                 .multicast_route = !call.flag("no-multicast-route"),
                                 .rewrite_hosts = call.flag("rewrite-hosts"),
                                 .extra_hosts = values(call.request, "add-host")};
  std::string failure;
  try {
    co_return list_of(co_await backend_.attach(std::move(request)));
  } catch (const Error& error) {
    failure = error.what();
  }
  co_return failed(400, failure);
}

Routes::Answer Routes::detach(const Call& call) {
  std::string failure;
  try {
    co_return list_of(co_await backend_.detach(call.args[0], values(call.request, "addr")));
  } catch (const Error& error) {
    failure = error.what();
  }
  co_return failed(400, failure);
}

// A line an interface: full id, MAC, CIDRs. Field: container (any number; none means all that run).
Routes::Answer Routes::attached(const Call& call) {
  std::string failure;
  try {
    std::string text;
    for (const auto& one : co_await backend_.attached(values(call.request, "container"))) {
      text += one.container + " " + one.mac;
      for (const auto& cidr : one.cidrs) text += " " + cidr.str();
      text += "\n";
    }
    co_return plain(text);
  } catch (const Error& error) {
    failure = error.what();
  }
  co_return failed(400, failure);
}

}  // namespace weave::control
