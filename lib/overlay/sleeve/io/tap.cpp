#include "overlay/sleeve/io/tap.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/error.hpp"

namespace weave::overlay {

namespace {

ifreq request(const std::string& name) {
  ifreq out{};
  name.copy(out.ifr_name, sizeof out.ifr_name - 1);
  return out;
}

// A TAP's own host must not talk on it: whatever comes out of it is taken for a container's.
void silence(const std::string& name) {
  UniqueFd file(open(("/proc/sys/net/ipv6/conf/" + name + "/disable_ipv6").c_str(), O_WRONLY | O_CLOEXEC));
  if (file && ::write(file.get(), "1", 1) != 1) return;  // as well as can be: there may be no IPv6
}

}  // namespace

Tap::Tap(const std::string& name, const std::string& bridge, TapPlace place)
    : fd_(open("/dev/net/tun", O_RDWR | O_CLOEXEC)) {
  if (!fd_)
    throw Error(fmt::format("cannot open /dev/net/tun: {}", errno_text(errno)), "load the module: modprobe tun");
  auto attempt = [&](const std::string& what, bool ok) {
    if (!ok) throw errno_error(fmt::format("cannot {} {}", what, name));
  };
  UniqueFd control(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  auto master = request(bridge);
  attempt("find " + bridge + " for", ioctl(control.get(), SIOCGIFMTU, &master) == 0);
  auto interface = request(name);
  interface.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  attempt("create the interface", ioctl(fd_.get(), TUNSETIFF, &interface) == 0);
  int header_size = sizeof(VnetHeader);
  attempt("set the header of", ioctl(fd_.get(), TUNSETVNETHDRSZ, &header_size) == 0);
  attempt("set the offloads of",
          ioctl(fd_.get(), TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN) == 0);
  attempt("set up", fcntl(fd_.get(), F_SETFL, O_NONBLOCK) == 0);
  silence(name);

  auto port = request(name);
  port.ifr_mtu = master.ifr_mtu;
  // What is larger than a TAP may be wouldn't fit a packet of sleeve's either.
  if (ioctl(control.get(), SIOCSIFMTU, &port) != 0) {
    port.ifr_mtu = 65521;
    attempt("set the MTU of", ioctl(control.get(), SIOCSIFMTU, &port) == 0);
  }
  mtu_ = static_cast<uint16_t>(port.ifr_mtu);
  attempt("find the number of", ioctl(control.get(), SIOCGIFINDEX, &port) == 0);
  index_ = port.ifr_ifindex;
  if (place == TapPlace::kPort) {
    master = request(bridge);
    master.ifr_ifindex = index_;
    attempt("add to " + bridge, ioctl(control.get(), SIOCBRADDIF, &master) == 0);
  }
  port = request(name);
  attempt("read the flags of", ioctl(control.get(), SIOCGIFFLAGS, &port) == 0);
  port.ifr_flags |= IFF_UP;
  attempt("set up", ioctl(control.get(), SIOCSIFFLAGS, &port) == 0);
}

std::span<uint8_t> Tap::read(VnetHeader& header, std::span<uint8_t> buffer) const {
  auto size = ::read(fd_.get(), buffer.data(), buffer.size());
  if (size < static_cast<ssize_t>(sizeof header)) return {};
  std::memcpy(&header, buffer.data(), sizeof header);
  return buffer.subspan(sizeof header, static_cast<size_t>(size) - sizeof header);
}

bool Tap::write(VnetHeader header, const TrunkTags& tags, ByteView frame) const {
  auto put = tags.bytes();
  auto shift = static_cast<uint16_t>(put.size());
  if (header.flags & VnetHeader::kNeedsChecksum) header.csum_start += shift;
  if (header.gso_type != 0) header.header_size += shift;
  constexpr size_t macs = 12;
  auto part = [](ByteView bytes) { return iovec{const_cast<uint8_t*>(bytes.data()), bytes.size()}; };
  std::array<iovec, 4> parts{{{&header, sizeof header}, part(frame.first(macs)), part(put), part(frame.subspan(macs))}};
  return writev(fd_.get(), parts.data(), parts.size()) >= 0;
}

}  // namespace weave::overlay
