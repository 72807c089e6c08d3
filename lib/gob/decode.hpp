// The gob decoder: bytes from a peer to values of described types. It never throws on what it reads.
//
// Types are known only through the definitions in the stream and are matched by structure and field names, never by id
// or type name: both differ from peer to peer.
//
// Source: the documentation of Go's package encoding/gob.
#pragma once
#include <deque>
#include <map>
#include <memory>

#include "base/error.hpp"
#include "gob/shape.hpp"

namespace weave::gob {

struct WireType;

// What a stream may ask for; beyond it is refused.
struct Limits {
  size_t definitions = 256;       // types per stream
  size_t fields = 256;            // per struct
  size_t elements = 1024 * 1024;  // of slices and maps, in all of one value
  size_t depth = 64;              // of values that are skipped; those that are decoded nest as deep as their shape
};

// Reads one stream. After a refusal the stream is of no more use.
class Decoder {
 public:
  explicit Decoder(Limits limits = {});
  ~Decoder();
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;

  // The next value, with the definitions in front of it. `input` stands behind it afterwards; views in the result point
  // into it. Bytes behind a value within its message are ignored, as Go does.
  template <class T>
  Result<T> decode(Reader& input) {
    T value{};
    if (auto done = decode(input, shape_of<T>(), &value); !done) return Refused(done.error());
    return value;
  }
  Result<void> decode(Reader& input, const Shape& shape, void* object);

 private:
  struct Plan;
  struct Source;
  const WireType* find_type(int64_t id) const;
  void read_definition(Source& in, int64_t id);
  Plan* plan(Source& in, int64_t id, const Shape* shape);
  bool check_ignored(Source& in, int64_t id);
  void read_value(Source& in, const Plan& plan, void* object);
  void read_struct(Source& in, const Plan& plan, void* object);
  void skip_value(Source& in, int64_t id, size_t depth);
  uint64_t read_count(Source& in, size_t each);

  Limits limits_;
  std::map<int64_t, WireType> types_;  // defined by the stream
  std::map<std::pair<int64_t, const Shape*>, Plan*> plans_;
  std::deque<std::unique_ptr<Plan>> all_plans_;
  size_t elements_ = 0;  // read so far of this value
};

// True when no message follows: the input is used up, or a message of length zero stands there, which Go takes for the
// end.
bool at_end(const Reader& input);

// The first value of a stream of its own; what follows is ignored.
template <class T>
Result<T> decode(ByteView input, Limits limits = {}) {
  Reader reader(input);
  return Decoder(limits).decode<T>(reader);
}

// For a stream that arrives in pieces (protocol V1): how many bytes the next value takes, with the definitions in front
// of it; 0 when more must arrive. Refuses what is longer than `max` in all, and bytes that can't begin a message.
Result<size_t> next_size(ByteView buffered, size_t max);

// The basic encodings. On bad input the reader fails, or nothing is returned.
std::optional<uint64_t> read_uint(Reader& in);
std::optional<int64_t> read_int(Reader& in);

}  // namespace weave::gob
