// The gob encoder: values of described types to the bytes that Go's encoder makes.
//
// Source: the documentation of Go's package encoding/gob.
#pragma once
#include <map>

#include "gob/shape.hpp"

namespace weave::gob {

// Writes one stream: a type is defined before its first value and not again. Ids are given, and definitions ordered, as
// a Go process does that sees these types first.
class Encoder {
 public:
  // `first_id` is the id of the first type defined, at least 64. Receivers take any.
  explicit Encoder(int64_t first_id = 65) : next_id_(first_id) {}

  template <class T>
  void encode(const T& value) {
    encode(shape_of<T>(), &value);
  }
  // As above, for a shape that isn't the one of a C++ type. Throws Error when the value is an absent optional, which
  // gob can't say at the top.
  void encode(const Shape& shape, const void* object);

  // What was written since the last call.
  Bytes take() { return out_.take(); }

 private:
  int64_t assign_id(const Shape& shape);
  void define(const Shape& shape);
  void write_value(Writer& to, const Shape& shape, const void* object) const;
  void write_struct(Writer& to, const Shape& shape, const void* object) const;
  void write_message(ByteView content);

  std::map<const Shape*, int64_t> ids_;
  std::map<const Shape*, bool> defined_;
  int64_t next_id_;
  Writer out_;
};

// One value as a stream of its own.
template <class T>
Bytes encode(const T& value) {
  Encoder encoder;
  encoder.encode(value);
  return encoder.take();
}

// The basic encodings, for those who write a message by hand.
void write_uint(Writer& to, uint64_t value);
void write_int(Writer& to, int64_t value);

}  // namespace weave::gob
