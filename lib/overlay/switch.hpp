// Several overlays on one connection, and which of them carries the frames.
//
// Both peers announce the overlays they have; the common ones, in our order, are numbered from 0, and the numbers name
// them in control messages on the TCP connection:
//
//     tag 7 | overlay's number (1) | tag within the overlay (1) | its payload       to peers that announced overlays
//     tag 1, 2 or 3 | its payload                                                   to others, which have sleeve only
//
// Weave Net's router crashes on a tag 7 that is shorter or whose number it doesn't have, and on tags 1 to 3 if it has
// announced overlays: such messages must not be sent. That is why "fastdp" always comes before "sleeve" with us, as
// with it.
//
// The best forwarder is the first that is established; none being so, the first that may become it. The connection is
// established with its first forwarder, and is at its end with the last one.
//
// Source: Weave Net 2.8.1, router/overlay_switch.go.
#pragma once
#include <functional>
#include <memory>

#include "base/error.hpp"
#include "overlay/forwarder.hpp"

namespace weave::overlay {

// The tag of control messages on the TCP connection.
constexpr uint8_t kOverlayControlTag = 7;

// The overlays that both have, in our order: at most 256. `theirs` is what the peer announced; nothing: it knows of no
// overlays and has sleeve. Refuses with "no overlays in common with peer".
Result<std::vector<std::string>> common_overlays(const std::vector<std::string>& ours,
                                                 const std::optional<std::vector<std::string>>& theirs);

// Makes a forwarder, or says why this overlay can't be used on this connection.
using ForwarderFactory = std::function<Result<std::unique_ptr<Forwarder>>(const std::string& overlay)>;

class OverlaySwitch {
 public:
  // `overlays`: the common ones. `tagged`: the peer has announced overlays.
  OverlaySwitch(std::vector<std::string> overlays, bool tagged, std::string remote_label, const ForwarderFactory& make);

  void confirm(Time now);
  // A message that came with one of the control tags. Nothing in it can do harm: what isn't understood is ignored.
  void control(uint8_t tag, ByteView payload, Time now);
  void tick(Time now);
  Time next_tick() const;
  // Takes over what the forwarders have collected. To be called after each call above and whenever a forwarder has
  // received something.
  void collect();

  // Messages to send on the TCP connection, tag included; given out once.
  std::vector<Bytes> take_messages() { return std::exchange(messages_, {}); }
  bool established() const { return established_; }
  // All forwarders miss heartbeats.
  bool silent(Time now) const;
  // "no working forwarders to ..." when there is nothing left that could carry frames; otherwise empty.
  const std::string& failed() const { return failed_; }

  // The overlay in use: its name, empty when there is none, and its MTU.
  std::string name() const;
  std::optional<uint16_t> mtu() const;

  struct Row {
    std::string overlay;
    bool established = false;
    bool on_hold = false;
    std::string reason;  // why it isn't of use, or not as it should be; empty when all is well
  };
  std::vector<Row> rows() const;

 private:
  struct Entry {
    std::string name;
    std::unique_ptr<Forwarder> forwarder;  // nothing: it can't be used, or has failed
    bool established = false, on_hold = false;
    std::string reason;
  };
  const Entry* best() const;
  void choose();
  void send(size_t index, const ControlMessage& message);

  std::vector<Entry> entries_;
  bool tagged_;
  std::string label_;
  std::string in_use_;
  bool established_ = false;
  std::string failed_;
  std::vector<Bytes> messages_;
};

}  // namespace weave::overlay
