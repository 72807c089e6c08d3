// Crash-safe persistence: named tables of key and value in one SQLite file.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace weave {

// One row to write, or to erase when there is no value.
struct Change {
  std::string table, key;
  std::optional<std::string> value;

  bool operator==(const Change&) const = default;
};

// Every method throws Error when the file can't be read or written. What a writing method returned from survives a
// crash of the process and of the machine. Keys and values are any bytes; tables come into being when written to.
// Not for use by several threads at once. Other processes may hold the same file; a writer waits up to five seconds.
class Store {
 public:
  // Opens the file, creates it (mode 0600) when missing; the directory must exist. Reads it through once to find
  // damage. Throws Error when the file is damaged, is something else, comes from a newer version, or isn't writable.
  explicit Store(std::string path);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  std::optional<std::string> get(std::string_view table, std::string_view key);
  // Ordered by the bytes of the key.
  std::vector<std::pair<std::string, std::string>> all(std::string_view table);
  void put(std::string_view table, std::string_view key, std::string_view value);
  // Erasing what isn't there is no error.
  void erase(std::string_view table, std::string_view key);
  // All of the changes in their order, or none of them.
  void apply(std::span<const Change> changes);

  const std::string& path() const { return path_; }

 private:
  friend class Transaction;
  enum Query { kGet, kAll, kPut, kErase, kBegin, kCommit, kRollback, kQueries };
  class Run;

  void open();
  void exec(const char* sql, const char* attempted);
  std::string scalar(const char* sql);
  void execute(Query query, const char* attempted);
  [[noreturn]] void fail(const char* attempted, int code);
  void close() noexcept;

  std::string path_;
  sqlite3* db_ = nullptr;
  sqlite3_stmt* statements_[kQueries] = {};
};

// Between construction and commit(), writes to the store are kept together; without commit() the end of the scope takes
// them back. Transactions don't nest: the second one throws Error.
class Transaction {
 public:
  explicit Transaction(Store& store);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Store& store_;
  bool open_ = true;
};

}  // namespace weave
