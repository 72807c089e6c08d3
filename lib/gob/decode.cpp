#include "gob/decode.hpp"

#include <fmt/format.h>

#include "gob/wire_type.hpp"

namespace weave::gob {

std::optional<uint64_t> read_uint(Reader& in) {
  uint8_t first = in.u8();
  if (!in.ok()) return std::nullopt;
  if (first < 128) return first;
  size_t count = 256 - first;
  if (count > 8) return std::nullopt;
  uint64_t value = 0;
  for (uint8_t byte : in.bytes(count)) value = value << 8 | byte;
  if (!in.ok()) return std::nullopt;
  return value;
}

std::optional<int64_t> read_int(Reader& in) {
  auto bits = read_uint(in);
  if (!bits) return std::nullopt;
  return static_cast<int64_t>(*bits & 1 ? ~(*bits >> 1) : *bits >> 1);
}

// A message that is being read. The first problem is kept; after it every read yields zero.
struct Decoder::Source {
  Reader reader;
  std::string problem = {};

  bool ok() const { return problem.empty(); }
  void fail(std::string_view text) {
    if (ok()) problem = text;
  }
  uint64_t number() {
    if (!ok()) return 0;
    auto value = read_uint(reader);
    if (!value) fail(reader.ok() ? "number longer than 8 bytes" : "message ends within a number");
    return value.value_or(0);
  }
  int64_t integer() {
    auto bits = number();
    return static_cast<int64_t>(bits & 1 ? ~(bits >> 1) : bits >> 1);
  }
  ByteView bytes() {
    uint64_t count = number();
    if (ok() && count > reader.left()) fail("length beyond the end of the message");
    return ok() ? reader.bytes(count) : ByteView();
  }
};

// How to read values of one wire type into one shape (none: skip them), compiled once per stream.
struct Decoder::Plan {
  int64_t id = 0;
  const Shape* shape = nullptr;
  const Plan* key = nullptr;
  const Plan* element = nullptr;
  struct Step {
    const Plan* plan = nullptr;
    const Field* field = nullptr;
  };
  std::vector<Step> fields;  // by wire field number
};

Decoder::Decoder(Limits limits) : limits_(limits) {}
Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;

bool at_end(const Reader& input) {
  if (input.left() == 0) return true;
  Reader ahead(input.rest());
  return read_uint(ahead) == 0;
}

Result<void> Decoder::decode(Reader& input, const Shape& shape, void* object) {
  elements_ = 0;
  for (bool defined = false;; defined = true) {
    if (at_end(input))
      return Refused(defined ? "gob: stream ends after a type definition" : "gob: no value, the stream ends");
    auto length = read_uint(input);
    if (!length) return Refused("gob: bad message length");
    if (*length > input.left()) return Refused("gob: message longer than the input");
    Source in{Reader(input.bytes(*length))};
    auto id = in.integer();
    if (in.ok() && (id == 0 || id > INT32_MAX || id < -INT32_MAX)) in.fail("bad type id");
    if (in.ok() && id < 0) {
      read_definition(in, -id);
    } else if (in.ok()) {
      if (const auto* how = plan(in, id, &shape)) {
        const auto& inner = shape.kind == Kind::kOptional ? *shape.element : shape;
        if (inner.kind != Kind::kStructure && in.number() != 0) in.fail("something in front of a plain value");
        read_value(in, *how, object);
      }
    }
    if (!in.ok()) return Refused("gob: " + in.problem);
    if (id > 0) return {};
  }
}

// Null when the type isn't defined, or is basic.
const WireType* Decoder::find_type(int64_t id) const {
  static const auto built_in = built_in_definitions();
  const auto& table = id < kFirstUserId ? built_in : types_;
  auto at = table.find(id);
  return at == table.end() ? nullptr : &at->second;
}

void Decoder::read_definition(Source& in, int64_t id) {
  if (id < kFirstUserId || types_.contains(id)) return in.fail(fmt::format("type {} defined twice", id));
  if (types_.size() >= limits_.definitions) return in.fail("too many types");
  // How definitions are read is the same in all streams, so it is compiled once.
  static Decoder compiler;
  static Source nothing{Reader(ByteView())};
  static const Plan* how = compiler.plan(nothing, kIdWireType, &shape_of<WireType>());
  WireType type;
  read_struct(in, *how, &type);
  if (!in.ok()) return;
  if (!in.reader.at_end()) return in.fail("extra bytes after a type definition");
  if (type.structure && type.structure->fields.size() > limits_.fields) return in.fail("too many fields");
  types_.emplace(id, std::move(type));
}

namespace {

std::optional<Kind> kind_of(int64_t id, const WireType* type) {
  switch (id) {
    case kIdBool:
      return Kind::kBoolean;
    case kIdInt:
      return Kind::kInteger;
    case kIdUint:
      return Kind::kUnsignedInteger;
    case kIdBytes:
      return Kind::kBytes;
    case kIdString:
      return Kind::kString;
    default:
      break;
  }
  if (!type) return std::nullopt;
  if (type->array) return std::nullopt;
  if (type->slice) return Kind::kSlice;
  if (type->structure) return Kind::kStructure;
  if (type->map) return Kind::kMap;
  return std::nullopt;
}

}  // namespace

// Null and a problem in `in` when the types don't fit. Recursion follows the shape, which is finite.
Decoder::Plan* Decoder::plan(Source& in, int64_t id, const Shape* shape) {
  if (auto known = plans_.find({id, shape}); known != plans_.end()) return known->second;
  auto made = std::make_unique<Plan>();
  made->id = id;
  made->shape = shape;
  if (!shape) {
    if (!check_ignored(in, id)) return nullptr;
  } else if (shape->kind == Kind::kOptional) {
    if (!(made->element = plan(in, id, shape->element))) return nullptr;
  } else {
    const auto* type = find_type(id);
    auto kind = kind_of(id, type);
    if (!kind && !type && id > kIdComplex) return in.fail(fmt::format("type {} isn't defined", id)), nullptr;
    if (kind != shape->kind) return in.fail(fmt::format("type {} isn't of the kind expected", id)), nullptr;
    if (kind == Kind::kSlice) {
      if (!(made->element = plan(in, type->slice->element, shape->element))) return nullptr;
    } else if (kind == Kind::kMap) {
      if (!(made->key = plan(in, type->map->key, shape->key))) return nullptr;
      if (!(made->element = plan(in, type->map->element, shape->element))) return nullptr;
    } else if (kind == Kind::kStructure) {
      bool common = type->structure->fields.empty() || shape->fields.empty();
      for (const auto& wire : type->structure->fields) {
        Plan::Step step;
        for (const auto& field : shape->fields)
          if (field.name == wire.name) step.field = &field;
        common |= step.field != nullptr;
        step.plan = plan(in, wire.id, step.field ? step.field->shape.get() : nullptr);
        if (!step.plan) return in.fail(fmt::format("field {} doesn't fit", wire.name)), nullptr;
        made->fields.push_back(step);
      }
      if (!common) return in.fail("no field in common with the struct expected"), nullptr;
    }
  }
  all_plans_.push_back(std::move(made));
  return plans_[{id, shape}] = all_plans_.back().get();
}

// Whether everything that a type is made of is defined, so that its values can be skipped. A type may contain itself.
bool Decoder::check_ignored(Source& in, int64_t id) {
  std::map<int64_t, bool> seen;
  std::vector<int64_t> open{id};
  while (!open.empty()) {
    id = open.back();
    open.pop_back();
    if (seen[id]) continue;
    seen[id] = true;
    if (id >= kIdBool && id <= kIdComplex) continue;
    const auto* found = find_type(id);
    if (!found) return in.fail(fmt::format("type {} isn't defined", id)), false;
    const auto& type = *found;
    if (type.array) {
      open.push_back(type.array->element);
    } else if (type.slice) {
      open.push_back(type.slice->element);
    } else if (type.structure) {
      for (const auto& field : type.structure->fields) open.push_back(field.id);
    } else if (type.map) {
      open.push_back(type.map->key);
      open.push_back(type.map->element);
    } else if (!type.gob_encoder && !type.binary_marshaler && !type.text_marshaler) {
      return in.fail(fmt::format("type {} is nothing", id)), false;
    }
  }
  return true;
}

// Every element takes `each` bytes at least: that bounds the count before anything is made.
uint64_t Decoder::read_count(Source& in, size_t each) {
  uint64_t count = in.number();
  if (in.ok() && count > in.reader.left() / each) in.fail("count beyond the end of the message");
  if (in.ok() && count > limits_.elements - elements_) in.fail("too many elements");
  if (!in.ok()) return 0;
  elements_ += count;
  return count;
}

void Decoder::read_value(Source& in, const Plan& plan, void* object) {
  if (!in.ok()) return;
  if (!plan.shape) return skip_value(in, plan.id, 0);
  const Shape& shape = *plan.shape;
  switch (shape.kind) {
    case Kind::kBoolean:
    case Kind::kUnsignedInteger:
      if (!shape.set_number(object, in.number())) in.fail("number out of range");
      return;
    case Kind::kInteger:
      if (!shape.set_number(object, static_cast<uint64_t>(in.integer()))) in.fail("number out of range");
      return;
    case Kind::kString:
    case Kind::kBytes:
      return shape.assign(object, in.bytes());
    case Kind::kSlice: {
      shape.clear(object);
      auto count = read_count(in, 1);
      for (uint64_t i = 0; i < count && in.ok(); ++i) read_value(in, *plan.element, shape.append(object));
      return;
    }
    case Kind::kMap: {
      shape.clear(object);
      auto count = read_count(in, 2);
      for (uint64_t i = 0; i < count && in.ok(); ++i)
        shape.insert(object, [&](void* key, void* value) {
          read_value(in, *plan.key, key);
          read_value(in, *plan.element, value);
        });
      return;
    }
    case Kind::kStructure:
      return read_struct(in, plan, object);
    case Kind::kOptional:
      return read_value(in, *plan.element, shape.engage(object));
  }
}

void Decoder::read_struct(Source& in, const Plan& plan, void* object) {
  // Go takes the end of the message for the end mark, too.
  for (size_t next = 0; !in.reader.at_end();) {
    uint64_t delta = in.number();
    if (!in.ok() || delta == 0) return;
    if (delta > plan.fields.size() - next) return in.fail("field number out of range");
    next += delta;
    const auto& step = plan.fields[next - 1];
    read_value(in, *step.plan, step.field ? step.field->member(object) : nullptr);
  }
}

void Decoder::skip_value(Source& in, int64_t id, size_t depth) {
  if (!in.ok()) return;
  if (depth > limits_.depth) return in.fail("values nest too deep");
  switch (id) {
    case kIdBool:
    case kIdInt:
    case kIdUint:
    case kIdFloat:
      in.number();
      return;
    case kIdComplex:
      in.number(), in.number();
      return;
    case kIdBytes:
    case kIdString:
      in.bytes();
      return;
    default:
      break;
  }
  const auto& type = *find_type(id);  // check_ignored saw it
  if (type.structure) {
    const auto& fields = type.structure->fields;
    for (size_t next = 0; !in.reader.at_end();) {
      uint64_t delta = in.number();
      if (!in.ok() || delta == 0) return;
      if (delta > fields.size() - next) return in.fail("field number out of range");
      next += delta;
      skip_value(in, fields[next - 1].id, depth + 1);
    }
    return;
  }
  if (type.map) {
    auto count = read_count(in, 2);
    for (uint64_t i = 0; i < count && in.ok(); ++i) {
      skip_value(in, type.map->key, depth + 1);
      skip_value(in, type.map->element, depth + 1);
    }
    return;
  }
  if (!type.array && !type.slice) {
    in.bytes();
    return;
  }
  auto count = read_count(in, 1);
  auto element = type.array ? type.array->element : type.slice->element;
  for (uint64_t i = 0; i < count && in.ok(); ++i) skip_value(in, element, depth + 1);
}

Result<size_t> next_size(ByteView buffered, size_t max) {
  Reader in(buffered);
  for (;;) {
    if (in.left() == 0) return 0;
    auto length = read_uint(in);
    if (!length && in.ok()) return Refused("gob: bad message length");
    if (!length) return 0;
    if (*length == 0) return Refused("gob: empty message");
    if (*length > max || in.position() + *length > max)
      return Refused(fmt::format("incoming message exceeds maximum size: {} > {}", *length, max));
    if (*length > in.left()) return 0;
    Reader message(in.bytes(*length));
    auto id = read_int(message);
    if (!id) return Refused("gob: bad type id");
    if (*id > 0) return in.position();
  }
}

}  // namespace weave::gob
