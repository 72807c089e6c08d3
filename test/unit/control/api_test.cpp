#include "control/api.hpp"

#include <nlohmann/json.hpp>

#include "golden.hpp"
#include "memory_backend.hpp"

using namespace weave;
using namespace weave::control;

namespace {

// The router of the captured session: two peers, nothing allocated.
void start_like_captured(MemoryBackend& backend) {
  backend.state = golden_report("cluster3/docker1");
  auto& r = backend.state.router;
  r.encryption = false;
  r.trusted_subnets.clear();
  r.targets.clear();
  r.peers.resize(2);
  auto docker1 = *PeerName::parse("12:d2:fe:7a:c1:f2"), docker2 = *PeerName::parse("e6:b1:90:cd:76:da");
  r.peers[0].connections = {{docker2, "docker2", "192.168.48.12:39215", false, true}};
  r.peers[1] = {docker2, "docker2", 1, 2, 3, {{docker1, "docker1", "192.168.48.11:6783", true, true}}};
  r.connections = {{"192.168.48.12:39215",
                    false,
                    "established",
                    "sleeve e6:b1:90:cd:76:da(docker2)",
                    {{"mtu", int64_t{1438}}, {"name", std::string("sleeve")}}}};
  backend.state.ipam->entries.clear();
  backend.state.dns->entries.clear();
  backend.on.proxy = true;
}

}  // namespace

TEST_CASE("a captured session replays with the reference's answers") {
  MemoryBackend backend;
  start_like_captured(backend);
  Routes routes(backend);
  auto session = nlohmann::json::parse(golden("endpoints-2.8.1.json"));
  backend.alive.insert(session["containerRunning"].get<std::string>());
  size_t replayed = 0;
  for (const auto& exchange : session["exchanges"]) {
    if (!exchange.contains("request")) continue;
    const auto& sent = exchange["request"];
    const auto& expected = exchange["response"];
    std::string method = sent["method"], path = sent["path"];
    int status = expected["status"];
    // Where ours differs by decision, or where the answer is made by another room: HEAD works; the ring.
    if (method == "HEAD" || path == "/status/ipam" || path.find("json%20.IPAM.Entries") != std::string::npos) continue;
    http::Request request{method, path, {}, sent.value("body", "")};
    request.headers["host"] = "127.0.0.1:6784";
    if (sent.contains("contentType")) request.headers["content-type"] = sent["contentType"];
    if (sent.contains("headers"))
      for (const auto& [name, value] : sent["headers"].items())
        if (name == "Accept") request.headers["accept"] = value;
    INFO(method << " " << path << " " << request.body);
    auto answer = ask(routes, request, sent["port"] == 6784 ? Door::kTcp : Door::kStatus);
    ++replayed;
    // Names deleted in any case are gone with us, so the later tables are shorter.
    if (path == "/status/dns" && expected["body"].get<std::string>().find("FOO2") != std::string::npos) {
      CHECK(answer.status == 200);
      continue;
    }
    // A template that fails prints nothing of what came before, and says why.
    if (expected["body"].get<std::string>().ends_with("error during template execution\n")) {
      CHECK(answer.status == 500);
      CHECK(answer.body.starts_with("error during template execution: "));
      continue;
    }
    if (path == "/expose/10.2.5.1/24?skipNAT=maybe") CHECK(backend.exposed.size() == 2);
    CHECK(answer.status == status);
    if (path == "/name" && status == 200) {
      auto ours = nlohmann::json::parse(answer.body),
           theirs = nlohmann::json::parse(expected["body"].get<std::string>());
      auto strip = [](nlohmann::json& list) {
        if (list.is_array())
          std::erase_if(list.get_ref<nlohmann::json::array_t&>(), [](auto& e) { return e["Tombstone"] != 0; });
        for (auto& e : list) e.erase("Version");
        std::sort(list.begin(), list.end());
      };
      strip(ours);
      strip(theirs);
      CHECK(ours == theirs);
    } else if (path == "/ip") {
      if (sent["port"] == 6784) CHECK(nlohmann::json::parse(answer.body)["owned"].is_null() == (replayed < 20));
    } else if (path == "/status" && sent["port"] == 6782) {
      CHECK(answer.body.starts_with("        Version: 2.8.1"));  // the session had gone on in other rooms by then
    } else if (path == "/status") {
      if (method == "GET")
        CHECK(answer.body == replaced(expected["body"].get<std::string>(), "plugin (legacy)", "plugin"));
    } else if (path == "/status/connections") {
      CHECK(replaced(answer.body, " \n", "\n") == replaced(expected["body"].get<std::string>(), " \n", "\n"));
    } else if (path == "/status/targets" || path.starts_with("/status/")) {
      CHECK(sorted_lines(answer.body) == sorted_lines(expected["body"]));
    } else {
      CHECK(answer.body == expected["body"].get<std::string>());
    }
    CHECK(answer.content_type == (expected["contentType"].is_null() ? "" : expected["contentType"].get<std::string>()));
    if (expected.contains("X-Content-Type-Options")) CHECK(answer.headers["x-content-type-options"] == "nosniff");
    if (expected.contains("Location")) CHECK(answer.headers["location"] == expected["Location"].get<std::string>());
    if (status == 405) CHECK_FALSE(answer.headers["allow"].empty());
  }
  CHECK(replayed > 120);
}

TEST_CASE("a path that says one thing has only that collected") {
  MemoryBackend backend;
  start_like_captured(backend);
  Routes routes(backend);
  auto asked = [&](const std::string& path) {
    backend.asked_for = ReportParts::all();
    CHECK(ask(routes, "GET", path).status == 200);
    return backend.asked_for;
  };
  CHECK_FALSE(asked("/healthz").mesh);
  CHECK_FALSE(asked("/healthz").names);
  CHECK_FALSE(asked("/healthz").datapath);
  CHECK(asked("/domain").names);
  CHECK_FALSE(asked("/domain").datapath);
  CHECK_FALSE(asked("/dns-address").mesh);
  CHECK_FALSE(asked("/ipinfo/defaultsubnet").datapath);
  CHECK_FALSE(asked("/status").datapath);
  CHECK(asked("/metrics").datapath);
}

TEST_CASE("HEAD works where GET does, without a body") {
  MemoryBackend backend;
  start_like_captured(backend);
  Routes routes(backend);
  auto answer = ask(routes, "HEAD", "/status");
  CHECK(answer.status == 200);
  CHECK(answer.body.empty());
  CHECK(ask(routes, "HEAD", "/connect").headers["allow"] == "POST");
  CHECK(ask(routes, "PUT", "/ip/x").headers["allow"] == "DELETE, GET, HEAD, POST");
}

TEST_CASE("requests of web pages over TCP are refused") {
  MemoryBackend backend;
  Routes routes(backend);
  auto from = [&](std::map<std::string, std::string> headers, Door door) {
    http::Request request{"POST", "/forget", std::move(headers), ""};
    request.user = 0;
    return ask(routes, request, door).status;
  };
  CHECK(from({{"host", "evil.example:6784"}}, Door::kTcp) == 403);
  CHECK(from({{"host", "127.0.0.1:6784"}, {"origin", "http://evil.example"}}, Door::kTcp) == 403);
  CHECK(from({{"host", "127.0.0.1:6784"}}, Door::kTcp) == 200);
  CHECK(from({{"host", "localhost"}}, Door::kTcp) == 200);
  CHECK(from({{"host", "[::1]:6784"}}, Door::kTcp) == 200);
  CHECK(from({{"host", "weave"}}, Door::kSocket) == 200);
}

TEST_CASE("over TCP only privileged users of this host change something, and anybody reads") {
  MemoryBackend backend;
  Routes routes(backend);
  auto forget = [&](bool loopback, std::optional<uint32_t> user) {
    http::Request request{"POST", "/forget", {}, ""};
    request.loopback = loopback;
    request.user = user;
    return ask(routes, request, Door::kTcp).status;
  };
  CHECK(forget(true, 0) == 200);
  CHECK(forget(true, 65534) == 403);
  CHECK(forget(false, 65534) == 403);
  CHECK(forget(true, std::nullopt) == 403);
  // From another host: the user chose an address that others reach.
  CHECK(forget(false, std::nullopt) == 200);
  http::Request read{"GET", "/healthz", {}, ""};
  read.user = 65534;
  CHECK(ask(routes, read, Door::kTcp).status != 403);
}

TEST_CASE("status and metrics are read under any host name; the server for metrics serves nothing else") {
  MemoryBackend backend;
  start_like_captured(backend);
  Routes routes(backend);
  auto get = [&](const std::string& path, Door door) {
    return ask(routes, http::Request{"GET", path, {{"host", "node1.example:6782"}}, ""}, door).status;
  };
  CHECK(get("/metrics", Door::kStatus) == 200);
  CHECK(get("/status", Door::kStatus) == 200);
  CHECK(get("/metrics", Door::kMetrics) == 200);
  CHECK(get("/status", Door::kMetrics) == 404);
  CHECK(get("/report", Door::kMetrics) == 404);
}

TEST_CASE("services start and stop only through the socket") {
  MemoryBackend backend;
  Routes routes(backend);
  CHECK(ask(routes, "POST", "/plugin", Door::kTcp).status == 404);
  CHECK(ask(routes, "DELETE", "/plugin").status == 404);
  CHECK(ask(routes, "POST", "/plugin").body == "{\"ServiceID\":\"7f\"}\n");
  CHECK(ask(routes, "DELETE", "/plugin").status == 204);
}

TEST_CASE("the plugin is started with the options of launch-plugin") {
  MemoryBackend backend;
  Routes routes(backend);
  ask(routes, "POST", "/plugin");
  CHECK(backend.plugin_started_with == Backend::PluginStart{});
  ask(routes, "POST", "/plugin?log-level=debug&no-restart=true");
  CHECK(backend.plugin_started_with == Backend::PluginStart{.log_level = log::Level::kDebug, .restart = false});
  auto refused = ask(routes, "POST", "/plugin?log-level=loud");
  CHECK(refused.status == 400);
  CHECK(refused.body == "unknown log level 'loud'\n");
}

TEST_CASE("differences between rings are shown and repaired through the socket only") {
  MemoryBackend backend;
  Routes routes(backend);
  CHECK(ask(routes, "GET", "/ipam/diff").status == 200);
  CHECK(ask(routes, "GET", "/ipam/diff").body.empty());
  backend.findings = "peer x can't be merged with\n";
  CHECK(ask(routes, "GET", "/ipam/diff").body == backend.findings);
  CHECK(ask(routes, "POST", "/ipam/repair").body == "asked\n");
  auto refused = ask(routes, "POST", "/ipam/repair?rejoin=true");
  CHECK(refused.status == 400);
  CHECK(refused.body == "peers that share our ring can be reached\n");
  CHECK(ask(routes, "POST", "/ipam/repair?rejoin=true&force=true").body == "given up\n");
  for (auto door : {Door::kTcp, Door::kStatus}) {
    CHECK(ask(routes, "GET", "/ipam/diff", door).status == 404);
    CHECK(ask(routes, "POST", "/ipam/repair", door).status == 404);
  }
  backend.on.ipam = false;
  CHECK(ask(routes, "GET", "/ipam/diff").status == 404);
}

TEST_CASE("paths of parts that are off don't exist, and their status says why") {
  MemoryBackend backend;
  backend.on = {false, false, false};
  Routes routes(backend);
  for (auto path : {"/ip", "/ip/x", "/ipinfo/tracker", "/ring", "/domain", "/dns-address", "/proxyaddrs"})
    CHECK(ask(routes, "GET", path).status == 404);
  CHECK(ask(routes, "GET", "/status/dns").body == "DNS is disabled\n");
  CHECK(ask(routes, "GET", "/status/ipam").body == "IPAM is disabled\n");
  auto taken = ask(routes, "DELETE", "/peer/x");
  CHECK((taken.status == 200 && taken.body.empty()));
}

TEST_CASE("until the router is ready, status answers 503 with the normal body") {
  MemoryBackend backend;
  start_like_captured(backend);
  backend.state.ready = false;
  Routes routes(backend);
  auto answer = ask(routes, "GET", "/status/peers");
  CHECK(answer.status == 503);
  CHECK(answer.body.starts_with("12:d2"));
  CHECK(ask(routes, "GET", "/healthz").body == "starting\n");
  CHECK(ask(routes, http::Request{"GET", "/report", {{"accept", "application/json"}}, ""}).status == 200);
}

TEST_CASE("our own commands get the reason why a name was ignored, other clients don't") {
  MemoryBackend backend;
  start_like_captured(backend);
  Routes routes(backend);
  CHECK(ask(routes, "PUT", "/name/c/10.1.1.1?fqdn=foo.example.com").status == 204);
  auto strict = ask(routes, "PUT", "/name/c/10.1.1.1?fqdn=foo.example.com&strict=true");
  CHECK(strict.status == 400);
  CHECK(strict.body == "foo.example.com. isn't below weave.local.\n");
}

TEST_CASE("path elements are percent-decoded and never empty") {
  MemoryBackend backend;
  Routes routes(backend);
  CHECK(ask(routes, "PUT", "/ip/weave%3Aexpose/10.32.0.9/12").status == 204);
  CHECK(ask(routes, "GET", "/ip/weave:expose").body == "10.32.0.9/12");
  CHECK(ask(routes, "GET", "/ip/").status == 404);
  CHECK(ask(routes, "GET", "/ip/%zz").status == 400);
}

TEST_CASE("exposing can be undone") {
  MemoryBackend backend;
  Routes routes(backend);
  CHECK(ask(routes, "POST", "/expose/10.2.4.1/24").status == 204);
  CHECK(ask(routes, "DELETE", "/expose/10.2.4.1/24").status == 204);
  CHECK(backend.exposed.empty());
  auto failed = ask(routes, "POST", "/expose/10.2.4.1/0");
  CHECK((failed.status == 500 && failed.body == "unable to expose: no such bridge\n"));
}

TEST_CASE("containers are attached with the fields of the form, and only through the socket") {
  MemoryBackend backend;
  backend.alive.insert("c1");
  Routes routes(backend);
  http::Request request{.method = "POST", .target = "/attach/c1"};
  request.headers["content-type"] = "application/x-www-form-urlencoded";
  request.body = "addr=10.2.1.6%2F24&addr=10.32.0.1%2F12&without-dns=true&add-host=zz%3A1.1.1.1";
  auto answer = ask(routes, request);
  CHECK((answer.status == 200 && answer.body == "10.2.1.6/24 10.32.0.1/12"));
  REQUIRE(backend.attached_with);
  CHECK_FALSE(backend.attached_with->names);
  CHECK(backend.attached_with->multicast_route);
  CHECK(backend.attached_with->extra_hosts == std::vector<std::string>{"zz:1.1.1.1"});
  CHECK(ask(routes, "GET", "/attached?container=c1").body == "c1 02:00:00:00:00:05 10.2.1.6/24 10.32.0.1/12\n");
  CHECK(ask(routes, request, Door::kTcp).status == 404);
  CHECK(ask(routes, "DELETE", "/attach/c1").body == "10.2.1.6/24 10.32.0.1/12");
  auto again = ask(routes, "DELETE", "/attach/c1");
  CHECK((again.status == 400 && again.body == "c1 is not attached\n"));
}

TEST_CASE("stopping returns the warnings") {
  MemoryBackend backend;
  Routes routes(backend);
  CHECK(ask(routes, "DELETE", "/router", Door::kTcp).status == 404);
  CHECK_FALSE(backend.stopped);
  CHECK(ask(routes, "DELETE", "/router?remove-network=true").body == "WARNING: in use\n");
  CHECK(backend.stopped);
}
