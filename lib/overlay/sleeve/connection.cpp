#include "overlay/sleeve/connection.hpp"

#include "base/log.hpp"

namespace weave::overlay {

namespace {

using namespace std::chrono_literals;

constexpr auto kFragmentTestInterval = 5min;
constexpr auto kFragmentTestPatience = 5s;
// A peer may have the tests repeated by saying "established" again, but not as fast as it likes.
constexpr auto kLeastBetweenTests = 1s;
constexpr size_t kHeartbeatSize = kEthernetHeader + 8;
constexpr size_t kFragmentTestSize = 60001;
constexpr size_t kPathMtuTriggerSize = 60000;

enum Tag : uint8_t { kConnectionEstablished = 1, kFragmentReceived = 2, kMtuVerified = 3 };

bool all_zero(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte == 0; });
}

}  // namespace

bool Sleeve::is_special(ByteView frame) {
  return frame.size() >= kEthernetHeader && all_zero(frame.first(kEthernetHeader));
}

Sleeve::Sleeve(Link link, const SleevePort& port)
    : link_(std::move(link)),
      port_(port),
      tunnel_(std::make_shared<SleeveTunnel>(link_.self, link_.remote, link_.key, link_.initiator)),
      search_(sleeve_overhead(!link_.key.empty())) {
  if (link_.initiator) remote_ = link_.remote_address;
}

void Sleeve::confirm(Time now) {
  if (confirmed_ || failed_) return;
  confirmed_ = true;
  heartbeats_.confirm(now);
  send_heartbeat(now);
}

void Sleeve::receive(const SleeveRecord& record, const UdpAddress& from, Time now) {
  auto frame = record.frame;
  if (!confirmed_ || failed_ || !is_special(frame)) return;
  if (record.source != link_.remote || record.destination != link_.self) return;
  auto content = frame.subspan(kEthernetHeader);
  if (frame.size() == kHeartbeatSize) {
    receive_heartbeat(content, from, now);
  } else if (frame.size() == kFragmentTestSize) {
    if (all_zero(content)) answer(kFragmentReceived);
  } else {
    Writer mtu;
    mtu.u16(static_cast<uint16_t>(content.size()));
    answer(kMtuVerified, mtu.take());
  }
}

void Sleeve::too_big(int path_mtu, Time now) {
  // Several packets may have met the same limit before it became known.
  if (failed_ || !confirmed_ || path_mtu - sleeve_overhead(!link_.key.empty()) >= search_.mtu()) return;
  search_.too_big(path_mtu, now);
  send_mtu_tests(now);
}

SleevePath Sleeve::path() const {
  return {.tunnel = tunnel_,
          .remote = remote_,
          .local = link_.local ? link_.local->ip : Ipv4(),
          .mtu = search_.mtu(),
          .max_payload = search_.max_payload(),
          .fragments_pass = fragments_pass_};
}

void Sleeve::receive_heartbeat(ByteView conn_uid, const UdpAddress& from, Time now) {
  if (Reader(conn_uid).u64() != link_.conn_uid) return;
  bool first = heartbeats_.heard(now);
  if (!remote_) {
    remote_ = from;
    send_heartbeat(now);
  } else if (*remote_ != from) {
    log::info("the peer's UDP address changed: overlay=sleeve peer={} from={} to={}", link_.remote_label,
              remote_->str(), from.str());
    remote_ = from;
  }
  if (!first) return;
  answer(kConnectionEstablished);
  heartbeats_.announce();
}

void Sleeve::control(uint8_t tag, ByteView payload, Time now) {
  if (failed_ || !confirmed_) return;
  switch (tag) {
    case kConnectionEstablished:
      if (!std::exchange(established_, true)) events_.established = true;
      heartbeats_.acknowledged(now);
      start_tests(now);
      break;
    case kFragmentReceived:
      fragments_pass_ = true;
      fragment_answer_until_ = Time::max();
      break;
    case kMtuVerified:
      if (payload.size() < 2) {
        log::warning("malformed message: overlay=sleeve peer={} type=mtu-verified", link_.remote_label);
        break;
      }
      if (bool searching = search_.searching()) {
        search_.verified(Reader(payload).u16(), now);
        send_mtu_tests(now);
        log_mtu(searching);
      }
      break;
    default:
      if (heartbeats_.control(tag, now)) break;
      log::debug("unknown message: overlay=sleeve peer={} tag={}", link_.remote_label, tag);
  }
}

void Sleeve::start_tests(Time now) {
  if (tested_at_ != Time::min() && now - tested_at_ < kLeastBetweenTests) return;
  tested_at_ = now;
  fragment_test_at_ = now + kFragmentTestInterval;
  fragment_answer_until_ = now + kFragmentTestPatience;
  send_special(kFragmentTestSize, false, now);
  // Too big for nearly every route, so that the kernel tells us the route's MTU.
  send_special(kPathMtuTriggerSize, true, now);
}

void Sleeve::tick(Time now) {
  if (failed_ || !confirmed_) return;
  if (heartbeats_.tick(now)) {
    failed_ = true;
    events_.failed = "timed out waiting for UDP heartbeat";
    if (!send_trouble_.empty()) events_.failed += fmt::format(" (cannot send ours: {})", send_trouble_);
    return;
  }
  if (heartbeats_.due(now)) send_heartbeat(now);
  if (now >= fragment_answer_until_) {
    fragments_pass_ = false;
    fragment_answer_until_ = Time::max();
  }
  if (now >= fragment_test_at_) {
    fragment_test_at_ = now + kFragmentTestInterval;
    fragment_answer_until_ = now + kFragmentTestPatience;
    send_special(kFragmentTestSize, false, now);
  }
  bool searching = search_.searching();
  search_.tick(now);
  send_mtu_tests(now);
  log_mtu(searching);
}

Time Sleeve::next_tick() const {
  if (failed_ || !confirmed_) return Time::max();
  return std::min({heartbeats_.next_tick(), fragment_test_at_, fragment_answer_until_, search_.next_tick()});
}

std::string Sleeve::trouble() const {
  if (!confirmed_) return {};
  if (!heartbeats_.hears())
    return "no heartbeats of the peer arrive: is its UDP port open on this host and on the way?";
  if (!heartbeats_.reaches()) return "the peer gets none of our heartbeats: is its UDP port open on the way?";
  return {};
}

void Sleeve::log_mtu(bool was_searching) const {
  if (was_searching && !search_.searching())
    log::info("path MTU found: overlay=sleeve peer={} mtu={}", link_.remote_label, search_.mtu());
}

void Sleeve::send_heartbeat(Time now) {
  heartbeats_.sent(now, !established_);
  if (!remote_) return;
  Writer content;
  content.u64(link_.conn_uid);
  send_special(kHeartbeatSize, true, now, content.out());
}

void Sleeve::send_mtu_tests(Time now) {
  // A refusal by the kernel may start the search anew, always with a smaller size.
  while (auto mtu = search_.take_test()) send_special(*mtu + kEthernetHeader, true, now);
}

void Sleeve::send_special(size_t frame_size, bool df, Time now, ByteView content) {
  if (!remote_) return;
  Bytes frame(frame_size);
  std::copy(content.begin(), content.end(), frame.begin() + kEthernetHeader);
  Writer records;
  append_record(records, link_.self, link_.remote, frame);
  // The peer and what is between us know us by the address of the TCP connection.
  auto from = link_.local ? link_.local->ip : Ipv4();
  auto sent = port_.send(*remote_, from, tunnel_->sealer.seal(records.out(), df), df);
  if (sent.ok) {
    send_trouble_.clear();
  } else if (sent.path_mtu > 0) {
    search_.too_big(sent.path_mtu, now);
    // Tests in turn are sent by the loop in send_mtu_tests.
    if (frame_size == kPathMtuTriggerSize || frame_size == kHeartbeatSize) send_mtu_tests(now);
  } else {
    // Routes come and go. The heartbeats' time-out judges, not a single packet.
    send_trouble_ = sent.reason;
    log::debug("cannot send: overlay=sleeve peer={} address={} reason={}", link_.remote_label, remote_->str(),
               sent.reason);
  }
}

}  // namespace weave::overlay
