// weave logs
#include "logs.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "base/fd.hpp"
#include "output.hpp"
#include "router/launch.hpp"
#include "rows.hpp"
#include "supervise/lock.hpp"

namespace weave::cmd {

bool log_line_matches(std::string_view line, std::string_view word) {
  auto same = [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); };
  auto inside_word = [](unsigned char c) { return std::isalnum(c) != 0; };
  for (auto from = line.begin(); !word.empty();) {
    auto found = std::search(from, line.end(), word.begin(), word.end(), same);
    if (found == line.end()) return false;
    if (found == line.begin() || !inside_word(static_cast<unsigned char>(found[-1]))) return true;
    from = found + 1;
  }
  return true;
}

namespace {

// Reads a file that grows, and its successor when it has been replaced or cut.
class Follower {
 public:
  explicit Follower(std::string path) : path_(std::move(path)) { open(); }

  // The complete lines that have come since the last call.
  Words lines() {
    Words out;
    char buffer[65536];
    for (ssize_t got; (got = ::read(file_.get(), buffer, sizeof buffer)) > 0;)
      pending_.append(buffer, static_cast<size_t>(got));
    size_t from = 0;
    for (size_t end; (end = pending_.find('\n', from)) != pending_.npos; from = end + 1)
      out.push_back(pending_.substr(from, end - from));
    pending_.erase(0, from);
    return out;
  }

  void reopen_if_replaced() {
    struct stat now {};
    if (::stat(path_.c_str(), &now) != 0) return;
    struct stat ours {};
    ::fstat(file_.get(), &ours);
    bool cut = ours.st_size < ::lseek(file_.get(), 0, SEEK_CUR);
    if (now.st_ino == ours.st_ino && now.st_dev == ours.st_dev && !cut) return;
    open();
    pending_.clear();
  }

 private:
  void open() {
    file_.reset(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    if (file_) return;
    if (errno == ENOENT && supervise::weave_runs())
      throw Error("the router runs in the foreground and logs to its standard error",
                  "under systemd: journalctl -u weave");
    if (errno == ENOENT && ::access((path_ + ".1").c_str(), F_OK) == 0)
      throw Error(fmt::format("there is no log since the last rotation; the older one is {}.1", path_));
    if (errno == ENOENT) throw Error("there is no log: weave has not been launched on this host");
    throw errno_error("read " + path_);
  }

  std::string path_;
  UniqueFd file_;
  std::string pending_;
};

int logs(const std::string& word, bool follow) {
  Follower file(router::kLogFile);
  for (;;) {
    std::string text;
    for (const auto& line : file.lines())
      if (log_line_matches(line, word)) text += line + "\n";
    out(text);
    if (!follow) return kDone;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    file.reopen_if_replaced();
  }
}

}  // namespace

Command logs_row() {
  auto follow = std::make_shared<bool>();
  Command command{.name = "logs",
                  .group = "Inspect",
                  .summary = "Show the log of the router and its services",
                  .words = "[router|dns|plugin|<service id>]"};
  command.details =
      "Prints all lines, or those that name a service or an id (or its beginning). A router in the foreground logs to "
      "stderr instead.";
  command.options = {{"-f,--follow", "", "print new lines as they are written", follow.get()}};
  command.max_words = 1;
  command.word_kind = WordKind::kChoice;
  command.choices = {"router", "dns", "plugin"};
  command.run = [follow](const Words& words) { return logs(words.empty() ? "" : words[0], *follow); };
  return command;
}

}  // namespace weave::cmd
