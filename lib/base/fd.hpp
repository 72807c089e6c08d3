// A file descriptor with an owner.
#pragma once
#include <string>
#include <utility>

namespace weave {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

// A pipe, both ends close-on-exec; throws Error.
struct Pipe {
  Pipe();
  UniqueFd read, write;
};

// Two connected stream sockets (Unix domain), both close-on-exec; throws Error. One end is for a child process: when a
// process dies, the other side reads end-of-file.
struct SocketPair {
  SocketPair();
  UniqueFd ours, theirs;
};

// The whole content of a (small) file; throws Error.
std::string read_file(const std::string& path);

// Writes a file; `mode` holds when it is created. Throws Error.
void write_file(const std::string& path, const std::string& content, int mode = 0644);

// As write_file, but the reader of `path` sees the old content or the new one, never a part: temporary file and rename.
void replace_file(const std::string& path, const std::string& content, int mode = 0644);

}  // namespace weave
