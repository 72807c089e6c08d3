#include "router_client.hpp"

#include <unistd.h>

#include <future>

#include "control/text.hpp"
#include "host/netlink.hpp"
#include "output.hpp"
#include "settings/read.hpp"
#include "supervise/lock.hpp"

namespace weave::cmd {

namespace {

// Why an allocation waits, in words that follow "waiting for an address: ". Empty when the router doesn't say.
std::string waiting_for(const control::Client& client) {
  try {
    auto report = report_of(client);
    if (!report.ipam) return {};
    auto state = control::ipam_state(*report.ipam);
    return state.starts_with("all ") ? state : "IPAM is " + state;
  } catch (const Error&) {
    return {};  // it may be on its way out; the call itself will tell
  }
}

std::shared_ptr<void> notice() {
  return std::make_shared<WaitNotice>("Waiting for the router's response ...");
}

control::Client tcp_client() {
  settings::Settings defaults;
  settings::read_one("--http-addr", {}, non_empty_environment, defaults);
  return control::Client(defaults.http_addr.value(), notice);
}

}  // namespace

control::Client router_client(Door door) {
  control::Client socket({.path = control::kSocketPath, .host = {}}, notice);
  if (door == Door::kSocket || ::access(control::kSocketPath, R_OK | W_OK) == 0) return socket;
  // A socket that refuses this user is the answer: the TCP address is no way around it.
  if (errno == EACCES && !non_empty_environment("WEAVE_HTTP_ADDR")) return socket;
  return tcp_client();
}

namespace {

// Weave Net's router has the same TCP address, and no socket.
bool weave_net_runs() {
  try {
    return tcp_client().call("GET", "/status", {}, std::chrono::seconds(1)).status == 200;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

Error why_not_running() {
  switch (supervise::state_without_listener()) {
    case supervise::State::kStarting:
      return Error("weave is starting", "try again in a few seconds; 'weave logs' shows what it is doing");
    case supervise::State::kRestarting:
      return Error("weave is restarting after a crash", "try again in a few seconds; 'weave logs' shows why it ended");
    case supervise::State::kUnknown:
      return Error("weave is not running or not ready", "run the command as root to see which");
    case supervise::State::kStopped:
      break;
  }
  if (weave_net_runs())
    return Error("the router that runs on this host is Weave Net's, which can't do this",
                 "stop it and start this one with 'weave launch'");
  return Error("weave is not running", "start it with 'weave launch'");
}

control::Report report_of(const control::Client& client) {
  return control::from_json(client.report());
}

std::string bridge_of(const control::Report& report) {
  for (const auto& link : host::Netlink().links())
    if (link.kind == "bridge" && link.mac == report.router.name.mac()) return link.name;
  return "weave";
}

Option timeout_option(int& seconds) {
  return {"--timeout", "<s>", "give up if there is no address after this many seconds (default: wait)", &seconds};
}

http::Response patient_call(const control::Client& router, const std::string& method, const std::string& path,
                            const http::Fields& form, int timeout) {
  control::Client client(router.address());  // it says more exactly what it waits for
  using Clock = std::chrono::steady_clock;
  auto from = Clock::now();
  auto end = timeout == 0 ? Clock::time_point::max() : from + std::chrono::seconds(timeout);
  // Once the call has given up, the router no longer knows of it: the reason must be asked for before.
  auto last_look = timeout == 0 ? end : end - std::chrono::milliseconds(200);
  auto answer =
      std::async(std::launch::async, [&] { return client.call(method, path, form, std::chrono::seconds(timeout)); });
  std::string reason;
  auto look = from + std::chrono::seconds(3);
  while (answer.wait_until(std::min(look, last_look)) == std::future_status::timeout) {
    auto now = waiting_for(client);
    if (now != reason && !now.empty() && Clock::now() >= look) say("waiting for an address: {}", now);
    reason = now;
    if (Clock::now() >= last_look) break;
    look += std::chrono::seconds(1);
  }
  try {
    return answer.get();
  } catch (const control::NotRunning&) {
    throw;
  } catch (const Error&) {
    if (Clock::now() < end) throw;
    throw Error(fmt::format("no address after {} s{}", timeout, reason.empty() ? "" : ": " + reason));
  }
}

void require_good(const http::Response& answer) {
  if (answer.status >= 400) throw control::error_of(answer);
}

std::string ask_part(const control::Client& client, const std::string& part, const std::string& method,
                     const std::string& path, const http::Fields& form) {
  auto answer = client.call(method, path, form, kResponseLimit);
  if (answer.status == 404) throw Failure(part + " is disabled", kFeatureOff);
  require_good(answer);
  return answer.body;
}

std::string path(std::string prefix, const Words& elements) {
  for (const auto& element : elements) prefix += "/" + http::percent_encode(element);
  return prefix;
}

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::optional<std::string> non_empty_environment(const std::string& name) {
  auto value = environment(name.c_str());
  return value && value->empty() ? std::nullopt : value;
}

}  // namespace weave::cmd
