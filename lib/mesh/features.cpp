#include "mesh/features.hpp"

#include <charconv>

#include "base/hex.hpp"
#include "gob/decode.hpp"
#include "gob/encode.hpp"
#include "mesh/peer.hpp"
#include "mesh/peers.hpp"

namespace weave::mesh {

namespace {

constexpr std::array<const char*, 5> kRequired{"PeerNameFlavour", "Name", "NickName", "UID", "ConnID"};

// Text of an unauthenticated peer, in a reason that goes into logs and the status.
std::string quoted(std::string_view text) {
  constexpr size_t enough = 64;
  return printable(text.substr(0, enough));
}

Result<uint64_t> number(const FeatureMap& map, const char* key) {
  const auto& text = map.at(key);
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size()) return value;
  return Refused(fmt::format("field {} is not a number: \"{}\"", key, quoted(text)));
}

Result<bool> truth(std::string_view text) {
  for (auto yes : {"1", "t", "T", "true", "TRUE", "True"})
    if (text == yes) return true;
  for (auto no : {"0", "f", "F", "false", "FALSE", "False"})
    if (text == no) return false;
  return Refused(fmt::format("field Trusted is neither true nor false: \"{}\"", quoted(text)));
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> words;
  for (size_t start = 0; start <= text.size();) {
    auto end = std::min(text.find(' ', start), text.size());
    words.emplace_back(text.substr(start, end - start));
    start = end + 1;
  }
  return words;
}

}  // namespace

std::string Features::label() const {
  return fmt::format("{}({})", name.str(), printable(std::string_view(nickname).substr(0, kMaxNickname)));
}

FeatureMap to_map(const Features& features, int version) {
  FeatureMap map{{"PeerNameFlavour", "mac"},
                 {"Name", features.name.str()},
                 {"NickName", features.nickname},
                 {"UID", std::to_string(features.uid)},
                 {"ConnID", std::to_string(features.conn_id)}};
  if (version == 1) {
    if (features.public_key) map["PublicKey"] = to_hex(*features.public_key);
    return map;
  }
  map["Trusted"] = features.trusted ? "true" : "false";
  if (features.short_id) map["ShortID"] = std::to_string(*features.short_id);
  if (features.overlays) map["Overlays"] = fmt::format("{}", fmt::join(*features.overlays, " "));
  return map;
}

Result<Features> to_features(const FeatureMap& map, int version) {
  for (const char* key : kRequired)
    if (!map.contains(key)) return Refused(fmt::format("field {} is missing", key));
  Features out;
  const auto& flavour = map.at("PeerNameFlavour");
  if (flavour != "mac")
    return Refused(fmt::format("Peer name flavour mismatch (ours: 'mac', theirs: '{}')", quoted(flavour)));
  const auto& name = map.at("Name");
  auto parsed = PeerName::parse_full(name);
  if (!parsed || parsed->value == 0) return Refused(fmt::format("invalid peer name format: \"{}\"", quoted(name)));
  out.name = *parsed;
  out.nickname = map.at("NickName");
  if (version != 1) {
    if (map.contains("ShortID")) {
      auto id = number(map, "ShortID");
      if (!id) return Refused(id.error());
      if (*id > kMaxShortId) return Refused(fmt::format("field ShortID is out of range: {}", *id));
      out.short_id = static_cast<uint16_t>(*id);
    }
    if (auto trusted = map.find("Trusted"); trusted != map.end()) {
      auto value = truth(trusted->second);
      if (!value) return Refused(value.error());
      out.trusted = *value;
    }
    if (auto overlays = map.find("Overlays"); overlays != map.end()) out.overlays = split(overlays->second);
  } else if (auto key = map.find("PublicKey"); key != map.end()) {
    auto bytes = from_hex(key->second);
    if (!bytes || bytes->size() != std::tuple_size_v<PublicKey>)
      return Refused("field PublicKey isn't a key of 64 hex digits");
    std::copy(bytes->begin(), bytes->end(), out.public_key.emplace().begin());
  }
  auto uid = number(map, "UID");
  if (!uid) return Refused(uid.error());
  out.uid = *uid;
  auto conn_id = number(map, "ConnID");
  if (!conn_id) return Refused(conn_id.error());
  out.conn_id = *conn_id;
  return out;
}

Bytes encode_features(const FeatureMap& map) {
  return gob::encode(map);
}

Result<FeatureMap> decode_features(ByteView bytes) {
  // Far more than any peer sends, far less than would hurt.
  constexpr gob::Limits limits{.definitions = 16, .fields = 64, .elements = 1024};
  return gob::decode<FeatureMap>(bytes, limits);
}

}  // namespace weave::mesh
