#include "mesh/cipher.hpp"

#include <sodium.h>

namespace weave::mesh {

namespace {

using Nonce = std::array<uint8_t, crypto_secretbox_NONCEBYTES>;

Nonce nonce_of(bool by_initiator, uint64_t count) {
  Nonce nonce{};
  nonce[0] = by_initiator ? 0xc0 : 0x40;
  for (size_t i = 0; i < 8; ++i) nonce[nonce.size() - 1 - i] = static_cast<uint8_t>(count >> (8 * i));
  return nonce;
}

void start_sodium() {
  if (sodium_init() < 0) throw Error("can't initialise libsodium");
}

}  // namespace

KeyPair KeyPair::generate() {
  start_sodium();
  KeyPair pair;
  pair.private_key = Secret(size_t{crypto_box_SECRETKEYBYTES});
  crypto_box_keypair(pair.public_key.data(), pair.private_key.data());
  return pair;
}

KeyPair KeyPair::of(ByteView private_key) {
  if (private_key.size() != crypto_box_SECRETKEYBYTES) throw Error("a private key has 32 bytes");
  start_sodium();
  KeyPair pair;
  pair.private_key = Secret(private_key);
  crypto_scalarmult_base(pair.public_key.data(), pair.private_key.data());
  return pair;
}

Result<Secret> session_key(const KeyPair& ours, const PublicKey& theirs, const Secret& password) {
  Secret shared(size_t{crypto_box_BEFORENMBYTES});
  if (crypto_box_beforenm(shared.data(), theirs.data(), ours.private_key.data()) != 0)
    return Refused("the peer's public key is unsafe");
  Secret key(size_t{crypto_hash_sha256_BYTES});
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  crypto_hash_sha256_update(&state, shared.data(), shared.size());
  crypto_hash_sha256_update(&state, password.data(), password.size());
  crypto_hash_sha256_final(&state, key.data());
  sodium_memzero(&state, sizeof state);
  return key;
}

MessageCipher::MessageCipher(Secret key, bool initiator) : key_(std::move(key)), initiator_(initiator) {
  if (key_.size() != crypto_secretbox_KEYBYTES) throw Error("a session key has 32 bytes");
}

Bytes MessageCipher::seal(ByteView message) {
  Bytes sealed(message.size() + kMessageOverhead);
  auto nonce = nonce_of(initiator_, sent_++);
  crypto_secretbox_easy(sealed.data(), message.data(), message.size(), nonce.data(), key_.data());
  return sealed;
}

Result<Bytes> MessageCipher::open(ByteView sealed) {
  if (sealed.size() < kMessageOverhead) return Refused(kCannotDecrypt);
  Bytes message(sealed.size() - kMessageOverhead);
  auto nonce = nonce_of(!initiator_, received_);
  if (crypto_secretbox_open_easy(message.data(), sealed.data(), sealed.size(), nonce.data(), key_.data()) != 0)
    return Refused(kCannotDecrypt);
  ++received_;
  return message;
}

}  // namespace weave::mesh
