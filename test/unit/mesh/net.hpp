// Routers joined by instant cables, for the tests of the state machine.
#pragma once
#include <random>

#include "base/log.hpp"
#include "mesh/mesh.hpp"
#include "mesh/topology.hpp"
#include "unit/mesh/vectors.hpp"

namespace weave::mesh {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

inline const Time start{};
inline const PeerName one{1}, two{2}, three{3}, four{4};

inline Gossip opaque(std::string_view text) {
  auto bytes = as_bytes(text);
  return std::make_shared<OpaqueData>(Bytes(bytes.begin(), bytes.end()));
}

// A router with a channel "x" that passes on whatever is gossiped, and keeps account.
struct Router {
  explicit Router(uint64_t name, size_t limit = 200, uint64_t uid = 0, std::optional<ShortId> id = {})
      : mesh({.self = {{name}, "n" + std::to_string(name), uid ? uid : 100 + name, 0, id ? *id : ShortId(name), {}},
              .connection_limit = limit,
              .random = [engine = std::mt19937_64(name)]() mutable { return engine(); }},
             start) {
    static bool quiet = (log::set_level(log::Level::kError), true);
    (void)quiet;
    mesh.add_channel(
        "x", {[] { return Gossip(); },
              [this](ByteView data) -> Result<Gossip> {
                if (as_text(data) == "poison") return Refused("poisoned");
                received.push_back("gossip " + std::string(as_text(data)));
                return opaque(as_text(data));
              },
              [this](PeerName from, ByteView data) -> Result<Gossip> {
                received.push_back("broadcast " + std::to_string(from.value) + " " + std::string(as_text(data)));
                return opaque(as_text(data));
              },
              [this](PeerName from, ByteView data) -> Result<void> {
                received.push_back("unicast " + std::to_string(from.value) + " " + std::string(as_text(data)));
                return {};
              }});
  }
  PeerName name() const { return mesh.peers().self().name; }

  Mesh mesh;
  std::vector<std::string> received;
};

// Several routers and instant cables between them.
struct Net {
  struct Cable {
    Router *a, *b;
  };
  std::map<ConnectionId, Cable> cables;
  std::vector<Router*> routers;
  std::vector<std::string> closed;
  std::vector<Effect> other;  // effects that aren't Send or Close
  std::map<Tag, size_t> sent;
  Time now = start;
  bool drain = true;

  void add(Router& router) { routers.push_back(&router); }
  static Handshake remote(Router& r, uint64_t conn_uid, bool outbound) {
    const auto& self = r.mesh.peers().self();
    return {self.name,     self.nickname, self.uid,
            self.short_id, conn_uid,      "10.0.0." + std::to_string(self.name.value) + (outbound ? ":6783" : ":40000"),
            outbound,      true,          2};
  }
  void connect(ConnectionId id, Router& a, Router& b, uint64_t conn_uid, bool establish = true) {
    cables[id] = {&a, &b};
    a.mesh.connection_ready(id, remote(b, conn_uid, true), now);
    b.mesh.connection_ready(id, remote(a, conn_uid, false), now);
    if (establish) {
      a.mesh.overlay_established(id, now);
      b.mesh.overlay_established(id, now);
    }
    settle();
  }
  void settle() {
    for (bool busy = true; busy;) {
      busy = false;
      for (auto* router : routers)
        for (auto& effect : router->mesh.take()) {
          busy = true;
          if (auto* send = std::get_if<Send>(&effect)) {
            ++sent[static_cast<Tag>(send->message.at(0))];
            auto cable = cables.find(send->connection);
            if (cable == cables.end()) continue;
            auto* to = cable->second.a == router ? cable->second.b : cable->second.a;
            to->mesh.message(send->connection, send->message, now);
            if (drain) router->mesh.writable(send->connection, now);
          } else if (auto* close = std::get_if<Close>(&effect)) {
            closed.push_back(close->reason);
            auto cable = cables.extract(close->connection);
            if (cable.empty()) continue;
            auto* to = cable.mapped().a == router ? cable.mapped().b : cable.mapped().a;
            to->mesh.connection_closed(close->connection, "closed by peer", now);
          } else {
            other.push_back(std::move(effect));
          }
        }
    }
  }
  void advance(std::chrono::milliseconds by) {
    for (auto end = now + by; now < end;) {
      Time next = end;
      for (auto* router : routers) next = std::min(next, router->mesh.next_tick());
      now = std::max(now, next);
      for (auto* router : routers) router->mesh.tick(now);
      settle();
    }
  }
  template <class T>
  size_t count() const {
    return std::count_if(other.begin(), other.end(), [](auto& e) { return std::holds_alternative<T>(e); });
  }
};

inline bool same_topology(const Router& a, const Router& b) {
  return a.mesh.peers().table() == b.mesh.peers().table();
}

// 1 - 2 - 3
struct Line : Net {
  Router a{1}, b{2}, c{3};
  Line() {
    for (auto* r : {&a, &b, &c}) add(*r);
    connect(12, a, b, 7);
    connect(23, b, c, 8);
    advance(2s);
  }
};

}  // namespace weave::mesh
