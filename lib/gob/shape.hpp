// Shapes: how a C++ type looks as a gob type. Encoder and decoder are driven by them, so a message is described once:
//
//   struct Range { uint32_t start, end; };
//   template <> struct weave::gob::Shaped<Range> {
//     static Shape make() { return structure("Range", {field<&Range::start>("Start"), field<&Range::end>("End")}); }
//   };
//
// C++                                   gob
// bool                                  bool
// int64_t, int32_t                      int
// uint64_t, uint32_t, uint16_t          uint; a received number that doesn't fit is refused
// a struct with one unsigned `value`    uint (PeerName, Ipv4)
// std::string, std::string_view         string; a view points into the decoder's input
// Bytes, ByteView                       bytes; likewise
// std::vector<T>                        slice
// std::map<K, V>                        map; as a field it is sent even when it is empty
// std::optional<T>                      T; as a field it is left out when it is absent (a nil map, a nil pointer)
// a described struct                    struct
#pragma once
#include <concepts>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace weave::gob {

enum class Kind : uint8_t {
  kBoolean,
  kInteger,
  kUnsignedInteger,
  kString,
  kBytes,
  kSlice,
  kMap,
  kStructure,
  kOptional
};

struct Shape;

struct Field {
  std::string name;  // what a receiver matches on, case included
  std::shared_ptr<const Shape> shape;
  void* (*member)(void* object);
};

// A type as the engine sees it. Which of the functions are set depends on the kind; `object` points to the C++ value.
struct Shape {
  Kind kind = Kind::kBoolean;
  std::string name;                                             // of the Go type, for the definition; may be empty
  const Shape* key = nullptr;                                   // map
  const Shape* element = nullptr;                               // slice, map, optional
  std::vector<Field> fields;                                    // structure
  std::shared_ptr<const Shape> owned;                           // keeps `element` alive where it isn't a shape_of
  uint64_t (*number)(const void* object) = nullptr;             // boolean and numbers; integers as two's complement
  bool (*set_number)(void* object, uint64_t number) = nullptr;  // false: doesn't fit
  ByteView (*view)(const void* object) = nullptr;               // string, bytes
  void (*assign)(void* object, ByteView bytes) = nullptr;
  size_t (*size)(const void* object) = nullptr;  // slice, map
  void (*clear)(void* object) = nullptr;
  const void* (*at)(const void* object, size_t index) = nullptr;  // slice
  void* (*append)(void* object) = nullptr;
  void (*each)(const void* object, const std::function<void(const void* key, const void* value)>&) = nullptr;  // map
  void (*insert)(void* object, const std::function<void(void* key, void* value)>& fill) = nullptr;
  const void* (*present)(const void* object) = nullptr;  // optional; null when absent
  void* (*engage)(void* object) = nullptr;
};

// Specialise for a struct; see above.
template <class T>
struct Shaped;

template <class T>
const Shape& shape_of() {
  static const Shape shape = Shaped<T>::make();
  return shape;
}

template <class Class, class Value>
Value member_type(Value Class::*);
template <class Class, class Value>
Class class_type(Value Class::*);

// A field of a struct. `type_name` is for unnamed C++ types (slices, maps) whose Go type has a name; it makes a type of
// its own.
template <auto Member>
Field field(std::string name, std::string type_name = {}) {
  using Class = decltype(class_type(Member));
  using Value = decltype(member_type(Member));
  const Shape& shape = shape_of<Value>();
  std::shared_ptr<const Shape> held(std::shared_ptr<void>(), &shape);
  if (!type_name.empty()) {
    auto copy = std::make_shared<Shape>(shape);
    if (shape.kind == Kind::kOptional) {
      auto element = std::make_shared<Shape>(*shape.element);
      element->name = std::move(type_name);
      copy->element = element.get();
      copy->owned = std::move(element);
    } else {
      copy->name = std::move(type_name);
    }
    held = std::move(copy);
  }
  return {std::move(name), std::move(held),
          [](void* object) -> void* { return &(static_cast<Class*>(object)->*Member); }};
}

// `name` is the name of the Go type; receivers ignore it.
inline Shape structure(std::string name, std::vector<Field> fields) {
  Shape shape;
  shape.kind = Kind::kStructure;
  shape.name = std::move(name);
  shape.fields = std::move(fields);
  return shape;
}

template <class T>
concept Wrapped = requires(T object) {
  requires std::unsigned_integral<decltype(object.value)>;
}
&&sizeof(T) == sizeof(T{}.value);

template <std::integral T>
struct Shaped<T> {
  static Shape make() {
    Shape shape;
    shape.kind = std::same_as<T, bool>     ? Kind::kBoolean
                 : std::signed_integral<T> ? Kind::kInteger
                                           : Kind::kUnsignedInteger;
    shape.number = [](const void* object) { return static_cast<uint64_t>(*static_cast<const T*>(object)); };
    shape.set_number = [](void* object, uint64_t number) {
      if constexpr (std::same_as<T, bool>) {
        *static_cast<T*>(object) = number != 0;
        return true;
      } else {
        *static_cast<T*>(object) = static_cast<T>(number);
        return static_cast<uint64_t>(*static_cast<T*>(object)) == number;
      }
    };
    return shape;
  }
};

template <Wrapped T>
struct Shaped<T> {
  using Value = decltype(T{}.value);
  static Shape make() {
    Shape shape;
    shape.kind = Kind::kUnsignedInteger;
    shape.number = [](const void* object) -> uint64_t { return static_cast<const T*>(object)->value; };
    shape.set_number = [](void* object, uint64_t number) {
      static_cast<T*>(object)->value = static_cast<Value>(number);
      return number <= std::numeric_limits<Value>::max();
    };
    return shape;
  }
};

template <class T>
requires std::same_as<T, std::string> || std::same_as<T, std::string_view>
struct Shaped<T> {
  static Shape make() {
    Shape shape;
    shape.kind = Kind::kString;
    shape.view = [](const void* object) { return as_bytes(*static_cast<const T*>(object)); };
    shape.assign = [](void* object, ByteView bytes) { *static_cast<T*>(object) = as_text(bytes); };
    return shape;
  }
};

template <class T>
requires std::same_as<T, Bytes> || std::same_as<T, ByteView>
struct Shaped<T> {
  static Shape make() {
    Shape shape;
    shape.kind = Kind::kBytes;
    shape.view = [](const void* object) { return ByteView(*static_cast<const T*>(object)); };
    shape.assign = [](void* object, ByteView bytes) { *static_cast<T*>(object) = T(bytes.begin(), bytes.end()); };
    return shape;
  }
};

template <class T>
requires(!std::same_as<T, uint8_t> && !std::same_as<T, bool>) struct Shaped<std::vector<T>> {
  using Slice = std::vector<T>;
  static Shape make() {
    Shape shape;
    shape.kind = Kind::kSlice;
    shape.element = &shape_of<T>();
    shape.size = [](const void* object) { return static_cast<const Slice*>(object)->size(); };
    shape.clear = [](void* object) { static_cast<Slice*>(object)->clear(); };
    shape.at = [](const void* object, size_t index) -> const void* {
      return &(*static_cast<const Slice*>(object))[index];
    };
    shape.append = [](void* object) -> void* { return &static_cast<Slice*>(object)->emplace_back(); };
    return shape;
  }
};

template <class K, class V>
struct Shaped<std::map<K, V>> {
  using Map = std::map<K, V>;
  static Shape make() {
    Shape shape;
    shape.kind = Kind::kMap;
    shape.key = &shape_of<K>();
    shape.element = &shape_of<V>();
    shape.size = [](const void* object) { return static_cast<const Map*>(object)->size(); };
    shape.clear = [](void* object) { static_cast<Map*>(object)->clear(); };
    shape.each = [](const void* object, const std::function<void(const void*, const void*)>& visit) {
      for (const auto& [key, value] : *static_cast<const Map*>(object)) visit(&key, &value);
    };
    shape.insert = [](void* object, const std::function<void(void*, void*)>& fill) {
      K key{};
      V value{};
      fill(&key, &value);
      static_cast<Map*>(object)->insert_or_assign(std::move(key), std::move(value));
    };
    return shape;
  }
};

template <class T>
struct Shaped<std::optional<T>> {
  static Shape make() {
    Shape shape;
    shape.kind = Kind::kOptional;
    shape.element = &shape_of<T>();
    shape.present = [](const void* object) -> const void* {
      const auto& optional = *static_cast<const std::optional<T>*>(object);
      return optional ? &*optional : nullptr;
    };
    shape.engage = [](void* object) -> void* { return &static_cast<std::optional<T>*>(object)->emplace(); };
    return shape;
  }
};

}  // namespace weave::gob
