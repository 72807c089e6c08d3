#include "store/store.hpp"

#include <fcntl.h>
#include <sqlite3.h>

#include "base/fd.hpp"

namespace weave {
namespace {

constexpr int kApplicationId = 0x77656176;  // "weav": tells our file from any other SQLite file
constexpr int kSchema = 1;
constexpr int kBusyMilliseconds = 5000;

constexpr const char* kSql[] = {
    "SELECT value FROM entries WHERE tbl = ?1 AND key = ?2",
    "SELECT key, value FROM entries WHERE tbl = ?1 ORDER BY key",
    "INSERT INTO entries VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET value = excluded.value",
    "DELETE FROM entries WHERE tbl = ?1 AND key = ?2",
    "BEGIN IMMEDIATE",
    "COMMIT",
    "ROLLBACK",
};

std::string column_bytes(sqlite3_stmt* statement, int column) {
  auto data = static_cast<const char*>(sqlite3_column_blob(statement, column));
  auto size = static_cast<size_t>(sqlite3_column_bytes(statement, column));
  return data ? std::string(data, size) : std::string();
}

}  // namespace

// One run of a prepared statement; leaves it reset, so that no read lock outlives the call.
class Store::Run {
 public:
  Run(Store& store, Query query, const char* attempted)
      : store_(store), statement_(store.statements_[query]), attempted_(attempted) {}
  ~Run() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
  Run& bind(int index, std::string_view bytes) {
    // A null pointer would bind NULL instead of an empty value.
    int code = sqlite3_bind_blob64(statement_, index, bytes.data() ? bytes.data() : "", bytes.size(), SQLITE_STATIC);
    if (code != SQLITE_OK) store_.fail(attempted_, code);
    return *this;
  }
  bool row() {
    int code = sqlite3_step(statement_);
    if (code != SQLITE_ROW && code != SQLITE_DONE) store_.fail(attempted_, code);
    return code == SQLITE_ROW;
  }
  std::string column(int index) const { return column_bytes(statement_, index); }

 private:
  Store& store_;
  sqlite3_stmt* statement_;
  const char* attempted_;
};

Store::Store(std::string path) : path_(std::move(path)) {
  try {
    open();
  } catch (...) {
    close();
    throw;
  }
}

Store::~Store() {
  close();
}

void Store::open() {
  // SQLite would open an unwritable file read-only and fail at the first write; its own text names no errno either.
  UniqueFd fd(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) throw errno_error("open " + path_);
  fd.reset();
  int code = sqlite3_open_v2(path_.c_str(), &db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  if (code != SQLITE_OK) fail("open", code);
  sqlite3_extended_result_codes(db_, 1);
  sqlite3_busy_timeout(db_, kBusyMilliseconds);

  bool fresh = scalar("SELECT count(*) FROM sqlite_schema") == "0";
  if (!fresh) {
    if (scalar("PRAGMA application_id") != std::to_string(kApplicationId))
      throw Error(fmt::format("open {}: a database of some other program", path_));
    if (auto schema = scalar("PRAGMA user_version"); schema != std::to_string(kSchema))
      throw Error(fmt::format("open {}: format {} is unknown to this version", path_, schema),
                  "Use the version of weave that wrote it, or a newer one.");
    if (auto verdict = scalar("PRAGMA quick_check(1)"); verdict != "ok")
      throw Error(fmt::format("read {}: damaged: {}", path_, verdict),
                  "Restore the file, or move it away to start anew.");
  }
  // With WAL a commit costs one flush; FULL waits for it, which the default of WAL would not.
  scalar("PRAGMA journal_mode = WAL");
  exec("PRAGMA synchronous = FULL", "configure");
  exec("BEGIN IMMEDIATE", "lock");
  exec(
      "CREATE TABLE IF NOT EXISTS entries (tbl BLOB NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, "
      "PRIMARY KEY (tbl, key)) WITHOUT ROWID",
      "create tables in");
  exec(fmt::format("PRAGMA application_id = {}", kApplicationId).c_str(), "write");
  exec(fmt::format("PRAGMA user_version = {}", kSchema).c_str(), "write");
  exec("COMMIT", "write");
  for (int i = 0; i < kQueries; ++i)
    if (int result = sqlite3_prepare_v3(db_, kSql[i], -1, SQLITE_PREPARE_PERSISTENT, &statements_[i], nullptr))
      fail("prepare", result);
}

void Store::close() noexcept {
  for (auto& statement : statements_) sqlite3_finalize(std::exchange(statement, nullptr));
  sqlite3_close(std::exchange(db_, nullptr));
}

void Store::fail(const char* attempted, int code) {
  std::string hint;
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      hint = "Restore the file, or move it away to start anew.";
      break;
    case SQLITE_BUSY:
      hint = "Another process holds the file.";
      break;
    case SQLITE_FULL:
      hint = "Free some space on the disk.";
      break;
    default:
      break;
  }
  std::string text = fmt::format("{} {}: {}", attempted, path_, db_ ? sqlite3_errmsg(db_) : sqlite3_errstr(code));
  throw Error(text, hint);
}

void Store::exec(const char* sql, const char* attempted) {
  if (int code = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr)) fail(attempted, code);
}

// The first column of the first row, as text.
std::string Store::scalar(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  if (int code = sqlite3_prepare_v2(db_, sql, -1, &statement, nullptr)) fail("read", code);
  int code = sqlite3_step(statement);
  std::string text;
  if (code == SQLITE_ROW && sqlite3_column_text(statement, 0))
    text = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
  // Finalize repeats the error of the step, so this looks at both.
  if (int result = sqlite3_finalize(statement)) fail("read", result);
  return text;
}

void Store::execute(Query query, const char* attempted) {
  Run(*this, query, attempted).row();
}

std::optional<std::string> Store::get(std::string_view table, std::string_view key) {
  Run run(*this, kGet, "read");
  run.bind(1, table).bind(2, key);
  if (!run.row()) return std::nullopt;
  return run.column(0);
}

std::vector<std::pair<std::string, std::string>> Store::all(std::string_view table) {
  std::vector<std::pair<std::string, std::string>> rows;
  Run run(*this, kAll, "read");
  run.bind(1, table);
  while (run.row()) rows.emplace_back(run.column(0), run.column(1));
  return rows;
}

void Store::put(std::string_view table, std::string_view key, std::string_view value) {
  Run(*this, kPut, "write").bind(1, table).bind(2, key).bind(3, value).row();
}

void Store::erase(std::string_view table, std::string_view key) {
  Run(*this, kErase, "write").bind(1, table).bind(2, key).row();
}

void Store::apply(std::span<const Change> changes) {
  if (changes.empty()) return;
  Transaction transaction(*this);
  for (const auto& change : changes) {
    if (change.value)
      put(change.table, change.key, *change.value);
    else
      erase(change.table, change.key);
  }
  transaction.commit();
}

Transaction::Transaction(Store& store) : store_(store) {
  store_.execute(Store::kBegin, "lock");
}

Transaction::~Transaction() {
  // After some errors (disk full) SQLite has already rolled back.
  if (!open_ || sqlite3_get_autocommit(store_.db_)) return;
  try {
    store_.execute(Store::kRollback, "roll back");
  } catch (const Error&) {
    // Nothing was acknowledged, and what isn't committed is gone with the connection.
  }
}

void Transaction::commit() {
  store_.execute(Store::kCommit, "write");
  open_ = false;
}

}  // namespace weave
