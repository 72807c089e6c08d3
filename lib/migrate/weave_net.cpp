#include "migrate/weave_net.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/fd.hpp"
#include "gob/decode.hpp"
#include "migrate/bolt.hpp"

namespace weave::migrate {
namespace {

constexpr const char* kRouterTable = "router";
constexpr uint8_t kMajorVersion = 1;
constexpr size_t kMostBytes = 256 << 20;  // of a file; real ones have some dozen kB
constexpr size_t kLongestIdent = 1024;

// The stored values, as gob has them.
struct StoredEntry {
  Ipv4 token;
  PeerName peer;
  uint32_t version = 0, free = 0;
};
struct StoredRing {
  Ipv4 start, end;
  PeerName peer;
  std::vector<StoredEntry> entries;
  std::vector<PeerName> seeds;
};
struct StoredCidr {
  Ipv4 address;
  int64_t prefix = 0;
};
struct StoredOwned {
  bool container = false;
  std::vector<StoredCidr> cidrs;
};

}  // namespace
}  // namespace weave::migrate

namespace weave::gob {

template <>
struct Shaped<migrate::StoredEntry> {
  static Shape make() {
    using T = migrate::StoredEntry;
    return structure("", {field<&T::token>("Token"), field<&T::peer>("Peer"), field<&T::version>("Version"),
                          field<&T::free>("Free")});
  }
};
template <>
struct Shaped<migrate::StoredRing> {
  static Shape make() {
    using T = migrate::StoredRing;
    return structure("", {field<&T::start>("Start"), field<&T::end>("End"), field<&T::peer>("Peer"),
                          field<&T::entries>("Entries"), field<&T::seeds>("Seeds")});
  }
};
template <>
struct Shaped<migrate::StoredCidr> {
  static Shape make() {
    using T = migrate::StoredCidr;
    return structure("", {field<&T::address>("Addr"), field<&T::prefix>("PrefixLen")});
  }
};
template <>
struct Shaped<migrate::StoredOwned> {
  static Shape make() {
    using T = migrate::StoredOwned;
    return structure("", {field<&T::container>("IsContainer"), field<&T::cidrs>("Cidrs")});
  }
};

}  // namespace weave::gob

namespace weave::migrate {
namespace {

using Values = std::map<std::string, ByteView>;

// The value under a key, as itself when the key is missing.
template <class T>
Result<T> value_of(const Values& values, const char* key) {
  auto at = values.find(key);
  if (at == values.end()) return T{};
  auto value = gob::decode<T>(at->second);
  if (!value) return Refused(fmt::format("{}: {}", key, value.error()));
  return std::move(*value);
}

bool valid(PeerName name) {
  constexpr uint64_t end = uint64_t{1} << 48;
  return name.value != 0 && name.value < end;
}

Result<ipam::Ring> ring_of(const StoredRing& stored, PeerName self) {
  if (stored.start >= stored.end) return Refused("ring: its range is empty");
  std::vector<ipam::Entry> entries;
  for (const auto& e : stored.entries) {
    if (!valid(e.peer)) return Refused("ring: an entry has no owner");
    entries.push_back({e.token, e.peer, e.version, e.free});
  }
  for (auto seed : stored.seeds)
    if (!valid(seed)) return Refused("ring: a seed has no name");
  auto ring = ipam::Ring::assemble({stored.start, stored.end}, self, std::move(entries), stored.seeds);
  if (!ring) return Refused("ring: " + ring.error());
  return ring;
}

Result<std::vector<ipam::Allocation>> allocations_of(const StoredOwned& stored) {
  std::vector<ipam::Allocation> list;
  for (const auto& cidr : stored.cidrs) {
    if (cidr.prefix < 0 || cidr.prefix > 32) return Refused("ownedAddresses: no prefix length");
    list.push_back({{cidr.address, static_cast<int>(cidr.prefix)}, stored.container});
  }
  return list;
}

Error cannot(const std::string& path, std::string_view why, std::string hint = {}) {
  if (hint.empty())
    hint =
        "move it away to start without the addresses and peers that are in it, or name the right one with --db-prefix";
  return Error(fmt::format("cannot take over the state of Weave Net from {}: {}", path, why), std::move(hint));
}

std::string read(const std::string& path) {
  // Nonblocking: a pipe in its place must not hold us up.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) throw cannot(path, errno_text(errno));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) throw cannot(path, errno_text(errno));
  if (!S_ISREG(info.st_mode)) throw cannot(path, "it is no file");
  if (static_cast<uint64_t>(info.st_size) > kMostBytes) throw cannot(path, "it is too large");
  // A running router holds the lock, and could change the file under our eyes.
  if (::flock(fd.get(), LOCK_SH | LOCK_NB) != 0)
    throw errno == EWOULDBLOCK ? cannot(path, "it is in use", "stop Weave Net first ('weave stop' of its own script)")
                               : cannot(path, errno_text(errno));
  std::string content(static_cast<size_t>(info.st_size), '\0');
  for (size_t done = 0; done < content.size();) {
    auto got = ::pread(fd.get(), content.data() + done, content.size() - done, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw cannot(path, errno_text(errno));
    if (got == 0) content.resize(done);  // it has become shorter: what is left must speak for itself
    done += static_cast<size_t>(got);
  }
  return content;
}

}  // namespace

size_t WeaveNetState::addresses() const {
  size_t count = 0;
  for (const auto& [ident, held] : owned) count += held.size();
  return count;
}

Result<WeaveNetState> decode_weave_net(ByteView file) {
  auto values = read_bolt_bucket(file, "top");
  if (!values) return Refused(values.error());
  if (auto version = values->find("version"); version != values->end())
    if (version->second.size() != 2 || version->second[0] != kMajorVersion)
      return Refused("it is of another version of Weave Net");
  WeaveNetState state;
  auto targets = value_of<std::vector<std::string>>(*values, "directPeers");
  if (!targets) return Refused(targets.error());
  state.targets = std::move(*targets);

  auto self = value_of<PeerName>(*values, "peername");
  if (!self) return Refused(self.error());
  if (self->value == 0) return state;  // what else there is of IP allocation was never in use
  if (!valid(*self)) return Refused("peername: it is no peer's name");
  state.self = *self;
  if (values->contains("ring")) {
    auto stored = value_of<StoredRing>(*values, "ring");
    if (!stored) return Refused(stored.error());
    auto ring = ring_of(*stored, *self);
    if (!ring) return Refused(ring.error());
    state.ring = std::move(*ring);
  }
  auto owned = value_of<std::map<std::string, StoredOwned>>(*values, "ownedAddresses");
  if (!owned) return Refused(owned.error());
  for (const auto& [ident, stored] : *owned) {
    if (ident.empty() || ident.size() > kLongestIdent) return Refused("ownedAddresses: a name of no sensible length");
    auto held = allocations_of(stored);
    if (!held) return Refused(held.error());
    if (!held->empty()) state.owned[ident] = std::move(*held);
  }
  return state;
}

std::string Imported::str() const {
  std::vector<std::string> parts;
  if (state.self.value) parts.push_back("peer " + state.self.str());
  if (state.ring)
    parts.push_back(fmt::format("range {}-{}", state.ring->range().start.str(), state.ring->range().end.str()));
  parts.push_back(fmt::format("{} addresses", state.addresses()));
  parts.push_back(fmt::format("{} targets", state.targets.size()));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::vector<std::string> weave_net_files(const std::string& db_prefix) {
  if (!db_prefix.empty()) return {db_prefix + "data.db"};
  return {"/var/lib/weave/weave-netdata.db", "/var/lib/weave/weavedata.db"};
}

Imported import_weave_net(const std::string& path, Store& store) {
  auto content = read(path);
  auto state = decode_weave_net(as_bytes(content));
  if (!state) throw cannot(path, state.error());

  std::vector<Change> list;
  if (state->ring) {
    const auto& ring = *state->ring;
    list = ipam::start_anew({}, ring);
    auto entries = ipam::changes(ipam::Ring(ring.range(), ring.self()), ring);
    list.insert(list.end(), entries.begin(), entries.end());
    for (const auto& [ident, held] : state->owned) list.push_back(ipam::owned_change(ident, held));
  }
  auto unless_there = [&](const char* key, std::string value) {
    if (!store.get(kRouterTable, key)) list.push_back({kRouterTable, key, std::move(value)});
  };
  if (state->self.value) unless_there("name", state->self.str());
  if (!state->targets.empty()) {
    // Gob's strings are any bytes, JSON's are not.
    using Json = nlohmann::json;
    unless_there("targets", Json(state->targets).dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  store.apply(list);
  return {path, std::move(*state)};
}

std::optional<Imported> import_at_first_launch(const std::string& db_prefix, Store& store) {
  if (ipam::load(store).self.value != 0) return std::nullopt;
  for (const auto& path : weave_net_files(db_prefix))
    if (::access(path.c_str(), F_OK) == 0) return import_weave_net(path, store);
  return std::nullopt;
}

std::vector<std::string> put_away_weave_net(const std::string& db_prefix) {
  std::vector<std::string> moved;
  for (const auto& path : weave_net_files(db_prefix)) {
    if (std::rename(path.c_str(), (path + ".reset").c_str()) == 0)
      moved.push_back(path);
    else if (errno != ENOENT)
      throw errno_error("cannot put away " + path);
  }
  return moved;
}

}  // namespace weave::migrate
