#include "host/identity.hpp"

#include <sodium/crypto_hash_sha256.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "host/netlink.hpp"

namespace weave::host {
namespace {

// The first of the files that exists; a file that exists but is empty counts.
std::string first_of(const std::string& root, std::initializer_list<const char*> paths) {
  for (const char* path : paths)
    if (::access((root + path).c_str(), F_OK) == 0) return read_file(root + path);
  return {};
}

std::string machine_id(const std::string& root) {
  return first_of(root, {"/etc/machine-id", "/var/lib/dbus/machine-id"});
}

}  // namespace

PeerName name_of_ids(std::string_view ids) {
  std::string salted = "9oBJ0Jmip-" + std::string(ids);
  std::array<uint8_t, crypto_hash_sha256_BYTES> hash{};
  crypto_hash_sha256(hash.data(), reinterpret_cast<const uint8_t*>(salted.data()), salted.size());
  Mac mac;
  std::copy_n(hash.begin(), mac.bytes.size(), mac.bytes.begin());
  mac.bytes[0] = static_cast<uint8_t>((mac.bytes[0] & ~1) | 2);
  return PeerName::from(mac);
}

std::string machine_mark(const std::string& root) {
  auto machine = machine_id(root);
  return machine.empty() ? "" : name_of_ids(machine).str();
}

std::optional<PeerName> system_peer_name(const std::string& root) {
  auto product = first_of(root, {"/sys/class/dmi/id/product_uuid", "/sys/hypervisor/uuid"});
  auto machine = machine_id(root);
  if (machine.empty() && product.empty()) return {};
  return name_of_ids(machine + product);
}

std::optional<PeerName> peer_name(const std::string& bridge) {
  auto link = Netlink().find_link(bridge);
  if (link && (link->kind == "bridge" || link->kind == "openvswitch")) return PeerName::from(link->mac);
  return system_peer_name();
}

}  // namespace weave::host
