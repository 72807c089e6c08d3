#include "base/hex.hpp"
#include "http/http.hpp"

namespace weave::http {
namespace {

// `blank`: '+' means a blank.
std::optional<std::string> decode(std::string_view text, bool blank) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      auto byte = from_hex(text.substr(i + 1, 2));
      if (!byte || byte->size() != 1) return std::nullopt;
      out += static_cast<char>(byte->front());
      i += 2;
    } else {
      out += blank && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

// A pair with a bad escape is left out, as Weave Net's server did.
void add_pairs(Fields& fields, std::string_view text) {
  while (!text.empty()) {
    std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    if (pair.empty()) continue;
    size_t equals = std::min(pair.find('='), pair.size());
    auto name = decode(pair.substr(0, equals), true);
    auto value = decode(pair.substr(std::min(equals + 1, pair.size())), true);
    if (name && value) fields.emplace_back(std::move(*name), std::move(*value));
  }
}

bool is_form(const std::map<std::string, std::string>& headers) {
  auto found = headers.find("content-type");
  return found != headers.end() && found->second.starts_with("application/x-www-form-urlencoded");
}

}  // namespace

std::string_view Request::path() const {
  return std::string_view(target).substr(0, target.find('?'));
}

Fields Request::form() const {
  Fields fields;
  if ((method == "POST" || method == "PUT") && is_form(headers)) add_pairs(fields, body);
  if (size_t query = target.find('?'); query != std::string::npos)
    add_pairs(fields, std::string_view(target).substr(query + 1));
  return fields;
}

std::optional<std::string> Request::field(std::string_view name) const {
  for (auto& [key, value] : form())
    if (key == name) return std::move(value);
  return std::nullopt;
}

Response Response::text(std::string body, int status) {
  return {.status = status, .body = std::move(body), .content_type = "text/plain; charset=utf-8", .headers = {}};
}

Response Response::json(std::string body, int status) {
  return {.status = status, .body = std::move(body), .content_type = "application/json", .headers = {}};
}

std::optional<std::string> percent_decode(std::string_view text) {
  return decode(text, false);
}

}  // namespace weave::http
