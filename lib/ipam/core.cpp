#include "ipam/core.hpp"

#include "base/log.hpp"

namespace weave::ipam {

Core::Core(Config settings, Save save, Links functions)
    : config(std::move(settings)),
      links(std::move(functions)),
      ledger(config.range.range(), config.self, std::move(save)),
      election(NodeId{config.self, config.uid}, config.observer, ledger),
      nicknames(config.self, config.nickname, ledger.save),
      space_requests(
          ledger, [this](PeerName to, Tag tag, ByteView content) { return send(to, tag, content); }, config.random) {}

Result<void> Core::send(PeerName to, Tag tag, ByteView content) const {
  if (!links.unicast) return Refused("no way to other peers");
  return links.unicast(to, encode_unicast(tag, content));
}

void Core::broadcast() const {
  if (links.broadcast) links.broadcast();
}

void Core::trouble(std::string text) {
  log::warning("address allocation has a problem: reason={}", text);
  troubles.note(std::move(text), now);
}

std::string range_text(Ipv4Range range) {
  return fmt::format("{}-{}", range.start.str(), (range.end + UINT32_MAX).str());
}

}  // namespace weave::ipam
