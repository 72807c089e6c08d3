// What commands say: results on stdout, everything that is meant for a person on stderr.
#pragma once
#include <fmt/format.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace weave::cmd {

// A result, exactly this text. Throws Error when it can't be written.
void out(std::string_view text);

// A line for the user.
void say(std::string_view line);

template <class... Args>
void say(fmt::format_string<Args...> format, Args&&... args) {
  say(std::string_view(fmt::format(format, std::forward<Args>(args)...)));
}

// Says a line when this object lives for more than 3 s: what a command waits for.
class WaitNotice {
 public:
  explicit WaitNotice(std::string line);
  ~WaitNotice();
  WaitNotice(const WaitNotice&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  bool over_ = false;
  std::thread thread_;
};

// "start it with 'weave launch'" -> "Start it with 'weave launch'."
std::string sentence(std::string text);

}  // namespace weave::cmd
