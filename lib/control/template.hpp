// Reports as the user wants them: a subset of Go's text/template, and paths for those who need one field only.
//
// Templates: text, {{actions}} with trim markers and comments, field chains, variables, pipelines, parentheses,
// literals, if / else if / else, range (with else, break, continue), with, and the functions and, or, not, eq, ne, lt,
// le, gt, ge, len, index, slice, print, printf, println, json, html, urlquery. No define, template, block or method
// calls.
#pragma once
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "control/report.hpp"

namespace weave::control {

// A template or path that is wrong (status 400) or fails on this report (status 500).
class TemplateError : public Error {
 public:
  TemplateError(int status, const std::string& message) : Error(message), status_(status) {}
  int status() const { return status_; }

 private:
  int status_;
};

// Renders a template of at most 64 KiB over the report; the output has at most 16 MiB. Throws TemplateError; nothing is
// half rendered.
std::string render_template(std::string_view text, const Report& report);

// ".Router.Peers[0].Name", ".DNS.Entries[].Hostname": keys, indices, [] for each. Strings bare, everything else as
// JSON, one value a line. Throws TemplateError.
std::string json_path(std::string_view path, const Report& report);

}  // namespace weave::control
