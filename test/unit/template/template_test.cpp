// The library by itself: hooks and plain values. test/unit/control has Weave Net's templates over its report.
#include "template/template.hpp"

#include <catch2/catch.hpp>

using namespace weave::gotemplate;

namespace {

const Json kValue = Json::parse(R"({"Name": "a", "Map": {"x": 1}, "Time": {"at": 5}, "List": [1, 2]})");

std::string failure(const std::string& text, const Hooks& hooks = {}) {
  try {
    return render(text, kValue, hooks);
  } catch (const TemplateError& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("fields of any value are rendered") {
  CHECK(render("{{.Name}} {{range .List}}<{{.}}>{{end}}", kValue) == "a <1><2>");
}

TEST_CASE("a missing key is an error in a structure, and no value in a map") {
  CHECK_THAT(failure("{{.Map.y}}"), Catch::Contains("can't evaluate field y"));
  Hooks hooks{.is_map = [](std::string_view field) { return field == "Map"; }, .text_of = {}};
  CHECK(render("{{.Map.x}} {{.Map.y}}", kValue, hooks) == "1 <no value>");
}

TEST_CASE("a field's own text is what prints it") {
  Hooks hooks;
  hooks.text_of = [](std::string_view field, const Json& value) -> std::optional<std::string> {
    if (field != "Time") return std::nullopt;
    return "at " + value.at("at").dump();
  };
  CHECK(render("{{.Time}} {{.Time.at}}", kValue, hooks) == "at 5 5");
}

TEST_CASE("paths lead to values, strings bare and the rest as JSON") {
  CHECK(json_path(".Name", kValue) == "a\n");
  CHECK(json_path(".List[1]", kValue) == "2\n");
  CHECK(json_path(".Map", kValue) == "{\"x\":1}\n");
  CHECK_THROWS_AS(json_path(".Nothing", kValue), TemplateError);
}

TEST_CASE("a template that takes too many steps is refused") {
  std::string loops;
  for (int i = 0; i < 30; ++i) loops += "{{range $.List}}";
  for (int i = 0; i < 30; ++i) loops += "{{end}}";
  CHECK_THAT(failure(loops), Catch::Contains("too many steps"));
}
