// Whole files of Weave Net from the vectors.
#pragma once
#include "unit/vectors.hpp"

namespace weave::migrate {

using Json = nlohmann::json;

// By name: "small", with its bucket inline; "large", with pages of its own and an overflow page.
inline Json file_vector(const std::string& name) {
  for (const auto& file : test::vectors("ipam/persistence-file.json", "files"))
    if (file.at("name") == name) return file;
  throw std::runtime_error("no such vector");
}

inline Bytes file_bytes(const Json& vector) {
  Bytes bytes(vector.at("file_size").get<size_t>());
  for (const auto& [page, hex] : vector.at("pages").items()) {
    auto content = from_hex(hex.get<std::string>()).value();
    std::copy(content.begin(), content.end(), bytes.begin() + std::stol(page) * vector.at("page_size").get<long>());
  }
  return bytes;
}

}  // namespace weave::migrate
