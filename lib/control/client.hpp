// What the commands use to talk to the router: blocking calls of its control API.
#pragma once
#include <functional>
#include <memory>

#include <chrono>
#include <optional>
#include <string>

#include "http/http.hpp"

namespace weave::control {

constexpr const char* kSocketPath = "/run/weave/control.sock";

// A header of responses that tells our own clients what Weave Net's API says in words only: the router is leaving the
// cluster, so that nothing was allocated or claimed; or there was no address to release.
constexpr const char* kOutcomeHeader = "weave-outcome";
constexpr const char* kCancelled = "cancelled";
constexpr const char* kNoAddress = "no-address";
inline bool has_outcome(const http::Response& response, std::string_view outcome) {
  auto found = response.headers.find(kOutcomeHeader);
  return found != response.headers.end() && found->second == outcome;
}

// Nobody listens at the control address.
class NotRunning : public Error {
 public:
  NotRunning() : Error("weave is not running", "start it with 'weave launch'") {}
};

// The router answered with an error; the message is its text.
class AnswerError : public Error {
 public:
  AnswerError(const std::string& message, int status) : Error(message), status_(status) {}
  // The HTTP status: 404 for a part that is switched off.
  int status() const noexcept { return status_; }

 private:
  int status_;
};

// Of a response with a status of 400 and more.
AnswerError error_of(const http::Response& response);

class Client {
 public:
  // `around` is called before each request; what it returns lives until the response is there.
  explicit Client(http::Address address, std::function<std::shared_ptr<void>()> around = {})
      : address_(std::move(address)), around_(std::move(around)) {}

  // One request; `path` is already percent-encoded (http::percent_encode for elements). The form goes into the body of
  // POST and PUT, else into the query. Any answer is returned, also 4xx. Throws Error when there is none: NotRunning
  // when nobody listens. `timeout` zero: no limit, for allocations.
  http::Response call(std::string method, std::string path, const http::Fields& form = {},
                      std::chrono::milliseconds timeout = {}) const;

  // The same, and an answer of 400 and more, except 503 (a router that isn't ready, with its normal text), is thrown as
  // AnswerError with the router's words. The body of the answer.
  std::string ask(std::string method, std::string path, const http::Fields& form = {},
                  std::chrono::milliseconds timeout = {}) const;

  // The JSON report.
  std::string report() const;

  // Somebody answers at the address. Throws Error when that can't be known: not allowed, or no response in time.
  bool running() const;

  const http::Address& address() const { return address_; }

 private:
  http::Response send(http::Request request, std::chrono::milliseconds timeout) const;

  http::Address address_;
  std::function<std::shared_ptr<void>()> around_;
};

}  // namespace weave::control
