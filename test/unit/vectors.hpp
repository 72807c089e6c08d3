// Reads the golden data of Weave Net in test/vectors.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "base/fd.hpp"
#include "base/hex.hpp"

namespace weave::test {

// The content of a file; `path` is relative to test/vectors. Throws Error.
inline std::string vector_text(const std::string& path) {
  return read_file(WEAVE_SOURCE_DIR "/test/vectors/" + path);
}

// The value of a JSON file, or of one key of it.
inline nlohmann::json vectors(const std::string& path) {
  return nlohmann::json::parse(vector_text(path));
}
inline nlohmann::json vectors(const std::string& path, const char* key) {
  return vectors(path).at(key);
}

// The bytes of a string of hexadecimal digits.
inline Bytes unhex(const nlohmann::json& digits) {
  return from_hex(digits.get<std::string>()).value();
}

}  // namespace weave::test
