#include "control/client.hpp"

#include "base/error.hpp"

namespace weave::control {
namespace {

constexpr std::chrono::seconds kReadTimeout{5};

std::string encoded(const http::Fields& form) {
  std::string out;
  for (const auto& [name, value] : form) {
    if (!out.empty()) out += '&';
    out += http::percent_encode(name) + "=" + http::percent_encode(value);
  }
  return out;
}

}  // namespace

AnswerError error_of(const http::Response& response) {
  auto text = response.body;
  while (text.ends_with('\n')) text.pop_back();
  if (response.status == 405)
    text = "the router can't do this: it is Weave Net's, or another version of weave than this command";
  if (text.empty()) text = fmt::format("the router responded with status {}", response.status);
  return {text, response.status};
}

http::Response Client::send(http::Request request, std::chrono::milliseconds timeout) const {
  auto waiting = around_ ? around_() : nullptr;
  try {
    return http::request_blocking(address_, request, timeout);
  } catch (const Error& error) {
    if (error.code() == ECONNREFUSED || error.code() == ENOENT) throw NotRunning();
    if (error.kind() == ErrorKind::kPermission)
      throw Error(ErrorKind::kPermission, fmt::format("not allowed to use {}", address_.str()),
                  "run as root, or as a member of group docker");
    if (error.kind() == ErrorKind::kTimeout)
      throw Error(ErrorKind::kTimeout,
                  fmt::format("the router does not respond within {} s",
                              std::chrono::duration_cast<std::chrono::seconds>(timeout).count()),
                  "'weave logs' shows what it is doing, 'weave stop' ends it");
    throw;
  }
}

http::Response Client::call(std::string method, std::string path, const http::Fields& form,
                            std::chrono::milliseconds timeout) const {
  http::Request request;
  request.headers["host"] = address_.is_unix() ? "localhost" : address_.str();
  if (method == "POST" || method == "PUT") {
    request.headers["content-type"] = "application/x-www-form-urlencoded";
    request.body = encoded(form);
  } else if (!form.empty()) {
    path += (path.find('?') == std::string::npos ? "?" : "&") + encoded(form);
  }
  request.method = std::move(method);
  request.target = std::move(path);
  return send(std::move(request), timeout);
}

std::string Client::ask(std::string method, std::string path, const http::Fields& form,
                        std::chrono::milliseconds timeout) const {
  auto answer = call(std::move(method), std::move(path), form, timeout);
  if (answer.status >= 400 && answer.status != 503) throw error_of(answer);
  return std::move(answer.body);
}

std::string Client::report() const {
  http::Request request;
  request.target = "/report";
  request.headers = {{"accept", "application/json"}, {"host", address_.is_unix() ? "localhost" : address_.str()}};
  auto answer = send(std::move(request), kReadTimeout);
  if (answer.status != 200)
    throw Error(fmt::format("the router responded with status {} to a request for its report", answer.status));
  return std::move(answer.body);
}

bool Client::running() const {
  try {
    call("GET", "/healthz", {}, kReadTimeout);
    return true;
  } catch (const NotRunning&) {
    return false;
  }
}

}  // namespace weave::control
