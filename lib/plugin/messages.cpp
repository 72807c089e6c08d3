#include "plugin/messages.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace weave::plugin {
namespace {

using nlohmann::json;

constexpr std::string_view kBlank = " \t\r\n";

// Nesting of arrays and objects, counted before parsing so that a hostile body costs one pass.
bool too_deep(std::string_view body) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < body.size(); ++i) {
    const char c = body[i];
    if (quoted) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

Result<json> parse_object(std::string_view body) {
  if (body.find_first_not_of(kBlank) == body.npos) return Refused("EOF");
  if (body.size() > kMaxBody) return Refused(fmt::format("longer than {} bytes", kMaxBody));
  if (too_deep(body)) return Refused(fmt::format("nested deeper than {} levels", kMaxDepth));
  json value = json::parse(body.begin(), body.end(), nullptr, false);
  if (value.is_discarded()) return Refused("not valid JSON");
  if (!value.is_object()) return Refused("not a JSON object");
  return value;
}

// Reads fields of an object. The first field of a wrong type is remembered and everything after it reads as empty, so a
// decoder reads all its fields and checks once.
class Fields {
 public:
  Fields(const json& object, std::string& refused) : object_(object), refused_(refused) {}

  std::string text(const char* name) {
    const json* value = find(name);
    if (!value) return {};
    if (!value->is_string()) return refuse(name, "a string"), std::string();
    return value->get<std::string>();
  }
  bool flag(const char* name) {
    const json* value = find(name);
    if (!value) return false;
    if (!value->is_boolean()) return refuse(name, "a boolean"), false;
    return value->get<bool>();
  }
  // Null when absent.
  const json* object(const char* name) {
    const json* value = find(name);
    if (value && !value->is_object()) return refuse(name, "an object"), nullptr;
    return value;
  }
  const json* array(const char* name) {
    const json* value = find(name);
    if (value && !value->is_array()) return refuse(name, "an array"), nullptr;
    return value;
  }
  // A map of strings. Values of other types are kept as their JSON text: Docker's own options have all types.
  Options options(const char* name) {
    Options out;
    if (const json* map = object(name))
      for (const auto& [key, value] : map->items())
        out[key] = value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', true);
    return out;
  }

 private:
  const json* find(const char* name) {
    if (!refused_.empty()) return nullptr;
    auto found = object_.find(name);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }
  void refuse(const char* name, const char* expected) {
    if (refused_.empty()) refused_ = fmt::format("field {} is not {}", name, expected);
  }

  const json& object_;
  std::string& refused_;
};

// Parses a body and lets `read` fill the message from its fields.
template <class Message, class Read>
Result<Message> decode_with(std::string_view body, Read read) {
  auto value = parse_object(body);
  if (!value) return Refused(value.error());
  std::string refused;
  Message message;
  read(message, Fields(*value, refused), refused);
  if (!refused.empty()) return Refused(refused);
  return message;
}

std::vector<PoolData> pools(Fields& fields, const char* name, std::string& refused) {
  std::vector<PoolData> out;
  if (const json* list = fields.array(name))
    for (const json& item : *list) {
      if (!item.is_object()) {
        refused = fmt::format("field {} is not an array of objects", name);
        return {};
      }
      Fields pool(item, refused);
      out.push_back({pool.text("AddressSpace"), pool.text("Pool"), pool.text("Gateway"), pool.options("AuxAddresses")});
    }
  return out;
}

}  // namespace

template <>
Result<CreateNetwork> decode(std::string_view body) {
  return decode_with<CreateNetwork>(body, [](CreateNetwork& out, Fields fields, std::string& refused) {
    out.network = fields.text("NetworkID");
    if (const json* options = fields.object("Options")) {
      Fields inner(*options, refused);
      out.options = inner.options("com.docker.network.generic");
    }
    out.ipv4 = pools(fields, "IPv4Data", refused);
    out.ipv6 = pools(fields, "IPv6Data", refused);
  });
}

template <>
Result<NetworkRef> decode(std::string_view body) {
  return decode_with<NetworkRef>(
      body, [](NetworkRef& out, Fields fields, std::string&) { out.network = fields.text("NetworkID"); });
}

template <>
Result<CreateEndpoint> decode(std::string_view body) {
  return decode_with<CreateEndpoint>(body, [](CreateEndpoint& out, Fields fields, std::string& refused) {
    out.network = fields.text("NetworkID");
    out.endpoint = fields.text("EndpointID");
    if (const json* interface = fields.object("Interface")) {
      Fields inner(*interface, refused);
      out.interface = InterfaceRequest{inner.text("Address"), inner.text("AddressIPv6"), inner.text("MacAddress")};
    }
  });
}

template <>
Result<EndpointRef> decode(std::string_view body) {
  return decode_with<EndpointRef>(body, [](EndpointRef& out, Fields fields, std::string&) {
    out = {fields.text("NetworkID"), fields.text("EndpointID")};
  });
}

template <>
Result<Join> decode(std::string_view body) {
  return decode_with<Join>(body, [](Join& out, Fields fields, std::string&) {
    out = {fields.text("NetworkID"), fields.text("EndpointID")};
  });
}

template <>
Result<RequestPool> decode(std::string_view body) {
  return decode_with<RequestPool>(body, [](RequestPool& out, Fields fields, std::string&) {
    out = {fields.text("AddressSpace"), fields.text("Pool"), fields.text("SubPool"), fields.flag("V6")};
  });
}

template <>
Result<ReleasePool> decode(std::string_view body) {
  return decode_with<ReleasePool>(
      body, [](ReleasePool& out, Fields fields, std::string&) { out.pool_id = fields.text("PoolID"); });
}

template <>
Result<RequestAddress> decode(std::string_view body) {
  return decode_with<RequestAddress>(body, [](RequestAddress& out, Fields fields, std::string&) {
    out.pool_id = fields.text("PoolID");
    out.address = fields.text("Address");
    const Options options = fields.options("Options");
    auto type = options.find("RequestAddressType");
    out.gateway = type != options.end() && type->second == "com.docker.network.gateway";
  });
}

template <>
Result<ReleaseAddress> decode(std::string_view body) {
  return decode_with<ReleaseAddress>(body, [](ReleaseAddress& out, Fields fields, std::string&) {
    out = {fields.text("PoolID"), fields.text("Address")};
  });
}

}  // namespace weave::plugin
