// Any bytes as a message into a names' database: what comes out again must be fit for Weave Net, whose router dies of a
// message that holds a key twice or in two spellings.
#include <cstdlib>
#include <set>

#include "base/log.hpp"
#include "names/gossip.hpp"

using namespace weave;
using namespace weave::names;

namespace {

void check(const gossip::Gossip& data) {
  if (!data) return;
  for (const auto& bytes : data->encode()) {
    auto message = decode(bytes);
    if (!message || encode(*message) != bytes) abort();
    std::set<std::tuple<std::string, PeerName, std::string, Ipv4>> keys;
    for (const auto& e : message->entries)
      if (!keys.emplace(lower(e.hostname), e.origin, e.container, e.address).second) abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static bool quiet = (log::set_level(log::Level::kError), true);
  (void)quiet;
  ByteView input(data, size);
  auto message = decode(input);
  const PeerName self = message && !message->entries.empty() ? message->entries.front().origin : PeerName{1};
  Database database(self, "weave.local");
  GossipHooks hooks{.now = [&] { return message ? message->timestamp : 0; },
                    .known = [](PeerName) { return true; },
                    .broadcast = check,
                    .changed = {},
                    .erased = {},
                    .neighbour = {}};
  Gossiper gossiper(database, hooks);
  auto channel = gossiper.channel();
  database.add("web.weave.local", "c", Ipv4{1}).value();
  auto relayed = channel.on_broadcast({2}, input).value();
  auto news = channel.on_gossip(input).value();
  if (news) abort();  // nothing of it can be new now
  check(relayed);
  check(channel.gossip());
  if (relayed) check(relayed->merged(*relayed));
  if (database.index().size() > database.live()) abort();
  for (const auto& e : database.entries())
    if (e.live() && encodable(e.hostname) && database.lookup(e.hostname).empty()) abort();
  database.collect(hooks.now());
  for (const auto& e : database.entries()) gossiper.peer_gone(e.origin);
  if (database.live() != database.own_live()) abort();
  return 0;
}
