#include "overlay/fastdp/ipsec.hpp"

#include <sodium.h>

namespace weave::overlay {

namespace {

constexpr size_t kMessageSize = 64, kKeySize = 36;
constexpr uint32_t kLeastSpi = 0x100;

// libsodium of Debian 12 has the HMAC, but not HKDF.
Secret hmac(ByteView key, ByteView data) {
  Secret out(size_t{crypto_auth_hmacsha256_BYTES});
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, key.data(), key.size());
  crypto_auth_hmacsha256_update(&state, data.data(), data.size());
  crypto_auth_hmacsha256_final(&state, out.data());
  sodium_memzero(&state, sizeof state);
  return out;
}

}  // namespace

void fill_random(std::array<uint8_t, 32>& nonce) {
  randombytes_buf(nonce.data(), nonce.size());
}

Bytes encode_esp_parameters(const EspParameters& parameters) {
  Writer out;
  out.bytes(parameters.nonce);
  out.u32(parameters.spi);
  auto message = out.take();
  message.resize(kMessageSize);
  return message;
}

Result<EspParameters> decode_esp_parameters(ByteView message) {
  if (message.size() != kMessageSize)
    return Refused(fmt::format("ESP parameters are {} bytes long, not {}", message.size(), kMessageSize));
  Reader in(message);
  EspParameters out;
  auto nonce = in.bytes(out.nonce.size());
  std::copy(nonce.begin(), nonce.end(), out.nonce.begin());
  out.spi = in.u32();
  if (out.spi < kLeastSpi) return Refused(fmt::format("SPI {} is reserved", out.spi));
  return out;
}

Secret derive_esp_key(const Secret& session_key, const EspParameters& parameters, PeerName receiver) {
  Writer info;
  info.u64(receiver.value);
  auto prk = hmac(parameters.nonce, session_key.view());
  // Two blocks of output: T1 = HMAC(info | 1), T2 = HMAC(T1 | info | 2).
  Secret key(kKeySize);
  Secret block;
  for (uint8_t number = 1; number <= 2; ++number) {
    Secret input(block.size() + info.size() + 1);
    std::copy_n(block.data(), block.size(), input.data());
    std::copy_n(info.out().data(), info.size(), input.data() + block.size());
    input.data()[input.size() - 1] = number;
    block = hmac(prk.view(), input.view());
    size_t at = (number - 1) * size_t{crypto_auth_hmacsha256_BYTES};
    std::copy_n(block.data(), std::min(block.size(), kKeySize - at), key.data() + at);
  }
  return key;
}

}  // namespace weave::overlay
