#include "output.hpp"

#include <cctype>
#include <cstdio>

#include "base/error.hpp"

namespace weave::cmd {

void out(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw errno_error("write the result");
}

void say(std::string_view line) {
  auto text = fmt::format("{}\n", line);
  std::fwrite(text.data(), 1, text.size(), stderr);
}

std::string sentence(std::string text) {
  if (text.empty()) return text;
  text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  if (std::string_view(".!?:").find(text.back()) == std::string_view::npos) text += '.';
  return text;
}

WaitNotice::WaitNotice(std::string line)
    : thread_([this, line = std::move(line)] {
        std::unique_lock lock(mutex_);
        if (!ended_.wait_for(lock, std::chrono::seconds(3), [this] { return over_; })) say(line);
      }) {}

WaitNotice::~WaitNotice() {
  {
    std::lock_guard lock(mutex_);
    over_ = true;
  }
  ended_.notify_all();
  thread_.join();
}

}  // namespace weave::cmd
