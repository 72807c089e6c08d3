// What the tests of the wire share.
#pragma once
#include <nlohmann/json.hpp>

#include "base/fd.hpp"
#include "base/hex.hpp"
#include "mesh/features.hpp"

namespace weave::mesh::test {

using nlohmann::json;

inline json load(const std::string& file) {
  return json::parse(read_file(WEAVE_SOURCE_DIR "/test/vectors/mesh/" + file));
}

inline Bytes hex(const json& text) {
  return *from_hex(text.get<std::string>());
}

inline FeatureMap feature_map(const json& object) {
  return object.get<FeatureMap>();
}

}  // namespace weave::mesh::test
