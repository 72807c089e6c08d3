#include "store/store.hpp"

#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "base/fd.hpp"
#include "unit/temp_dir.hpp"

using namespace weave;
namespace fs = std::filesystem;

namespace {

struct Directory : test::TempDir {
  std::string file(const std::string& name = "data.db") const { return *this / name; }
};

}  // namespace

TEST_CASE("stored values are there after reopening") {
  Directory directory;
  std::string odd("\0\xff'\";", 5);
  {
    Store store(directory.file());
    CHECK(store.get("ipam", "ring") == std::nullopt);
    store.put("ipam", "ring", "one");
    store.put("ipam", "ring", "two");
    store.put("ipam", odd, odd);
    store.put("ipam", "", "");
    store.put("flags", "ring", "other table");
    store.put("flags", "gone", "x");
    store.erase("flags", "gone");
    store.erase("flags", "never was");
  }
  Store store(directory.file());
  CHECK(store.get("ipam", "ring") == "two");
  CHECK(store.get("ipam", odd) == odd);
  CHECK(store.get("ipam", "") == "");
  CHECK(store.all("flags") == std::vector<std::pair<std::string, std::string>>{{"ring", "other table"}});
  CHECK(store.all("ipam").size() == 3);
  CHECK(store.all("nothing").empty());
}

TEST_CASE("the file is readable by its owner only") {
  Directory directory;
  Store store(directory.file());
  struct stat status {};
  REQUIRE(stat(directory.file().c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
}

TEST_CASE("a transaction without commit leaves no trace") {
  Directory directory;
  Store store(directory.file());
  {
    Transaction transaction(store);
    store.put("t", "a", "1");
    CHECK_THROWS_AS(Transaction(store), Error);
  }
  CHECK_FALSE(store.get("t", "a"));
  {
    Transaction transaction(store);
    store.put("t", "a", "1");
    transaction.commit();
  }
  CHECK(store.get("t", "a") == "1");
}

TEST_CASE("changes are applied in order") {
  Directory directory;
  Store store(directory.file());
  store.put("t", "old", "x");
  std::vector<Change> changes{{"t", "a", "1"}, {"t", "old", std::nullopt}, {"t", "a", "2"}};
  store.apply(changes);
  store.apply({});
  CHECK(store.get("t", "a") == "2");
  CHECK_FALSE(store.get("t", "old"));
}

TEST_CASE("acknowledged changes survive the death of the process") {
  Directory directory;
  pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    Store store(directory.file());
    for (int i = 0; i < 50; ++i) store.put("t", std::to_string(i), "x");
    store.apply(std::vector<Change>{{"t", "last", "y"}});
    Transaction open(store);
    store.put("t", "uncommitted", "z");
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  Store store(directory.file());
  CHECK(store.all("t").size() == 51);
  CHECK(store.get("t", "last") == "y");
}

TEST_CASE("unusable files are refused with their name") {
  Directory directory;
  using Catch::Contains;
  CHECK_THROWS_WITH(Store(directory.file("missing/data.db")), Contains("missing/data.db: No such file"));
  CHECK_THROWS_WITH(Store(directory.path.string()), Contains(directory.path.string()));

  write_file(directory.file("text"), std::string(5000, 'x'));
  CHECK_THROWS_WITH(Store(directory.file("text")), Contains("text: file is not a database"));

  sqlite3* other = nullptr;
  REQUIRE(sqlite3_open(directory.file("other").c_str(), &other) == SQLITE_OK);
  REQUIRE(sqlite3_exec(other, "CREATE TABLE t (x)", nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(other);
  CHECK_THROWS_WITH(Store(directory.file("other")), Contains("some other program"));
}

TEST_CASE("a damaged file is refused when it is opened") {
  Directory directory;
  {
    Store store(directory.file());
    for (int i = 0; i < 500; ++i) store.put("t", std::to_string(i), std::string(100, 'v'));
  }
  std::string content = read_file(directory.file());
  REQUIRE(content.size() > 16384);
  auto broken = content;
  std::fill(broken.begin() + 8192, broken.begin() + 12288, '\xaa');
  write_file(directory.file(), broken);
  CHECK_THROWS_WITH(Store(directory.file()), Catch::Contains(directory.file()));
  write_file(directory.file(), content.substr(0, content.size() / 2));
  CHECK_THROWS_AS(Store(directory.file()), Error);
  write_file(directory.file(), content);
  CHECK(Store(directory.file()).all("t").size() == 500);
}

TEST_CASE("a newer format is refused") {
  Directory directory;
  { Store store(directory.file()); }
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(directory.file().c_str(), &db) == SQLITE_OK);
  REQUIRE(sqlite3_exec(db, "PRAGMA user_version = 99", nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(db);
  CHECK_THROWS_WITH(Store(directory.file()), Catch::Contains("format 99"));
}
