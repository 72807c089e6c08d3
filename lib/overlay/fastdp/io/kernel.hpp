// The programs and maps of the fast datapath in the kernel, and the hooks that they are attached to.
//
// The hooks are tc filters, which hold their programs, which hold the maps: all of it works without the
// router. The maps are also pinned, so that the next router finds them and attaches its own programs, with the same
// maps, in the old ones' place. The replacement is atomic: no frame meets a hook without a program.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "address/mac.hpp"
#include "overlay/fastdp/bpf/fastdp.h"
#include "overlay/fastdp/table.hpp"

struct bpf_object;

namespace weave::overlay {

inline constexpr auto kDefaultPinDirectory = "/sys/fs/bpf/weave";

struct MacPlace {
  Mac mac;
  uint32_t place = 0;  // as FASTDP_PLACE_* say
  uint32_t epoch = 0;
};

class FastKernel {
 public:
  // Loads the programs, with the maps that are pinned in the directory if they are of the same layout; new maps are
  // pinned there. An empty directory name: nothing is pinned. `direct`: from_container and from_wire, too, and
  // delivery into containers' namespaces. `testing`: from_tunnel_test, too. Throws Error with the kernel's reason.
  FastKernel(const std::string& pin_directory, bool direct, bool testing = false);
  ~FastKernel();
  FastKernel(const FastKernel&) = delete;
  FastKernel& operator=(const FastKernel&) = delete;

  // The maps were there.
  bool adopted() const { return adopted_; }

  // Attaches a program to the ingress of a link; it replaces what weave attached there before. Throws Error.
  void attach(const std::string& program, int link);
  // Attaches to_wire to the egress of a link. Throws Error.
  void guard(int link);
  static void unguard(int link);
  // Detaches weave's programs from a link, both ways, and removes the hooks unless another program uses them; nothing
  // there or no such link: nothing done. Throws Error when the kernel doesn't answer.
  static void detach(int link);

  // Whether a program of weave is attached to the link.
  static bool attached(int link, bool egress = false);

  fastdp_settings settings() const;
  void set_settings(const fastdp_settings& settings);

  // Carries out the writes. `device`: the index of the VXLAN device with a port. Throws Error.
  void apply(const std::vector<FastWrite>& writes, const std::function<uint32_t(uint16_t port)>& device);
  // What the maps hold, for FastTable::adopt.
  FastSnapshot read_snapshot() const;
  std::map<FastHop, uint32_t> read_hops() const;

  std::vector<MacPlace> macs() const;
  void set_mac(const Mac& mac, uint32_t place, uint32_t epoch);
  void remove_mac(const Mac& mac);
  // FASTDP_STATISTICS values, over all CPUs.
  std::vector<uint64_t> counters() const;

  // Becomes readable when heartbeats have arrived.
  int heartbeats_fd() const;
  // Calls `on_heartbeat` for those that have.
  void read_heartbeats();
  std::function<void(const ReceivedHeartbeat&)> on_heartbeat;

  struct Ran {
    int verdict;
    Bytes frame;
  };
  // Runs a program on one frame (BPF_PROG_TEST_RUN), as if it had arrived on the loopback device. `vni` and
  // `remote` are for from_tunnel_test. Copies that a program sends are really sent. Throws Error.
  Ran run(const std::string& program, ByteView frame, uint32_t vni = 0, Ipv4 remote = {}, uint32_t mark = 0) const;

  // Whether all maps that are to be pinned are; pin() makes up for what is missing. Throws Error.
  bool pinned() const;
  void pin();
  // Removes the pins.
  static void unpin(const std::string& pin_directory);

 private:
  int map(const char* name) const;
  int program(const std::string& name) const;
  void attach(const std::string& program, int link, bool egress);
  // Maps that have to be pinned and aren't, with their paths.
  std::vector<std::pair<int, std::string>> unpinned() const;

  struct Ring;
  bpf_object* object_ = nullptr;
  std::string pin_directory_;  // empty: nothing is pinned
  bool adopted_ = false;
  std::unique_ptr<Ring> ring_;
};

}  // namespace weave::overlay
