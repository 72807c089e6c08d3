#include "names/entry.hpp"

#include <algorithm>
#include <tuple>

namespace weave::names {

namespace {

std::string_view without_dot(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

char lower_char(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

}  // namespace

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower_char);
  return out;
}

std::string canonical(std::string_view name) {
  auto out = lower(name);
  if (!out.ends_with('.')) out += '.';
  return out;
}

bool encodable(std::string_view name) {
  name = without_dot(name);
  if (name.empty() || name.size() > 253) return false;
  size_t label = 0;
  for (char c : name) {
    if (c != '.') {
      if (++label > 63) return false;
    } else {
      if (label == 0) return false;
      label = 0;
    }
  }
  return label != 0;
}

bool within(std::string_view name, std::string_view domain) {
  name = without_dot(name);
  domain = without_dot(domain);
  if (name.size() < domain.size()) return false;
  auto tail = name.substr(name.size() - domain.size());
  if (!std::equal(tail.begin(), tail.end(), domain.begin(),
                  [](char a, char b) { return lower_char(a) == lower_char(b); }))
    return false;
  return name.size() == domain.size() || domain.empty() || name[name.size() - domain.size() - 1] == '.';
}

std::string refusal(std::string_view name, std::string_view domain) {
  if (!within(name, domain)) return "it is outside the domain " + std::string(domain);
  if (without_dot(name).size() == without_dot(domain).size()) return "it is the domain itself";
  if (!encodable(name)) return "a label is empty or longer than 63 octets, or the name is longer than 253";
  // Underscores are no host name letters, but container names have them and resolvers accept them.
  for (char c : name)
    if (c <= ' ' || c >= 0x7f || c == '*' || c == '\\' || c == '"')
      return "it has a character that a host name can't have";
  return {};
}

bool wins(const Entry& incoming, const Entry& stored) {
  return incoming.version != stored.version ? incoming.version > stored.version : incoming.tombstone > stored.tombstone;
}

Entries for_sending(Entries entries) {
  struct Keyed {
    std::string name;
    Entry entry;
  };
  std::vector<Keyed> keyed;
  keyed.reserve(entries.size());
  for (auto& entry : entries) {
    auto name = lower(entry.hostname);
    keyed.push_back({std::move(name), std::move(entry)});
  }
  auto key = [](const Keyed& k) { return std::tie(k.name, k.entry.origin, k.entry.container, k.entry.address); };
  // Stable, so that of two spellings with the same value the first one stays.
  std::stable_sort(keyed.begin(), keyed.end(), [&](const Keyed& a, const Keyed& b) { return key(a) < key(b); });
  entries.clear();
  for (size_t i = 0; i < keyed.size(); ++i) {
    if (i == 0 || key(keyed[i - 1]) != key(keyed[i]))
      entries.push_back(keyed[i].entry);
    else if (wins(keyed[i].entry, entries.back()))
      entries.back() = keyed[i].entry;
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.hostname, a.origin, a.container, a.address) <
           std::tie(b.hostname, b.origin, b.container, b.address);
  });
  return entries;
}

Entries combine(Entries first, Entries second) {
  first.insert(first.end(), std::make_move_iterator(second.begin()), std::make_move_iterator(second.end()));
  return for_sending(std::move(first));
}

}  // namespace weave::names
