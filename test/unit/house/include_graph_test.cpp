// The map in lib/README.md is law: no file includes a room that its row doesn't name.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <regex>

namespace fs = std::filesystem;

namespace {

std::map<std::string, std::set<std::string>> read_map(const fs::path& file) {
  std::map<std::string, std::set<std::string>> rooms;
  std::ifstream in(file);
  static const std::regex row("^\\| `([a-z]+)` \\|.*\\|([a-z ]*)\\|$");
  for (std::string line; std::getline(in, line);) {
    std::smatch cells;
    if (!std::regex_match(line, cells, row)) continue;
    std::istringstream needs(cells[2]);
    auto& allowed = rooms[cells[1]];
    allowed.insert(cells[1]);
    for (std::string need; needs >> need;) allowed.insert(need);
  }
  return rooms;
}

}  // namespace

TEST_CASE("the include graph follows the map") {
  fs::path lib = fs::path(WEAVE_SOURCE_DIR) / "lib";
  auto rooms = read_map(lib / "README.md");
  REQUIRE(rooms.size() >= 10);
  static const std::regex include("^\\s*#include \"([a-z]+)/.*");
  for (const auto& entry : fs::recursive_directory_iterator(lib)) {
    if (entry.path().extension() != ".cpp" && entry.path().extension() != ".hpp") continue;
    std::string room = fs::relative(entry.path(), lib).begin()->string();
    INFO(entry.path());
    REQUIRE(rooms.contains(room));
    std::ifstream in(entry.path());
    for (std::string line; std::getline(in, line);) {
      std::smatch found;
      if (!std::regex_match(line, found, include)) continue;
      INFO(line);
      CHECK(rooms[room].contains(found[1]));
    }
  }
}

TEST_CASE("the map has no cycle") {
  auto rooms = read_map(fs::path(WEAVE_SOURCE_DIR) / "lib" / "README.md");
  std::set<std::string> done;
  for (size_t before = SIZE_MAX; before != rooms.size() - done.size();) {
    before = rooms.size() - done.size();
    for (const auto& [room, needs] : rooms) {
      bool ready =
          std::all_of(needs.begin(), needs.end(), [&](auto& need) { return need == room || done.contains(need); });
      if (ready) done.insert(room);
    }
  }
  CHECK(done.size() == rooms.size());
}
