// Keys and encryption of a connection between two peers.
//
// Each side makes an X25519 key pair for the connection. Both compute the same NaCl box key from their private and the
// other's public key, and hash it together with the password:
//
//     session key = SHA-256(crypto_box_beforenm(theirs, ours) || password)
//
// A message is a NaCl secretbox (16 bytes of tag, then the ciphertext) under a nonce that isn't sent:
//
//      0        1 ............ 15   16 ............ 23
//     +--------+------------------+-------------------+
//     |d1000000|       zero       | count, big-endian |   d: the sender is the one who opened the TCP connection
//     +--------+------------------+-------------------+   count: messages sent before in this direction
//
// A wrong password shows itself when the first message doesn't open.
//
// Source: the mesh library of Weave Net 2.8.1 (revision 58dbcc3), protocol_crypto.go.
#pragma once
#include <array>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/secret.hpp"

namespace weave::mesh {

using PublicKey = std::array<uint8_t, 32>;
constexpr size_t kMessageOverhead = 16;  // bytes that encryption adds to a message

struct KeyPair {
  PublicKey public_key{};
  Secret private_key;  // 32 bytes

  // A fresh pair. Throws Error when the machine has no randomness.
  static KeyPair generate();
  // The pair of a known private key of 32 bytes (for tests with recorded keys).
  static KeyPair of(ByteView private_key);
};

// The 32 bytes that both sides of a connection compute. Refuses public keys that would give a predictable result
// (points of low order, such as all zeros).
Result<Secret> session_key(const KeyPair& ours, const PublicKey& theirs, const Secret& password);

// Weave Net's words for a message that another key has sealed.
inline constexpr const char* kCannotDecrypt = "Unable to decrypt TCP msg";

// Encrypts what we send and decrypts what we receive on one connection, in order.
class MessageCipher {
 public:
  // `initiator`: we opened the TCP connection.
  MessageCipher(Secret key, bool initiator);

  // The encrypted message, message_overhead bytes longer.
  Bytes seal(ByteView message);
  // The reason of a refusal is kCannotDecrypt.
  Result<Bytes> open(ByteView sealed);

 private:
  Secret key_;
  bool initiator_;
  uint64_t sent_ = 0;
  uint64_t received_ = 0;
};

}  // namespace weave::mesh
