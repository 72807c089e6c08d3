// Building and reading netlink messages (internal to this library).
#pragma once
#include <linux/netlink.h>

#include <cstring>
#include <string_view>

#include "base/bytes.hpp"

namespace weave::host {

// A netlink message under construction: header, fixed part, attributes, which may be nested.
class Message {
 public:
  template <class Fixed>
  Message(uint16_t type, uint16_t flags, const Fixed& fixed) {
    bytes_.reserve(512);  // so that growing leaves no copies of a key behind
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    append(&header, sizeof header);
    append(&fixed, sizeof fixed);
  }

  Message& raw(const void* data, size_t size) {
    append(data, size);
    return *this;
  }
  Message& attribute(uint16_t type, const void* data, size_t size) {
    nlattr header{static_cast<uint16_t>(sizeof(nlattr) + size), type};
    append(&header, sizeof header);
    append(data, size);
    return *this;
  }
  Message& text(uint16_t type, std::string_view value) {
    std::string terminated(value);
    return attribute(type, terminated.c_str(), terminated.size() + 1);
  }
  template <class Value>
  Message& value(uint16_t type, Value value) {
    return attribute(type, &value, sizeof value);
  }
  size_t open(uint16_t type) {
    size_t at = bytes_.size();
    attribute(type, nullptr, 0);
    return at;
  }
  void close(size_t at) {
    auto size = static_cast<uint16_t>(bytes_.size() - at);
    std::memcpy(bytes_.data() + at, &size, sizeof size);
  }
  Bytes take() {
    auto size = static_cast<uint32_t>(bytes_.size());
    std::memcpy(bytes_.data(), &size, sizeof size);
    return std::move(bytes_);
  }

 private:
  void append(const void* data, size_t size) {
    if (size > 0) {
      size_t at = bytes_.size();
      bytes_.resize(at + size);
      std::memcpy(bytes_.data() + at, data, size);
    }
    bytes_.resize(NLMSG_ALIGN(bytes_.size()));
  }
  Bytes bytes_;
};

// The first bytes as a structure; zeros where there are too few.
template <class Fixed>
Fixed read_fixed(ByteView bytes) {
  Fixed fixed{};
  if (!bytes.empty()) std::memcpy(&fixed, bytes.data(), std::min(bytes.size(), sizeof fixed));
  return fixed;
}

// Calls `see(type, payload)` for each attribute; stops at a malformed one.
template <class See>
void each_attribute(ByteView bytes, See&& see) {
  while (bytes.size() >= sizeof(nlattr)) {
    auto header = read_fixed<nlattr>(bytes);
    if (header.nla_len < sizeof(nlattr) || header.nla_len > bytes.size()) return;
    see(static_cast<uint16_t>(header.nla_type & NLA_TYPE_MASK),
        bytes.subspan(sizeof(nlattr), header.nla_len - sizeof(nlattr)));
    bytes = bytes.subspan(std::min<size_t>(NLA_ALIGN(header.nla_len), bytes.size()));
  }
}

// A payload that is a C string.
inline std::string read_text(ByteView bytes) {
  auto text = as_text(bytes);
  return std::string(text.substr(0, text.find('\0')));
}

}  // namespace weave::host
