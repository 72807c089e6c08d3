#include "docker_words.hpp"

#include <algorithm>

namespace weave::cmd {
namespace {

// Options of `docker run` without a value; all others have one.
constexpr std::string_view kFlags[]{"--detach",
                                    "--disable-content-trust",
                                    "--help",
                                    "--init",
                                    "--interactive",
                                    "--no-healthcheck",
                                    "--oom-kill-disable",
                                    "--privileged",
                                    "--publish-all",
                                    "--quiet",
                                    "--read-only",
                                    "--rm",
                                    "--sig-proxy",
                                    "--tty",
                                    "--use-api-socket"};
constexpr std::string_view kShortWithValue = "acehlmpuvw";

// Whether the option's value is the next word.
bool takes_next(const std::string& word) {
  if (word.starts_with("--"))
    return word.find('=') == word.npos && std::find(std::begin(kFlags), std::end(kFlags), word) == std::end(kFlags);
  // Short ones may stand together, the last of them with a value: -dit, -dp 80:80, -dh=name
  auto valued = word.find_first_of(kShortWithValue, 1);
  return valued != word.npos && valued + 1 == word.size();
}

}  // namespace

Words docker_options(const Words& words) {
  size_t at = 0;
  while (at < words.size()) {
    const auto& word = words[at];
    if (word == "--" || !word.starts_with('-') || word.size() < 2) break;
    at += takes_next(word) ? 2 : 1;
  }
  return {words.begin(), words.begin() + static_cast<std::ptrdiff_t>(std::min(at, words.size()))};
}

}  // namespace weave::cmd
