#include "overlay/ipsec.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "base/fd.hpp"
#include "base/hex.hpp"

using namespace weave;
using namespace weave::overlay;
using nlohmann::json;

namespace {

json vectors() {
  return json::parse(read_file(WEAVE_SOURCE_DIR "/test/vectors/overlay/ipsec.json"));
}
Bytes hex(const json& text) {
  return *from_hex(text.get<std::string>());
}

}  // namespace

TEST_CASE("ESP keys and the message about them are Weave Net's") {
  auto file = vectors();
  for (const auto& row : file.at("derivation")) {
    auto message = hex(row.at("init_sa_message"));
    auto parameters = decode_esp_parameters(message);
    REQUIRE(parameters);
    CHECK(to_hex(parameters->nonce) == row.at("nonce").get<std::string>());
    CHECK(fmt::format("{:08x}", parameters->spi) == row.at("spi").get<std::string>());
    CHECK(encode_esp_parameters(*parameters) == message);
    auto receiver = PeerName::parse(row.at("sa_destination_peer").get<std::string>());
    auto key = derive_esp_key(Secret(hex(row.at("session_key"))), *parameters, *receiver);
    CHECK(to_hex(key.view()) == row.at("kernel_key_36").get<std::string>());
  }
}

TEST_CASE("ESP parameters of another length are refused, and reserved SPIs") {
  auto file = vectors();
  for (const auto& row : file.at("message_length_check")) {
    Bytes message(row.at("payload_len").get<size_t>(), 1);
    CHECK(decode_esp_parameters(message).has_value() == row.at("ok").get<bool>());
  }
  CHECK_FALSE(decode_esp_parameters(Bytes(64)));
}
