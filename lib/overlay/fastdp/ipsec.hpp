// Encryption of the fast datapath: the keys of the ESP associations and the message that agrees on one.
//
// Each peer chooses what its neighbour sends to it by: a nonce and an SPI, which it tells over TCP (tag 1 of fastdp).
// The key follows from the connection's session key, the nonce, and the name of the receiver:
//
//     nonce (32) | SPI (4) | zeros (28)
//     key = HKDF-SHA256(session key, salt: nonce, info: receiver's name as 8 bytes), 36 bytes: AES-256 key, GCM salt
//
// The kernel's associations and policies aren't made here, but in fast_esp.hpp.
//
// Source: Weave Net 2.8.1, net/ipsec/ipsec.go.
#pragma once
#include <array>

#include "address/mac.hpp"
#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/secret.hpp"

namespace weave::overlay {

struct EspParameters {
  std::array<uint8_t, 32> nonce{};
  uint32_t spi = 0;  // from 0x100 on

  bool operator==(const EspParameters&) const = default;
};

// A nonce that nobody can foresee.
void fill_random(std::array<uint8_t, 32>& nonce);

Bytes encode_esp_parameters(const EspParameters& parameters);
// Refuses a message that isn't 64 bytes long, and reserved SPIs.
Result<EspParameters> decode_esp_parameters(ByteView message);

// For rfc4106(gcm(aes)): 36 bytes. `receiver`: who chose the parameters, and decrypts.
Secret derive_esp_key(const Secret& session_key, const EspParameters& parameters, PeerName receiver);

}  // namespace weave::overlay
