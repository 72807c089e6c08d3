// A thin, blocking XFRM netlink layer: ESP associations (SAs) and IPsec policies of one network namespace, as far as
// the overlay uses them: IPv4, transport mode, AES-256-GCM with a check value of 16 bytes, extended sequence numbers.
//
// Both stay in the kernel until they are removed, also when the process that made them has ended. `reqid` is the tag by
// which one knows his own again; it ties policies to associations, and isn't on the wire.
#pragma once
#include <optional>

#include "address/ipv4.hpp"
#include "base/secret.hpp"
#include "host/netlink_socket.hpp"

namespace weave::host {

// Packets from `source` to `destination`, which are encrypted or, if it is one's own, decrypted.
struct EspAssociation {
  Ipv4 source, destination;
  uint32_t spi = 0;
  uint32_t reqid = 0;
  uint32_t set_mark = 0;  // bits that the mark of decrypted packets gets; 0: none
  uint64_t packets = 0;   // that it has been used for; the kernel tells

  bool operator==(const EspAssociation&) const = default;
};

// What happens to IPv4 packets that match; of several policies that match the one of the least priority number decides.
struct IpsecPolicy {
  enum class Direction : uint8_t { kIn = 0, kOut = 1 };  // to this host; from it
  Direction direction = Direction::kOut;
  Ipv4 source, destination;  // 0: any
  uint16_t port = 0;         // UDP destination port; 0: all of UDP
  uint32_t mark = 0;         // these bits of the packet's mark are set; 0: whatever they are
  uint32_t priority = 0;
  // They must be, or become, ESP in transport mode by an association of this kind. Without: they are dropped.
  struct Esp {
    uint32_t spi = 0;  // 0: any
    uint32_t reqid = 0;

    bool operator==(const Esp&) const = default;
  };
  std::optional<Esp> esp;

  bool operator==(const IpsecPolicy&) const = default;
};

// Every operation throws weave::Error with what was attempted and the kernel's reason.
class Xfrm {
 public:
  // Works in the namespace in which the calling thread is now. Throws Error when the kernel has no XFRM.
  Xfrm();

  // Makes an association and removes it again: throws Error that says what the kernel lacks or refuses.
  void probe();

  // Reserves an SPI for packets from `source` to `destination`, which is this host, for install_reserved().
  uint32_t reserve_spi(Ipv4 source, Ipv4 destination, uint32_t reqid);
  // `key`: 32 bytes for AES, 4 of salt.
  void install_reserved(const EspAssociation& association, const Secret& key);
  void install(const EspAssociation& association, const Secret& key);
  // Nothing when there is none.
  std::optional<EspAssociation> find(Ipv4 destination, uint32_t spi);
  // False when there is none.
  bool remove(Ipv4 destination, uint32_t spi);
  // All of ESP over IPv4, reserved ones and those of other programs included.
  std::vector<EspAssociation> associations();

  // Takes the place of one for the same packets, in one piece.
  void set(const IpsecPolicy& policy);
  // The policy for the very same packets, whatever it does with them. False when there is none.
  bool remove(const IpsecPolicy& policy);
  // IPv4 policies of this form, those of other programs included.
  std::vector<IpsecPolicy> policies();

 private:
  NetlinkSocket socket_;
};

}  // namespace weave::host
