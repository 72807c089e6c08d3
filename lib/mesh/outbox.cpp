#include "mesh/outbox.hpp"

#include "base/log.hpp"

namespace weave::mesh {

void Outbox::put_gossip(const std::string& channel, PeerName self, Gossip data) {
  put({Tag::kGossip, channel, self}, std::move(data));
}

void Outbox::put_broadcast(const std::string& channel, PeerName source, Gossip data) {
  put({Tag::kBroadcast, channel, source}, std::move(data));
}

void Outbox::account(size_t held, size_t released) {
  held_ = held_ + held - released;
  total_ = total_ + held - released;
}

void Outbox::put(Key key, Gossip data) {
  if (held_ + data->held() > kMaxHeld || total_ + data->held() > kMaxHeldByAll || boxes_.size() >= kMaxBoxes)
    return log::debug("a gossip message is dropped, the queue is full: channel={}", std::get<1>(key));
  auto [at, fresh] = boxes_.try_emplace(std::move(key), data);
  size_t before = fresh ? 0 : at->second->held();
  if (!fresh) at->second = at->second->merged(*data);
  account(at->second->held(), before);
}

std::optional<Outbox::Message> Outbox::next() {
  while (encoded_.empty() && !boxes_.empty()) {
    auto box = boxes_.extract(boxes_.begin());
    account(0, box.mapped()->held());
    const auto& [tag, channel, source] = box.key();
    for (const auto& payload : box.mapped()->encode()) {
      auto message = encode_envelope(tag, {channel, source, {}, payload});
      if (message.size() <= kMaxMessage)
        encoded_.push_back({channel, std::move(message)});
      else
        log::warning("a gossip message is too long to be sent: channel={} bytes={}", channel, message.size());
    }
  }
  if (encoded_.empty()) return std::nullopt;
  auto message = std::move(encoded_.front());
  encoded_.pop_front();
  return message;
}

}  // namespace weave::mesh
