// The threads of sleeve's data path: one receives from peers, one sends the frames of the bridge.
#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include "overlay/sleeve/carrier.hpp"
#include "overlay/sleeve/io/datapath_impl.hpp"

namespace weave::overlay {

namespace {

constexpr int kFramesPerRound = 64;      // then the packed frames are sent, and the tables are read again
constexpr int kReceptionsPerRound = 16;  // the same
constexpr auto kExpiryInterval = std::chrono::minutes(1);

Time clock_now() {
  return std::chrono::steady_clock::now();
}

// A thread that takes no signals: they are the control thread's.
template <class F>
std::thread quiet_thread(const char* name, F run) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(run));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread.native_handle(), name);
  return thread;
}

}  // namespace

void SleeveDatapath::Impl::start_threads() {
  stop.clear();
  receiver = quiet_thread("sleeve-receive", [this] { receive_from_peers(); });
  if (tap) sender = quiet_thread("sleeve-send", [this] { send_to_peers(); });
}

void SleeveDatapath::Impl::stop_threads() {
  stop.raise();
  if (receiver.joinable()) receiver.join();
  if (sender.joinable()) sender.join();
}

Packer::Transmit SleeveDatapath::Impl::transmitter(SleeveCounters& counters, bool wait) {
  return [this, &counters, wait](const SleevePath& path, bool df, ByteView packets, size_t packet_size) {
    auto result = udp.send_batch(*path.remote, path.local, packets, packet_size, df, wait);
    size_t count = (packets.size() + packet_size - 1) / packet_size;
    if (result.refused < count) counters.sent.add(packets.size(), count - result.refused);
    if (result.refused == 0) return;
    counters.drop(result.last.path_mtu > 0 ? Drop::kTooBig : Drop::kRefused, result.refused);
    if (result.last.path_mtu > 0)
      hand_over([tunnel = path.tunnel, mtu = result.last.path_mtu](Impl& impl) {
        impl.with(tunnel, [&](Sleeve& sleeve) { sleeve.too_big(mtu, clock_now()); });
      });
    else
      log::debug("cannot send a packet: overlay=sleeve address={} reason={}", path.remote->str(), result.last.reason);
  };
}

void SleeveDatapath::Impl::write_to_bridge(SleeveCounters& counters, const VnetHeader& header, const TrunkTags& tags,
                                           ByteView frame) const {
  if (tap && tap->write(header, tags, frame))
    counters.injected.add(frame.size());
  else
    counters.drop(Drop::kBridgeRefused);
}

void SleeveDatapath::Impl::receive_from_peers() {
  Published<SleeveTables>::Reader reader(tables);
  TrunkTags merged;  // of all that the merger holds
  TcpMerger merger(
      [&](const VnetHeader& header, ByteView frame) { write_to_bridge(receiving, header, merged, frame); });
  Carrier carrier(macs, receiving,
                  {.transmit = transmitter(receiving, false), .inject = [&](const TrunkTags& tags, ByteView frame) {
                     if (tags != merged) merger.flush();
                     merged = tags;
                     merger.add(frame);
                   }});
  SleeveUdp::Inbox inbox;
  auto expire_at = clock_now() + kExpiryInterval;

  const SleeveTables* now_valid = nullptr;
  Time now;
  auto handle = [&](std::span<uint8_t> packet, const UdpAddress& from) {
    auto sender_name = sleeve_sender(packet);
    auto found = sender_name ? now_valid->paths.find(*sender_name) : now_valid->paths.end();
    if (found == now_valid->paths.end()) return receiving.drop(Drop::kUnknownSender);
    const auto& tunnel = found->second.tunnel;
    receiving.received.add(packet.size());
    auto opened = tunnel->opener.open_in_place(packet);
    if (!opened) {
      log::warning("packets cannot be decrypted: overlay=sleeve peer={}", tunnel->remote.str());
      return receiving.drop(Drop::kNotAuthentic);
    }
    if (!*opened) return receiving.drop(Drop::kReplayed);
    RecordReader records(**opened);
    while (auto record = records.next()) {
      if (!Sleeve::is_special(record->frame)) {
        carrier.received(*now_valid, tunnel->remote, *record, now);
        continue;
      }
      auto take = [tunnel, from, source = record->source, destination = record->destination,
                   frame = Bytes(record->frame.begin(), record->frame.end())](Impl& impl) {
        impl.with(tunnel, [&](Sleeve& sleeve) { sleeve.receive({source, destination, frame}, from, clock_now()); });
      };
      if (!hand_over(std::move(take))) receiving.drop(Drop::kCongested);
    }
    if (records.error().empty()) return;
    log::debug("malformed packet: overlay=sleeve peer={} address={} reason={}", tunnel->remote.str(), from.str(),
               records.error());
    receiving.drop(Drop::kMalformed);
  };

  std::array<pollfd, 2> wanted{{{udp.receiver(), POLLIN, 0}, {stop.fd(), POLLIN, 0}}};
  for (;;) {
    poll(wanted.data(), wanted.size(), std::chrono::milliseconds(kExpiryInterval).count());
    if (wanted[1].revents) return;
    now = clock_now();
    now_valid = &reader.refresh();
    for (int i = 0; i < kReceptionsPerRound && inbox.receive(udp, handle); ++i) {
      merger.flush();
      carrier.flush();
    }
    if (now < expire_at) continue;
    macs.expire(now);
    expire_at = now + kExpiryInterval;
  }
}

void SleeveDatapath::Impl::send_to_peers() {
  Published<SleeveTables>::Reader reader(tables);
  Carrier carrier(macs, sending,
                  {.transmit = transmitter(sending, true), .inject = [this](const TrunkTags& tags, ByteView frame) {
                     write_to_bridge(sending, {}, tags, frame);
                   }});
  Bytes buffer(Tap::kMaxSize);
  std::array<pollfd, 2> wanted{{{tap->fd(), POLLIN, 0}, {stop.fd(), POLLIN, 0}}};
  for (;;) {
    poll(wanted.data(), wanted.size(), -1);
    if (wanted[1].revents) return;
    if (wanted[0].revents & (POLLERR | POLLNVAL)) {
      if (hand_over([](Impl& impl) { impl.lost_bridge(); })) return;
      if (poll(&wanted[1], 1, 10) > 0) return;
      continue;
    }
    const auto& current = reader.refresh();
    auto now = clock_now();
    for (int i = 0; i < kFramesPerRound; ++i) {
      VnetHeader header;
      auto frame = tap->read(header, buffer);
      if (frame.empty()) break;
      carrier.captured(current, header, frame, now);
    }
    carrier.flush();
  }
}

}  // namespace weave::overlay
