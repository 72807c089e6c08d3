#include "ipam/persisted.hpp"

#include <charconv>

namespace weave::ipam {
namespace {

constexpr const char* kMeta = "ipam";
constexpr const char* kRing = "ipam-ring";
constexpr const char* kOwned = "ipam-owned";
constexpr const char* kNicknames = "ipam-nicknames";
constexpr const char* kElection = "election";
constexpr const char* kLeft = "left";
constexpr const char* kContainer = "container";

std::vector<std::string_view> split(std::string_view text, char by) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    auto end = std::min(text.find(by), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

template <class T>
bool parse_number(std::string_view text, T& value) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

std::string stored_range(Ipv4Range range) {
  return range.start.str() + " " + range.end.str();
}

std::string entry_text(const Entry& entry) {
  return fmt::format("{} {} {}", entry.peer.str(), entry.version, entry.free);
}

Result<Ipv4Range> parse_range(std::string_view text) {
  auto parts = split(text, ' ');
  if (parts.size() != 2) return Refused("not a range");
  auto start = Ipv4::parse(parts[0]), end = Ipv4::parse(parts[1]);
  if (!start || !end || *start >= *end) return Refused("not a range");
  return Ipv4Range{*start, *end};
}

Result<Entry> parse_entry(std::string_view token_text, std::string_view text) {
  auto parts = split(text, ' ');
  Entry entry;
  auto token = Ipv4::parse(token_text);
  if (!token || parts.size() != 3 || !parse_number(parts[1], entry.version) || !parse_number(parts[2], entry.free))
    return Refused("not an entry of a ring");
  auto peer = PeerName::parse(parts[0]);
  if (!peer) return Refused(peer.error());
  entry.token = *token;
  entry.peer = *peer;
  return entry;
}

Result<std::vector<Allocation>> parse_allocations(std::string_view text) {
  std::vector<Allocation> list;
  for (auto line : split(text, '\n')) {
    auto words = split(line, ' ');
    if (words.empty() || words.size() > 2 || (words.size() == 2 && words[1] != kContainer))
      return Refused("not a list of addresses");
    auto cidr = Cidr::parse(words[0]);
    if (!cidr) return Refused(cidr.error());
    list.push_back({*cidr, words.size() == 2});
  }
  return list;
}

Result<std::vector<PeerName>> parse_names(std::string_view text) {
  std::vector<PeerName> list;
  for (auto word : split(text, ' ')) {
    auto name = PeerName::parse(word);
    if (!name) return Refused(name.error());
    list.push_back(*name);
  }
  return list;
}

std::string names_text(const std::vector<PeerName>& peers) {
  std::vector<std::string> names;
  for (auto peer : peers) names.push_back(peer.str());
  return fmt::format("{}", fmt::join(names, " "));
}

// "<our uid> <promise> <accepted> <origin> <peers...>", a ballot being round, proposer and its uid.
std::string election_text(const NodeId& self, const Claims& claims) {
  auto text = fmt::format("{}", self.uid);
  for (const auto& ballot : {claims.promise, claims.accepted, claims.value.origin})
    text += fmt::format(" {} {} {}", ballot.round, ballot.proposer.name.str(), ballot.proposer.uid);
  for (auto peer : claims.value.peers) text += " " + peer.str();
  return text;
}

Result<std::pair<NodeId, Claims>> parse_election(PeerName self, std::string_view text) {
  auto refused = Refused("not the state of an election");
  auto words = split(text, ' ');
  std::pair<NodeId, Claims> out;
  out.first.name = self;
  if (words.size() < 10 || !parse_number(words[0], out.first.uid)) return refused;
  auto& claims = out.second;
  size_t at = 1;
  for (auto* ballot : {&claims.promise, &claims.accepted, &claims.value.origin}) {
    auto name = PeerName::parse(words[at + 1]);
    if (!parse_number(words[at], ballot->round) || !name || !parse_number(words[at + 2], ballot->proposer.uid))
      return refused;
    ballot->proposer.name = *name;
    at += 3;
  }
  for (; at < words.size(); ++at) {
    auto name = PeerName::parse(words[at]);
    if (!name) return refused;
    claims.value.peers.push_back(*name);
  }
  return out;
}

}  // namespace

Persisted load(Store& store) {
  return load(Rows{[&](const std::string& table, const std::string& key) { return store.get(table, key); },
                   [&](const std::string& table) {
                     std::vector<std::pair<std::string, std::string>> list;
                     for (auto& [key, value] : store.all(table)) list.emplace_back(key, value);
                     return list;
                   },
                   store.path()});
}

Persisted load(const Rows& rows) {
  auto must = [&](auto result, const char* table, const std::string& key) {
    if (!result)
      throw Error(fmt::format("read {}: {} {}: {}", rows.where, table, key, result.error()),
                  "Restore the file, or move it away to start anew.");
    return std::move(*result);
  };
  Persisted data;
  if (auto text = rows.get(kMeta, "self")) data.self = must(PeerName::parse(*text), kMeta, "self");
  if (auto text = rows.get(kMeta, "range")) data.range = must(parse_range(*text), kMeta, "range");
  if (auto text = rows.get(kMeta, "seeds")) data.seeds = must(parse_names(*text), kMeta, "seeds");
  for (const auto& [token, text] : rows.all(kRing))
    data.entries.push_back(must(parse_entry(token, text), kRing, token));
  // The store sorts by text.
  std::ranges::sort(data.entries, {}, &Entry::token);
  for (const auto& [ident, text] : rows.all(kOwned)) data.owned[ident] = must(parse_allocations(text), kOwned, ident);
  for (const auto& [peer, nickname] : rows.all(kNicknames))
    data.nicknames[must(PeerName::parse(peer), kNicknames, peer)] = nickname;
  if (auto text = rows.get(kMeta, kElection)) data.election = must(parse_election(data.self, *text), kMeta, kElection);
  if (auto text = rows.get(kMeta, kLeft)) data.abandoned_seeds = must(parse_names(*text), kMeta, kLeft);
  return data;
}

Save save_to(Store& store) {
  return [&store](std::span<const Change> list) { store.apply(list); };
}

std::vector<Change> changes(const Ring& before, const Ring& now) {
  std::vector<Change> list;
  if (before.seeds() != now.seeds()) list.push_back({kMeta, "seeds", names_text(now.seeds())});
  auto old = before.entries().begin();
  for (const auto& entry : now.entries()) {
    while (old != before.entries().end() && old->token < entry.token) list.push_back({kRing, (old++)->token.str(), {}});
    if (old != before.entries().end() && old->token == entry.token && *old++ == entry) continue;
    list.push_back({kRing, entry.token.str(), entry_text(entry)});
  }
  for (; old != before.entries().end(); ++old) list.push_back({kRing, old->token.str(), {}});
  return list;
}

Change owned_change(const std::string& ident, std::span<const Allocation> held) {
  if (held.empty()) return {kOwned, ident, {}};
  std::string text;
  for (const auto& one : held)
    text += fmt::format("{}{}{}\n", one.cidr.str(), one.container ? " " : "", one.container ? kContainer : "");
  return {kOwned, ident, text};
}

Change nickname_change(PeerName peer, const std::string& nickname) {
  return {kNicknames, peer.str(), nickname.empty() ? std::optional<std::string>() : nickname};
}

Change election_change(const std::optional<std::pair<NodeId, Claims>>& election) {
  return {kMeta, kElection,
          election ? std::optional(election_text(election->first, election->second)) : std::optional<std::string>()};
}

Change abandoned_seeds_change(const std::optional<std::vector<PeerName>>& seeds) {
  return {kMeta, kLeft, seeds ? std::optional(names_text(*seeds)) : std::optional<std::string>()};
}

std::vector<Change> start_anew(const Persisted& old, const Ring& ring) {
  std::vector<Change> list;
  for (const auto& entry : old.entries) list.push_back({kRing, entry.token.str(), {}});
  for (const auto& [ident, held] : old.owned) list.push_back({kOwned, ident, {}});
  for (const auto& [peer, nickname] : old.nicknames) list.push_back({kNicknames, peer.str(), {}});
  list.push_back({kMeta, kElection, {}});
  list.push_back({kMeta, kLeft, {}});
  list.push_back({kMeta, "seeds", {}});
  list.push_back({kMeta, "self", ring.self().str()});
  list.push_back({kMeta, "range", stored_range(ring.range())});
  return list;
}

}  // namespace weave::ipam
