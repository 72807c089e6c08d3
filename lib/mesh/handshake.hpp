// The introduction on a new TCP connection, as a state machine: bytes in, bytes out, and in the end either what the
// peer said of itself and a stream for messages, or the reason why there is none.
//
//     both sides, at once            "weave" | min version (1) | max version (1)
//
//   version 2                        00, or with a password 01 | public key (32)
//     the initiator at once,         features in a frame, sealed with a password
//     the acceptor when it has
//     accepted those
//
//   version 1                        features as the first value of a gob stream, in clear, with the public key
//
// The version is the smaller of both maxima. An acceptor that checks the initiator first reveals nothing to a peer
// without the password. Two acceptors never have a connection with each other, so neither side waits without end.
//
// Source: the mesh library of Weave Net 2.8.1 (revision 58dbcc3), protocol.go and connection.go.
#pragma once
#include <functional>
#include <memory>
#include <optional>

#include "mesh/cipher.hpp"
#include "mesh/features.hpp"
#include "mesh/framing.hpp"

namespace weave::mesh {

constexpr int kMinVersion = 1;
constexpr int kMaxVersion = 2;

struct HandshakeConfig {
  bool initiator = false;  // we opened the TCP connection
  int min_version = 2;  // 1..2; with a password, versions below 2 accept one message before the peer has proved that it
                        // has the password
  int max_version = 2;
  Secret password;  // empty: no encryption
  Features ours;    // public_key is filled in by the handshake
  // Acceptors only: our ConnID, given the initiator's features. Empty: the one in `ours` is used.
  std::function<uint64_t(const Features& theirs)> choose_conn_id;
};

// What a handshake leads to.
struct Introduced {
  int version = 2;
  Features theirs;
  uint64_t conn_uid = 0;  // both ConnIDs combined: the same on both sides
  Secret session_key;     // empty without password
  MessageStream stream;   // holds what the peer has sent since
};

// Whether a connection that failed with this reason did so because the two peers don't have one password.
bool passwords_differ(std::string_view reason);

class HandshakeMachine {
 public:
  explicit HandshakeMachine(HandshakeConfig config) : HandshakeMachine(std::move(config), {}) {}
  // With a key pair that isn't fresh; for tests.
  HandshakeMachine(HandshakeConfig config, KeyPair keys);

  // What the peer sent. Nothing happens any more after failure.
  void feed(ByteView bytes);
  // The peer closed the connection, or it broke: `why` in words.
  void closed(const std::string& why);
  // What is to be sent now.
  Bytes take_output() { return std::exchange(output_, {}); }

  bool failed() const { return !reason_.empty(); }
  // In Weave Net's words, where it has any; empty while not failed.
  const std::string& reason() const { return reason_; }
  // True until the peer's header is complete: the time-out for that is shorter.
  bool awaiting_header() const { return state_ == State::kHeader; }
  bool done() const { return state_ == State::kDone; }
  // After done(), once.
  Introduced take();

 private:
  enum class State { kHeader, kEncryption, kFeatures, kDone };
  bool step();  // true when it got somewhere
  bool take_header();
  bool take_encryption();
  bool take_features();
  bool agree_on_encryption(bool theirs);
  bool derive_key(const PublicKey& theirs);
  void send_features();
  bool fail(std::string reason);

  HandshakeConfig config_;
  KeyPair keys_;
  State state_ = State::kHeader;
  std::string reason_;
  InputBuffer input_;
  Bytes output_;
  int version_ = 0;
  Secret key_;
  std::optional<MessageCipher> cipher_;
  Features theirs_;
};

}  // namespace weave::mesh
