// A recorded session with Weave Net's HTTP interface, replayed against the allocator.
#include <catch2/catch.hpp>

#include "ipam/allocator.hpp"
#include "ipam/parse.hpp"
#include "unit/ipam/vectors.hpp"

using namespace weave;
using namespace weave::ipam;

namespace {

struct Reply {
  int status = 0;
  std::string body;
};

std::vector<std::string> elements(std::string path) {
  path = path.substr(1, path.find('?') - 1);
  if (auto at = path.find("%3A"); at != std::string::npos) path.replace(at, 3, ":");
  std::vector<std::string> list;
  size_t start = 0;
  for (auto slash = path.find('/'); slash != std::string::npos; start = slash + 1, slash = path.find('/', start))
    list.push_back(path.substr(start, slash - start));
  list.push_back(path.substr(start));
  return list;
}

std::string listed(const std::vector<Cidr>& list) {
  std::string out;
  for (auto one : list) out += (out.empty() ? "" : " ") + one.str();
  return out;
}

Reply refused(const std::string& text) {
  return {400, text + "\n"};
}

template <class T>
Reply refused(const Answer<T>& answer, const std::string& prefix) {
  if (answer.error().kind == Refusal::Kind::kCancelled) return {200, answer.error().text};
  return refused(prefix + answer.error().text);
}

// Requests for addresses only; status 0 for anything else.
Reply serve(Allocator& ipam, const std::string& method, const std::vector<std::string>& path) {
  if (path[0] == "ring") {
    ipam.establish();
    return {200, ""};
  }
  if (path[0] == "peer" && path.size() == 1) {
    ipam.leave([](PeerName) { return false; });
    return {204, ""};
  }
  if (path[0] == "peer")
    return {200, fmt::format("{} IPs taken over from {}\n", ipam.takeover(path[1]).value(), path[1])};
  if (path[0] != "ip" || path.size() < 2 || path[1].empty() || path.back().empty()) return {};
  const auto& ident = path[1];
  if (method == "PUT" && path.size() == 4) {
    auto claimed = parse_cidr(path[2] + "/" + path[3]);
    if (!claimed) return refused(claimed.error());
    auto answer = ipam.claim(ident, *claimed);
    return answer ? Reply{204, ""} : refused(answer, "Unable to claim: ");
  }
  if (method == "DELETE" && path.size() == 3) {
    auto address = parse_address(path[2]);
    if (!address) return refused(address.error());
    auto answer = ipam.release(ident, *address);
    return answer ? Reply{204, ""} : refused("Unable to free: " + answer.error());
  }
  if (method == "DELETE" && path.size() == 2) {
    auto answer = ipam.release_all(ident);
    return answer ? Reply{204, ""} : refused(answer.error());
  }
  if ((method != "GET" && method != "POST") || path.size() == 3) return {};
  auto subnet = ipam.config().default_subnet;
  if (path.size() == 4) {
    auto parsed = parse_subnet(path[2] + "/" + path[3]);
    if (!parsed) return refused(parsed.error());
    subnet = *parsed;
  }
  if (method == "GET") return {200, listed(ipam.lookup(ident, subnet))};
  auto answer = ipam.allocate(ident, subnet);
  return answer ? Reply{200, answer->str()} : refused(answer, "");
}

}  // namespace

TEST_CASE("a session with Weave Net gets the same answers") {
  Allocator ipam({peer("02:00:00:00:00:01"), "host1", cidr("10.32.0.0/12"), cidr("10.32.0.0/12"), {}}, {},
                 [](std::span<const Change>) {});
  auto reachable = [](PeerName) { return false; };
  CHECK(ipam.report(reachable).status == "idle");
  CHECK(ipam.ring().empty());
  int replayed = 0;
  for (const auto& step : vectors("ipam/http-transcript.json", "steps")) {
    INFO(step.dump());
    auto method = text(step["method"]), path = text(step["path"]), body = text(step["body"]);
    if (path == "/ip" && method == "GET") {
      std::map<std::string, std::string> want, got;
      auto owned = Json::parse(body);
      for (const auto& one : owned["owned"])
        for (const auto& address : one["addrs"]) want[text(one["containerid"])] += text(address) + " ";
      for (const auto& one : ipam.owned()) got[one.ident] = listed(one.addresses) + " ";
      CHECK(got == want);
      ++replayed;
    } else if (path.starts_with("/report")) {
      auto want = Json::parse(body);
      auto got = ipam.report(reachable);
      CHECK(got.status == "ready");
      CHECK(got.range.str() == text(want["Range"]));
      CHECK(got.default_subnet.str() == text(want["DefaultSubnet"]));
      CHECK(got.range_num_ips == want["RangeNumIPs"].get<uint32_t>());
      CHECK(got.active_ips == want["ActiveIPs"].get<uint32_t>());
      REQUIRE(got.entries.size() == want["Entries"].size());
      const auto& entry = want["Entries"][0];
      CHECK(got.entries[0].token.str() == text(entry["Token"]));
      CHECK(got.entries[0].size == entry["Size"].get<uint32_t>());
      CHECK(got.entries[0].peer.str() == text(entry["Peer"]));
      CHECK(got.entries[0].nickname == text(entry["Nickname"]));
      CHECK(got.entries[0].known == entry["IsKnownPeer"].get<bool>());
      CHECK(got.entries[0].version == entry["Version"].get<uint32_t>());
      ++replayed;
    } else if (auto reply = serve(ipam, method, elements(path)); reply.status != 0) {
      CHECK(reply.status == step["status"].get<int>());
      CHECK(reply.body == body);
      ++replayed;
    }
  }
  CHECK(replayed == 61);
}
