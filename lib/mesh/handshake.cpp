#include "mesh/handshake.hpp"

#include "gob/decode.hpp"

namespace weave::mesh {

namespace {

constexpr std::string_view kMagic = "weave";
constexpr size_t kHeaderSize = 7;
// Weave Net's words.
constexpr const char* kOnlyWePassword = "password specified, but peer requested an unencrypted connection";
constexpr const char* kOnlyTheyPassword = "no password specificed, but peer requested an encrypted connection";

std::string decimal(ByteView bytes) {
  return fmt::format("[{}]", fmt::join(bytes, " "));
}

}  // namespace

bool passwords_differ(std::string_view reason) {
  return reason == kCannotDecrypt || reason == kOnlyWePassword || reason == kOnlyTheyPassword;
}

HandshakeMachine::HandshakeMachine(HandshakeConfig config, KeyPair keys)
    : config_(std::move(config)), keys_(std::move(keys)) {
  if (!config_.password.empty()) {
    if (keys_.private_key.empty()) keys_ = KeyPair::generate();
    config_.ours.public_key = keys_.public_key;
  } else {
    config_.ours.public_key.reset();
  }
  Writer header;
  header.text(kMagic);
  header.u8(static_cast<uint8_t>(config_.min_version));
  header.u8(static_cast<uint8_t>(config_.max_version));
  output_ = header.take();
}

void HandshakeMachine::feed(ByteView bytes) {
  if (failed()) return;
  input_.feed(bytes);
  while (!failed() && state_ != State::kDone && step()) {
  }
}

bool HandshakeMachine::step() {
  switch (state_) {
    case State::kHeader:
      return take_header();
    case State::kEncryption:
      return take_encryption();
    case State::kFeatures:
      return take_features();
    case State::kDone:
      break;
  }
  return false;
}

void HandshakeMachine::closed(const std::string& why) {
  if (failed() || done()) return;
  auto had = input_.view();
  if (state_ != State::kHeader)
    // A peer with another password closes the connection when it cannot decrypt our features, without a reason.
    fail(cipher_ && had.empty() ? why + " during the handshake; is the password the same on both sides?" : why);
  else if (had.empty())
    fail("failed to receive remote protocol header: " + why);
  else
    fail(fmt::format("received incomplete remote protocol header ({} octets instead of {}): {}; error: {}", had.size(),
                     kHeaderSize, decimal(had), why));
}

bool HandshakeMachine::take_header() {
  auto view = input_.view();
  if (view.size() < kHeaderSize) return false;
  auto header = view.first(kHeaderSize);
  if (as_text(header.first(kMagic.size())) != kMagic)
    return fail("remote protocol header not recognised: " + decimal(header));
  int their_min = header[5], their_max = header[6];
  version_ = std::min(their_max, config_.max_version);
  if (version_ < std::max(their_min, config_.min_version))
    return fail(fmt::format("remote version range [{},{}] is incompatible with ours [{},{}]", their_min, their_max,
                            config_.min_version, config_.max_version));
  input_.consume(kHeaderSize);
  if (version_ == 1) {
    state_ = State::kFeatures;
  } else {
    state_ = State::kEncryption;
    output_.push_back(config_.password.empty() ? 0 : 1);
    if (!config_.password.empty()) output_.insert(output_.end(), keys_.public_key.begin(), keys_.public_key.end());
  }
  // A sealed frame has to wait for the other's key.
  if (config_.initiator && (version_ == 1 || config_.password.empty())) send_features();
  return true;
}

bool HandshakeMachine::take_encryption() {
  auto view = input_.view();
  if (view.empty()) return false;
  if (view[0] > 1) return fail(fmt::format("Bad encryption flag {}", view[0]));
  if (!agree_on_encryption(view[0] == 1)) return false;
  PublicKey theirs{};
  if (view[0] == 1) {
    if (view.size() < 1 + theirs.size()) return false;
    std::copy_n(view.begin() + 1, theirs.size(), theirs.begin());
    if (!derive_key(theirs)) return false;
    if (config_.initiator) send_features();
  }
  input_.consume(view[0] == 1 ? 1 + theirs.size() : 1);
  state_ = State::kFeatures;
  return true;
}

bool HandshakeMachine::take_features() {
  Bytes body;
  if (version_ == 1) {
    auto size = gob::next_size(input_.view(), kMaxIntroFrame);
    if (!size) return fail(size.error());
    if (*size == 0) return false;
    auto value = input_.view().first(*size);
    body.assign(value.begin(), value.end());
    input_.consume(*size);
  } else {
    auto next = next_body(version_, input_, kMaxIntroFrame);
    if (!next) return fail(next.error());
    if (!*next) return false;
    body = std::move(**next);
    if (cipher_) {
      auto opened = cipher_->open(body);
      if (!opened) return fail(opened.error());
      body = std::move(*opened);
    }
  }
  auto map = decode_features(body);
  if (!map) return fail(map.error());
  if (version_ == 1 && !agree_on_encryption(map->contains("PublicKey"))) return false;
  auto features = to_features(*map, version_);
  if (!features) return fail(features.error());
  theirs_ = std::move(*features);
  if (version_ == 1 && theirs_.public_key && !derive_key(*theirs_.public_key)) return false;
  if (!config_.initiator) {
    if (config_.choose_conn_id) config_.ours.conn_id = config_.choose_conn_id(theirs_);
    send_features();
  }
  state_ = State::kDone;
  return true;
}

bool HandshakeMachine::agree_on_encryption(bool theirs) {
  if (!config_.password.empty() && !theirs) return fail(kOnlyWePassword);
  // Spelled as Weave Net spells it, so that people find it.
  if (config_.password.empty() && theirs) return fail(kOnlyTheyPassword);
  return true;
}

bool HandshakeMachine::derive_key(const PublicKey& theirs) {
  auto key = session_key(keys_, theirs, config_.password);
  if (!key) return fail(key.error());
  key_ = std::move(*key);
  cipher_.emplace(key_, config_.initiator);
  return true;
}

void HandshakeMachine::send_features() {
  auto body = encode_features(to_map(config_.ours, version_));
  if (version_ == 1) {
    output_.insert(output_.end(), body.begin(), body.end());
    return;
  }
  auto framed = frame(version_, cipher_ ? cipher_->seal(body) : body);
  output_.insert(output_.end(), framed->begin(), framed->end());
}

bool HandshakeMachine::fail(std::string reason) {
  reason_ = reason.empty() ? "handshake failed" : std::move(reason);
  config_.password = Secret();
  keys_.private_key = Secret();
  key_ = Secret();
  cipher_.reset();
  return false;
}

Introduced HandshakeMachine::take() {
  if (!done()) throw Error("the handshake isn't complete");
  config_.password = Secret();
  keys_.private_key = Secret();
  uint64_t conn_uid = config_.ours.conn_id ^ theirs_.conn_id;
  return {.version = version_,
          .theirs = std::move(theirs_),
          .conn_uid = conn_uid,
          .session_key = std::move(key_),
          .stream = MessageStream(version_, std::move(cipher_), std::move(input_))};
}

}  // namespace weave::mesh
