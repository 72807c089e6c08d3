// Any bytes as a gob stream of every shape that the protocol has, in one decoder for the stream as in protocol V1. What
// was decoded must come back unchanged from our own encoder.
#include <cstdlib>

#include "gob/decode.hpp"
#include "gob/encode.hpp"

namespace {

struct Summary {
  weave::Bytes name;
  std::string nickname;
  uint64_t uid = 0, version = 0;
  uint16_t short_id = 0;
  bool has_short_id = false;
  bool operator==(const Summary&) const = default;
};
struct Everything {
  int64_t now = 0;
  std::map<uint64_t, std::string> nicknames;
  std::optional<std::map<std::string, Summary>> claims;
  std::optional<Summary> ring;
  std::vector<Summary> entries;
  bool operator==(const Everything&) const = default;
};

}  // namespace

namespace weave::gob {
template <>
struct Shaped<Summary> {
  static Shape make() {
    return structure("peerSummary",
                     {field<&Summary::name>("NameByte"), field<&Summary::nickname>("NickName"),
                      field<&Summary::uid>("UID"), field<&Summary::version>("Version"),
                      field<&Summary::short_id>("ShortID"), field<&Summary::has_short_id>("HasShortID")});
  }
};
template <>
struct Shaped<Everything> {
  static Shape make() {
    return structure("", {field<&Everything::now>("Now"), field<&Everything::nicknames>("Nicknames"),
                          field<&Everything::claims>("Paxos"), field<&Everything::ring>("Ring"),
                          field<&Everything::entries>("Entries")});
  }
};
}  // namespace weave::gob

namespace {

template <class T>
void read_all(weave::ByteView input) {
  weave::gob::Decoder decoder;
  weave::Reader reader(input);
  while (!weave::gob::at_end(reader)) {
    auto value = decoder.decode<T>(reader);
    if (!value) break;
    if (weave::gob::decode<T>(weave::gob::encode(*value)) != *value) abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  weave::ByteView input(data, size);
  read_all<std::map<std::string, std::string>>(input);
  read_all<Everything>(input);
  read_all<Summary>(input);
  read_all<std::vector<Summary>>(input);
  read_all<weave::Bytes>(input);
  read_all<std::string>(input);
  read_all<int64_t>(input);
  auto whole = weave::gob::next_size(input, 1 << 20);
  if (whole && *whole > size) abort();
  return 0;
}
