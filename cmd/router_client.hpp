// Commands that talk to the router.
#pragma once
#include <chrono>
#include <optional>
#include <string>

#include "command.hpp"
#include "control/client.hpp"
#include "control/report.hpp"

namespace weave::cmd {

// How long a command waits for a response that takes the router milliseconds.
inline constexpr std::chrono::seconds kResponseLimit{5};

// What a call needs: some calls are answered on the socket only.
enum class Door { kAny, kSocket };

// The control socket; where that isn't there, and any door will do, WEAVE_HTTP_ADDR, else 127.0.0.1:6784.
control::Client router_client(Door door = Door::kAny);

control::Report report_of(const control::Client& client);

// What a command says when no router listens: that weave isn't running, or is starting, or restarting after a crash,
// or that Weave Net's router listens, which doesn't know what was asked.
Error why_not_running();

// The name of the bridge that a running router uses: the one that carries its peer name as MAC.
std::string bridge_of(const control::Report& report);

// The option --timeout of commands that may wait for an address; seconds, 0 = no limit.
Option timeout_option(int& seconds);

// A call that may wait, for IPAM to become ready or for a free address: says on stderr what for after 3 s, and again
// when that changes. Throws Error with the reason when it takes longer than `timeout` seconds (0: no limit).
http::Response patient_call(const control::Client& client, const std::string& method, const std::string& path,
                            const http::Fields& form, int timeout);

// Throws what a command makes of an answer that isn't good: AnswerError with the router's words.
void require_good(const http::Response& answer);

// As Client::ask, but a 404 means that the part is switched off: Failure "<part> is disabled", exit 4.
std::string ask_part(const control::Client& client, const std::string& part, const std::string& method,
                     const std::string& path, const http::Fields& form = {});

// Variable path elements, encoded: path("/name", {id, "10.32.0.1"}).
std::string path(std::string prefix, const Words& elements);

// An environment variable that is set, even if empty; and one that isn't empty.
std::optional<std::string> environment(const char* name);
std::optional<std::string> non_empty_environment(const std::string& name);

}  // namespace weave::cmd
