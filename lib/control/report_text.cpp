// Templates and paths over the report.
#include "control/report_text.hpp"

#include "control/json.hpp"
#include "control/text.hpp"

namespace weave::control {
namespace {

// What the types of Weave Net's report decide: see spec/http-api.md, "Report".
gotemplate::Hooks hooks() {
  gotemplate::Hooks hooks;
  hooks.is_map = [](std::string_view field) {
    return field == "Attrs" || field == "CaptureStats" || field == "OverlayDiagnostics";
  };
  hooks.text_of = [](std::string_view field, const Json& value) -> std::optional<std::string> {
    if (field != "VersionCheck" || !value.is_object()) return std::nullopt;
    return version_check_text({value.value("Enabled", false), value.value("Success", false),
                               value.value("NewVersion", ""), value.value("NextCheckAt", "")});
  };
  return hooks;
}

}  // namespace

std::string render_template(std::string_view text, const Report& report) {
  return gotemplate::render(text, json_value(report, true), hooks());
}

std::string json_path(std::string_view path, const Report& report) {
  return gotemplate::json_path(path, json_value(report, true));
}

}  // namespace weave::control
