#include "gob/encode.hpp"

#include "base/error.hpp"
#include "gob/wire_type.hpp"

namespace weave::gob {

void write_uint(Writer& to, uint64_t value) {
  if (value < 128) return to.u8(static_cast<uint8_t>(value));
  int bytes = 1;
  while (bytes < 8 && value >> (8 * bytes)) ++bytes;
  to.u8(static_cast<uint8_t>(256 - bytes));
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) to.u8(static_cast<uint8_t>(value >> shift));
}

void write_int(Writer& to, int64_t value) {
  auto bits = static_cast<uint64_t>(value);
  write_uint(to, value < 0 ? (~bits << 1) | 1 : bits << 1);
}

// A struct has its id before its parts have theirs, a slice or map after them: the order in which Go meets them.
int64_t Encoder::assign_id(const Shape& shape) {
  switch (shape.kind) {
    case Kind::kBoolean:
      return kIdBool;
    case Kind::kInteger:
      return kIdInt;
    case Kind::kUnsignedInteger:
      return kIdUint;
    case Kind::kString:
      return kIdString;
    case Kind::kBytes:
      return kIdBytes;
    case Kind::kOptional:
      return assign_id(*shape.element);
    default:
      break;
  }
  if (auto known = ids_.find(&shape); known != ids_.end()) return known->second;
  if (shape.kind == Kind::kStructure) {
    auto id = ids_[&shape] = next_id_++;
    for (const auto& field : shape.fields) assign_id(*field.shape);
    return id;
  }
  if (shape.key) assign_id(*shape.key);
  assign_id(*shape.element);
  return ids_[&shape] = next_id_++;
}

void Encoder::define(const Shape& shape) {
  if (shape.kind == Kind::kOptional) return define(*shape.element);
  auto id = assign_id(shape);
  if (id < kFirstUserId || defined_[&shape]) return;
  defined_[&shape] = true;
  WireType type;
  CommonType common{shape.name, id};
  if (shape.kind == Kind::kStructure) {
    auto& structure = type.structure.emplace();
    structure.common = common;
    for (const auto& field : shape.fields) structure.fields.push_back({field.name, assign_id(*field.shape)});
  } else if (shape.kind == Kind::kMap) {
    type.map = {common, assign_id(*shape.key), assign_id(*shape.element)};
  } else {
    type.slice = {common, assign_id(*shape.element)};
  }
  Writer content;
  write_int(content, -id);
  write_struct(content, shape_of<WireType>(), &type);
  write_message(content.out());
  for (const auto& field : shape.fields) define(*field.shape);
  if (shape.key) define(*shape.key);
  if (shape.element) define(*shape.element);
}

void Encoder::encode(const Shape& shape, const void* object) {
  if (shape.kind == Kind::kOptional) {
    const void* inner = shape.present(object);
    if (!inner) throw Error("can't encode an absent value");
    return encode(*shape.element, inner);
  }
  define(shape);
  Writer content;
  write_int(content, assign_id(shape));
  if (shape.kind != Kind::kStructure) content.u8(0);
  write_value(content, shape, object);
  write_message(content.out());
}

void Encoder::write_message(ByteView content) {
  write_uint(out_, content.size());
  out_.bytes(content);
}

void Encoder::write_value(Writer& to, const Shape& shape, const void* object) const {
  switch (shape.kind) {
    case Kind::kBoolean:
    case Kind::kUnsignedInteger:
      return write_uint(to, shape.number(object));
    case Kind::kInteger:
      return write_int(to, static_cast<int64_t>(shape.number(object)));
    case Kind::kString:
    case Kind::kBytes: {
      auto bytes = shape.view(object);
      write_uint(to, bytes.size());
      return to.bytes(bytes);
    }
    case Kind::kSlice: {
      size_t count = shape.size(object);
      write_uint(to, count);
      for (size_t i = 0; i < count; ++i) write_value(to, *shape.element, shape.at(object, i));
      return;
    }
    case Kind::kMap:
      write_uint(to, shape.size(object));
      return shape.each(object, [&](const void* key, const void* value) {
        write_value(to, *shape.key, key);
        write_value(to, *shape.element, value);
      });
    case Kind::kStructure:
      return write_struct(to, shape, object);
    case Kind::kOptional: {
      const void* inner = shape.present(object);
      if (!inner) throw Error("can't encode an absent value");
      return write_value(to, *shape.element, inner);
    }
  }
}

namespace {

// Whether a field is left out: nothing that a receiver wouldn't assume.
bool omitted(const Shape& shape, const void* object) {
  switch (shape.kind) {
    case Kind::kBoolean:
    case Kind::kInteger:
    case Kind::kUnsignedInteger:
      return shape.number(object) == 0;
    case Kind::kString:
    case Kind::kBytes:
      return shape.view(object).empty();
    case Kind::kSlice:
      return shape.size(object) == 0;
    case Kind::kMap:
    case Kind::kStructure:
      return false;
    case Kind::kOptional: {
      const void* inner = shape.present(object);
      return !inner || omitted(*shape.element, inner);
    }
  }
  return false;
}

}  // namespace

void Encoder::write_struct(Writer& to, const Shape& shape, const void* object) const {
  uint64_t delta = 1;
  for (const auto& field : shape.fields) {
    // Members are found in place; nothing writes through the pointer.
    const void* member = field.member(const_cast<void*>(object));
    if (omitted(*field.shape, member)) {
      ++delta;
      continue;
    }
    write_uint(to, delta);
    write_value(to, *field.shape, member);
    delta = 1;
  }
  to.u8(0);
}

}  // namespace weave::gob
