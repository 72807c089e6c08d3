// Generated files are committed; these tests keep them fresh. To make them anew:
//   for s in bash zsh fish; do weave generate completions $s >completions/weave.$s; done
//   weave generate man man/weave.1
#include <catch2/catch.hpp>
#include <sstream>

#include "base/fd.hpp"
#include "generate.hpp"
#include "settings/table.hpp"

using namespace weave;
using namespace weave::cmd;

namespace {

std::string committed(const std::string& path) {
  return read_file(std::string(WEAVE_SOURCE_DIR) + "/" + path);
}

}  // namespace

TEST_CASE("the completion files equal the generated ones") {
  CHECK(committed("completions/weave.bash") == bash_completion());
  CHECK(committed("completions/weave.zsh") == zsh_completion());
  CHECK(committed("completions/weave.fish") == fish_completion());
}

TEST_CASE("the manual page equals the generated list of commands") {
  auto page = committed("man/weave.1");
  CHECK(page == man_page_with(page, man_commands()));
  CHECK_THROWS(man_page_with("no such lines", ""));
}

TEST_CASE("no line of the manual page's text begins as a request of troff") {
  std::istringstream page(committed("man/weave.1"));
  for (std::string line; std::getline(page, line);) {
    INFO(line);
    if (line.starts_with('.'))
      CHECK((line.size() > 1 && (isupper(line[1]) || line == ".nf" || line == ".fi" || line.starts_with(".\\\""))));
    CHECK_FALSE(line.starts_with('\''));
  }
}

TEST_CASE("the manual page explains each variable of the environment") {
  auto page = committed("man/weave.1");
  for (const auto& row : settings::table())
    if (!row.variable.name.empty()) {
      INFO(row.variable.name);
      CHECK(page.find(".B " + row.variable.name + "\n") != std::string::npos);
    }
}
