// What one thread of sleeve's data path does with frames, without sockets: asks where each goes (forwarding.hpp),
// chooses the stream that suits the path, cuts, packs (packer.hpp). On a trunk it doesn't ask: the tags say it.
//
//                       fits the path                                  too large for it
//     IPv4, DF set      DF stream                                      ICMP "fragmentation needed" to its sender
//     IPv4, DF clear    if the underlay's fragments arrive: non-DF stream
//                       otherwise: DF stream                           fragmented here, then DF stream
//     anything else     non-DF stream                                  non-DF stream, fragments or not
//
// Packets to a group are fragmented whatever DF says: no single host could answer for it.
#pragma once
#include <functional>

#include "overlay/sleeve/packer.hpp"
#include "overlay/sleeve/segment.hpp"

namespace weave::overlay {

class Carrier {
 public:
  using Time = MacTable::Time;
  struct Edge {
    Packer::Transmit transmit;
    std::function<void(const TrunkTags& tags, ByteView frame)>
        inject;  // a complete frame for the TAP, without the tags
  };
  // `macs` and `counters` must outlive this; the counters are this thread's.
  Carrier(MacTable& macs, SleeveCounters& counters, Edge edge);

  // A frame of the TAP; it may be changed. `tables` must live until flush().
  void captured(const SleeveTables& tables, VnetHeader header, std::span<uint8_t> frame, Time now);
  // A container's frame that came from a neighbour.
  void received(const SleeveTables& tables, PeerName from, const SleeveRecord& record, Time now);
  // Sends what is left. To be called when no frame is at hand, and before the tables are changed.
  void flush() { packer_.flush(); }

 private:
  // Takes the tags off, and says where they send the frame.
  static Decision decide_tagged(const SleeveTables& tables, VnetHeader& header, std::span<uint8_t>& frame, Time now);
  // The way back of the same.
  void inject_tagged(const SleeveTables& tables, PeerName from, const SleeveRecord& record, Time now);
  void act(const SleeveTables& tables, const Decision& decision, PeerName from, const Segments& segments, Time now);
  // To this host's containers.
  void inject(const SleeveTables& tables, PeerName from, PeerName source, ByteView frame, Time now);
  // Gives a frame to the TAP. Bridge and fast datapath drop without a word what is larger than the bridge's MTU, which
  // the sender doesn't know: IPv4 is fragmented here. False: the frame is too large and was dropped; its sender is to
  // be told.
  bool inject_fitting(const SleeveTables& tables, ByteView frame, const TrunkTags& tags);
  // A frame of our own, by sleeve, to the neighbour that brought another.
  void send_back(const SleeveTables& tables, PeerName neighbour, PeerName source, PeerName destination, ByteView frame,
                 Time now);
  // The ICMP error, empty when there is to be none.
  Bytes too_big_answer(uint16_t mtu, ByteView offending, Time now);
  void send(const SleeveTables& tables, const SleevePath& path, PeerName source, PeerName destination,
            const Segments& segments, bool flooded, Time now);
  void answer_too_big(const SleeveTables& tables, uint16_t mtu, PeerName source, PeerName destination,
                      const Segments& segments, Time now);
  void put(const SleevePath& path, bool df, PeerName source, PeerName destination, ByteView frame);

  MacTable& macs_;
  SleeveCounters& counters_;
  Edge edge_;
  Packer packer_;
  Bytes scratch_;
  int answers_left_ = 0;  // of ICMP, until the next refill
  Time refill_at_ = Time::min();
};

}  // namespace weave::overlay
