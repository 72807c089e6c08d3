// Requests of Docker's network-driver and IPAM-driver protocols, decoded from untrusted JSON.
//
// Source: Docker's documentation of remote network and IPAM drivers (libnetwork, docs/remote.md and docs/ipam.md).
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace weave::plugin {

// Limits of a body: bytes, and nested arrays and objects.
inline constexpr size_t kMaxBody = 1024 * 1024;
inline constexpr int kMaxDepth = 32;

using Options = std::map<std::string, std::string>;

// A pool of a network, as the IPAM driver answered it. Addresses are CIDRs; AddressSpace tells whose pool it is.
struct PoolData {
  std::string address_space, pool, gateway;
  Options aux_addresses;
};

struct CreateNetwork {
  std::string network;
  Options options;  // the user's --opt
  std::vector<PoolData> ipv4, ipv6;
};

// DeleteNetwork.
struct NetworkRef {
  std::string network;
};

struct InterfaceRequest {
  std::string address, address_v6, mac;  // empty: not given; addresses are CIDRs
};

struct CreateEndpoint {
  std::string network, endpoint;
  std::optional<InterfaceRequest> interface;
};

// DeleteEndpoint, Leave, EndpointOperInfo.
struct EndpointRef {
  std::string network, endpoint;
};

struct Join {
  std::string network, endpoint;
};

struct RequestPool {
  std::string address_space, pool, sub_pool;  // pool empty: the driver chooses
  bool v6 = false;
};

struct ReleasePool {
  std::string pool_id;
};

struct RequestAddress {
  std::string pool_id, address;  // address empty: the driver chooses
  bool gateway = false;          // asked as the network's gateway
};

struct ReleaseAddress {
  std::string pool_id, address;
};

// The message in a body. Field names are matched exactly, unknown ones are skipped, null and absent mean empty. Refused
// ("EOF" for an empty body): not JSON, too big, too deep, a field of another type.
template <class Message>
Result<Message> decode(std::string_view body);

template <>
Result<CreateNetwork> decode(std::string_view body);
template <>
Result<NetworkRef> decode(std::string_view body);
template <>
Result<CreateEndpoint> decode(std::string_view body);
template <>
Result<EndpointRef> decode(std::string_view body);
template <>
Result<Join> decode(std::string_view body);
template <>
Result<RequestPool> decode(std::string_view body);
template <>
Result<ReleasePool> decode(std::string_view body);
template <>
Result<RequestAddress> decode(std::string_view body);
template <>
Result<ReleaseAddress> decode(std::string_view body);

}  // namespace weave::plugin
