// Templates and paths from anybody who may ask for a report: whatever the text, there is output or a TemplateError.
#include <cstdint>
#include <string>

#include "template/template.hpp"

using namespace weave::gotemplate;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Json value = Json::parse(
      R"({"Router": {"Name": "a", "Peers": [{"NickName": "x", "UID": 18446744073709551615}, {"NickName": "<y>"}],
          "Attrs": {"mtu": 1376}, "Encryption": false}, "DNS": null, "IPAM": {"RangeNumIPs": -3, "Share": 0.5}})");
  static const Hooks hooks{
      .is_map = [](std::string_view field) { return field == "Attrs"; },
      .text_of = [](std::string_view field, const Json&) -> std::optional<std::string> {
        if (field != "IPAM") return std::nullopt;
        return "text";
      }};
  std::string text(reinterpret_cast<const char*>(data), size);
  try {
    render(text, value, hooks);
  } catch (const TemplateError&) {
  }
  try {
    json_path(text, value);
  } catch (const TemplateError&) {
  }
  return 0;
}
