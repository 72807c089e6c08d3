// The report as a user's template or path wants it.
#pragma once
#include <string>
#include <string_view>

#include "control/report.hpp"
#include "template/template.hpp"

namespace weave::control {

using gotemplate::TemplateError;

// Renders a Go template over the report (limits: gotemplate::render). Throws TemplateError.
std::string render_template(std::string_view text, const Report& report);

// The values at a path of the report, one a line (gotemplate::json_path). Throws TemplateError.
std::string json_path(std::string_view path, const Report& report);

}  // namespace weave::control
