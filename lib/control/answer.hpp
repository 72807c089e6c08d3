// Responses as Weave Net's clients expect them; private to this library.
#pragma once
#include <string>

#include "http/http.hpp"

namespace weave::control {

// Plain text; an empty answer has no type at all.
inline http::Response plain(std::string body, int status = 200) {
  http::Response response;
  response.status = status;
  if (!body.empty()) response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(body);
  return response;
}

inline http::Response empty(int status) {
  return plain({}, status);
}

// A sentence for the user, with a newline.
inline http::Response failed(int status, const std::string& text) {
  auto response = plain(text + "\n", status);
  response.headers["x-content-type-options"] = "nosniff";
  return response;
}

}  // namespace weave::control
