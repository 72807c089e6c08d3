// The table in lib/README.md decides what a library may include.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <regex>

namespace fs = std::filesystem;

namespace {

struct Library {
  bool pure = false;
  std::set<std::string> allowed;  // libraries that it may include; with itself
};

std::map<std::string, Library> read_table(const fs::path& file) {
  std::map<std::string, Library> libraries;
  std::ifstream in(file);
  static const std::regex row("^\\| `([a-z/]+)` \\|.*\\| (pure|edge) \\|([a-z/ ]*)\\|$");
  for (std::string line; std::getline(in, line);) {
    std::smatch cells;
    if (!std::regex_match(line, cells, row)) continue;
    auto& library = libraries[cells[1]];
    library.pure = cells[2] == "pure";
    library.allowed.insert(cells[1]);
    std::istringstream needs(cells[3]);
    for (std::string need; needs >> need;) library.allowed.insert(need);
  }
  return libraries;
}

const fs::path& lib() {
  static const fs::path path = fs::path(WEAVE_SOURCE_DIR) / "lib";
  return path;
}

bool is_source(const fs::path& path) {
  return path.extension() == ".cpp" || path.extension() == ".hpp";
}

// What the includes of a file in the given form name, one a line.
std::vector<std::string> includes(const fs::path& path, const std::regex& form) {
  std::vector<std::string> found;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    std::smatch match;
    if (std::regex_match(line, match, form)) found.push_back(match[1]);
  }
  return found;
}

// Calls `test` with each source file of lib and its library.
template <class Test>
void for_each_source(Test test) {
  for (const auto& entry : fs::recursive_directory_iterator(lib()))
    if (is_source(entry.path())) {
      INFO(entry.path());
      test(entry.path(), fs::relative(entry.path().parent_path(), lib()).string());
    }
}

}  // namespace

TEST_CASE("no file includes a library that its row does not name") {
  auto libraries = read_table(lib() / "README.md");
  REQUIRE(libraries.size() >= 20);
  static const std::regex form("^\\s*#include \"([a-z/]+)/[^/]*\".*");
  for_each_source([&](const fs::path& path, const std::string& library) {
    REQUIRE(libraries.contains(library));
    for (const auto& included : includes(path, form)) {
      INFO("includes " << included);
      // The header between the BPF programs and the fast datapath belongs to the library around it.
      bool programs = included == "overlay/fastdp/bpf" && library.starts_with("overlay/fastdp");
      CHECK((programs || libraries[library].allowed.contains(included)));
    }
  });
}

TEST_CASE("pure libraries include no sockets, kernel headers or Boost.Asio") {
  auto libraries = read_table(lib() / "README.md");
  static const std::regex form("^\\s*#include <((boost/asio|sys|netinet|linux|net|bpf)/.*)>.*");
  int pure = 0;
  for_each_source([&](const fs::path& path, const std::string& library) {
    if (!libraries[library].pure) return;
    ++pure;
    CHECK(includes(path, form) == std::vector<std::string>{});
  });
  CHECK(pure > 100);
}

TEST_CASE("pure libraries depend on pure ones only, and on base and the store") {
  auto libraries = read_table(lib() / "README.md");
  for (const auto& [name, library] : libraries) {
    if (!library.pure) continue;
    for (const auto& need : library.allowed) {
      INFO(name << " needs " << need);
      CHECK((libraries[need].pure || need == "base" || need == "store"));
    }
  }
}

TEST_CASE("the dependencies have no cycle") {
  auto libraries = read_table(lib() / "README.md");
  std::set<std::string> done;
  for (size_t before = SIZE_MAX; before != libraries.size() - done.size();) {
    before = libraries.size() - done.size();
    for (const auto& [name, library] : libraries) {
      bool ready = std::all_of(library.allowed.begin(), library.allowed.end(),
                               [&](const auto& need) { return need == name || done.contains(need); });
      if (ready) done.insert(name);
    }
  }
  CHECK(done.size() == libraries.size());
}
