// Type definitions as they travel: gob describes its own types in gob. Only the encoder and the decoder need this.
//
//   message      length | id < 0 | wireType for type -id          a definition
//                length | id > 0 | struct, or 00 and a value      a value
//   wireType     exactly one of ArrayT, SliceT, StructT, MapT, GobEncoderT, BinaryMarshalerT, TextMarshalerT
//
// Source: the documentation of Go's package encoding/gob.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gob/shape.hpp"

namespace weave::gob {

// Ids of the types that every stream knows. Definitions must use ids from first_user_id on.
enum BuiltIn : int64_t {
  kIdBool = 1,
  kIdInt = 2,
  kIdUint = 3,
  kIdFloat = 4,
  kIdBytes = 5,
  kIdString = 6,
  kIdComplex = 7,
  kIdInterface = 8,
  kIdWireType = 16,
  kFirstUserId = 64
};

struct CommonType {
  std::string name;
  int64_t id = 0;
};
struct ArrayType {
  CommonType common;
  int64_t element = 0, length = 0;
};
struct SliceType {
  CommonType common;
  int64_t element = 0;
};
struct FieldType {
  std::string name;
  int64_t id = 0;
};
struct StructType {
  CommonType common;
  std::vector<FieldType> fields;
};
struct MapType {
  CommonType common;
  int64_t key = 0, element = 0;
};
struct OpaqueType {  // values are encoded as bytes
  CommonType common;
};
struct WireType {
  std::optional<ArrayType> array;
  std::optional<SliceType> slice;
  std::optional<StructType> structure;
  std::optional<MapType> map;
  std::optional<OpaqueType> gob_encoder, binary_marshaler, text_marshaler;
};

template <>
struct Shaped<WireType> {
  static Shape make();
};

// The definitions of the types above, under their fixed ids.
std::map<int64_t, WireType> built_in_definitions();

}  // namespace weave::gob
