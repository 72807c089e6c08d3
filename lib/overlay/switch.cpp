#include "overlay/switch.hpp"

#include "base/log.hpp"
#include "overlay/overlay.hpp"

namespace weave::overlay {

namespace {

constexpr size_t kMaxOverlays = 256;

}  // namespace

Result<std::vector<std::string>> common_overlays(const std::vector<std::string>& ours,
                                                 const std::optional<std::vector<std::string>>& theirs) {
  std::vector<std::string> common;
  for (const auto& name : ours) {
    bool has = theirs ? std::find(theirs->begin(), theirs->end(), name) != theirs->end() : name == kSleeveName;
    if (has && common.size() < kMaxOverlays) common.push_back(name);
  }
  if (common.empty()) return Refused("no overlays in common with peer");
  return common;
}

OverlaySwitch::OverlaySwitch(std::vector<std::string> overlays, bool tagged, std::string remote_label,
                             const ForwarderFactory& make)
    : tagged_(tagged), label_(std::move(remote_label)) {
  for (auto& name : overlays) {
    Entry entry;
    entry.name = std::move(name);
    auto made = make(entry.name);
    if (made) {
      entry.forwarder = std::move(*made);
    } else {
      entry.reason = made.error();
      log::info("overlay cannot be used: peer={} overlay={} reason={}", label_, entry.name, made.error());
    }
    entries_.push_back(std::move(entry));
  }
  choose();
}

void OverlaySwitch::confirm(Time now) {
  for (auto& entry : entries_)
    if (entry.forwarder) entry.forwarder->confirm(now);
  collect();
}

void OverlaySwitch::control(uint8_t tag, ByteView payload, Time now) {
  Reader in(payload);
  size_t index = 0;
  if (tag == kOverlayControlTag) {
    index = in.u8();
    tag = in.u8();
    if (!tagged_) return;
  } else if (tagged_) {
    return;
  }
  if (!in.ok() || index >= entries_.size()) {
    log::warning("malformed message: peer={} type=overlay", label_);
    return;
  }
  if (entries_[index].forwarder) entries_[index].forwarder->control(tag, in.rest(), now);
  collect();
}

void OverlaySwitch::tick(Time now) {
  for (auto& entry : entries_)
    if (entry.forwarder && entry.forwarder->next_tick() <= now) entry.forwarder->tick(now);
  collect();
}

Time OverlaySwitch::next_tick() const {
  auto next = Time::max();
  for (const auto& entry : entries_)
    if (entry.forwarder) next = std::min(next, entry.forwarder->next_tick());
  return next;
}

void OverlaySwitch::collect() {
  for (size_t i = 0; i < entries_.size(); ++i) {
    auto& entry = entries_[i];
    if (!entry.forwarder) continue;
    auto events = entry.forwarder->take_events();
    for (const auto& message : events.control) send(i, message);
    if (events.established) entry.established = established_ = true;
    if (events.healthy) entry.on_hold = !*events.healthy;
    if (!events.failed.empty()) {
      log::info("overlay failed: peer={} overlay={} reason={}", label_, entry.name, events.failed);
      entry.reason = events.failed;
      entry.established = false;
      entry.forwarder.reset();
    }
  }
  choose();
}

const OverlaySwitch::Entry* OverlaySwitch::best() const {
  const Entry* candidate = nullptr;
  for (const auto& entry : entries_) {
    if (!entry.forwarder || entry.on_hold) continue;
    if (entry.established) return &entry;
    if (!candidate) candidate = &entry;
  }
  return candidate;
}

void OverlaySwitch::choose() {
  const auto* chosen = best();
  if (!chosen) {
    failed_ = "no working forwarders to " + label_;
    for (const auto& row : rows()) failed_ += fmt::format("; {}: {}", row.overlay, row.reason);
    return;
  }
  failed_.clear();
  if (in_use_ == chosen->name) return;
  in_use_ = chosen->name;
  log::info("overlay in use: peer={} overlay={}", label_, in_use_);
}

void OverlaySwitch::send(size_t index, const ControlMessage& message) {
  Writer out;
  if (tagged_) {
    out.u8(kOverlayControlTag);
    out.u8(static_cast<uint8_t>(index));
  } else if (message.tag < 1 || message.tag > 3) {
    return;
  }
  out.u8(message.tag);
  out.bytes(message.payload);
  messages_.push_back(out.take());
}

bool OverlaySwitch::silent(Time now) const {
  return std::ranges::all_of(entries_,
                             [&](const Entry& entry) { return !entry.forwarder || entry.forwarder->silent(now); });
}

std::string OverlaySwitch::name() const {
  const auto* chosen = best();
  return chosen ? chosen->name : std::string();
}

std::optional<uint16_t> OverlaySwitch::mtu() const {
  const auto* chosen = best();
  return chosen ? chosen->forwarder->mtu() : std::nullopt;
}

std::vector<OverlaySwitch::Row> OverlaySwitch::rows() const {
  std::vector<Row> rows;
  for (const auto& entry : entries_) {
    Row row{entry.name, entry.established, entry.on_hold, entry.reason};
    if (row.reason.empty() && entry.forwarder) row.reason = entry.forwarder->trouble();
    if (row.reason.empty() && entry.on_hold) row.reason = "no heartbeats arrive";
    if (row.reason.empty() && !entry.established) row.reason = "no heartbeat acknowledged yet";
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace weave::overlay
