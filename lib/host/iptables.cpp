#include "host/iptables.hpp"

#include <fmt/ranges.h>

#include <optional>
#include <set>
#include <thread>

#include "base/error.hpp"
#include "base/process.hpp"

namespace weave::host {
namespace {

// Words of a line; double quotes group, a backslash inside them keeps the next character.
std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool quoted = false, started = false;
  for (size_t at = 0; at < line.size(); ++at) {
    char letter = line[at];
    if (letter == '"') {
      quoted = !quoted;
      started = true;
    } else if (quoted && letter == '\\' && at + 1 < line.size()) {
      word += line[++at];
    } else if (letter == ' ' && !quoted) {
      if (started) words.push_back(std::exchange(word, {}));
      started = false;
    } else {
      word += letter;
      started = true;
    }
  }
  if (started) words.push_back(word);
  return words;
}

std::string chain_of(std::string_view rule) {
  auto words = words_of(rule.substr(0, 128));
  return words.size() > 1 && words[0] == "-A" ? words[1] : std::string();
}

// "-A CHAIN rest" as "<verb> CHAIN rest".
std::string with_verb(std::string_view verb, std::string_view rule) {
  return fmt::format("{}{}\n", verb, rule.substr(2));
}

std::string inserted_at(size_t position, std::string_view rule) {
  auto chain = chain_of(rule);
  return fmt::format("-I {} {}{}\n", chain, position, rule.substr(3 + chain.size()));
}

std::string joined_sorted(const std::string& list) {
  if (list.find(',') == std::string::npos) return list;
  std::vector<std::string> parts;
  for (size_t at = 0; at <= list.size();) {
    auto comma = std::min(list.find(',', at), list.size());
    parts.push_back(list.substr(at, comma - at));
    at = comma + 1;
  }
  std::sort(parts.begin(), parts.end());
  return fmt::format("{}", fmt::join(parts, ","));
}

const std::vector<std::string>& rules_in(const SavedTable& saved, const std::string& chain) {
  static const std::vector<std::string> none;
  auto found = saved.find(chain);
  return found == saved.end() ? none : found->second;
}

std::vector<std::string> canonical(const std::vector<std::string>& rules) {
  std::vector<std::string> keys;
  for (const auto& rule : rules) keys.push_back(canonical_rule(rule));
  return keys;
}

// The target of a rule, and whether it applies to all packets.
std::pair<std::string, bool> target_of(const std::string& rule) {
  auto words = words_of(rule);
  bool every = words.size() >= 4 && words[2] == "-j";
  for (size_t at = 2; at + 1 < words.size(); ++at)
    if (words[at] == "-j") return {words[at + 1], every};
  return {"", false};
}

// "-i X ! -o X -j ACCEPT", as Docker inserts it for its bridges: packets from X pass to anywhere, also to our bridge.
bool lets_pass(const std::string& rule) {
  auto words = words_of(rule);
  return words.size() == 9 && words[2] == "-i" && words[4] == "!" && words[5] == "-o" && words[6] == words[3] &&
         words[8] == "ACCEPT";
}

// Where rules of ours begin in a chain that has none: before the first rule of Docker and the first that decides about
// all packets, behind DOCKER-USER and the specific rules of the operator.
size_t first_place(const std::vector<std::string>& rules) {
  for (size_t at = 0; at < rules.size(); ++at) {
    auto [target, every] = target_of(rules[at]);
    if (target == "DOCKER-USER") continue;
    if (every || target.starts_with("DOCKER") || lets_pass(rules[at])) return at;
  }
  return rules.size();
}

// The lines that bring `wanted` into a chain, in their order, without moving them above rules of others: a rule that is
// in its place stays, and a missing one is put beside its neighbour. `begin`: where they begin when none is there.
std::string place_lines(const std::string& chain, const std::vector<std::string>& wanted,
                        std::vector<std::string> rules, size_t begin) {
  auto keys = canonical(wanted);
  std::vector<size_t> ours(rules.size(), keys.size());  // per rule of the chain: its number among the wanted ones
  size_t barrier = rules.size();
  for (size_t at = rules.size(); at-- > 0;) {
    ours[at] = static_cast<size_t>(std::find(keys.begin(), keys.end(), canonical_rule(rules[at])) - keys.begin());
    if (ours[at] == keys.size() && lets_pass(rules[at])) barrier = at;
  }
  // The longest part that is in order and ahead of what would let packets pass.
  std::vector<size_t> best;  // positions
  std::vector<std::vector<size_t>> ending(rules.size());
  for (size_t at = 0; at < barrier; ++at) {
    if (ours[at] == keys.size()) continue;
    for (size_t before = 0; before < at; ++before)
      if (!ending[before].empty() && ours[before] < ours[at] && ending[before].size() > ending[at].size())
        ending[at] = ending[before];
    ending[at].push_back(at);
    if (ending[at].size() > best.size()) best = ending[at];
  }
  std::string lines;
  std::vector<std::optional<size_t>> place(keys.size());  // of each wanted rule, now
  for (auto at : best) place[ours[at]] = at;
  for (size_t at = rules.size(); at-- > 0;) {
    if (ours[at] == keys.size() || place[ours[at]] == at) continue;
    lines += fmt::format("-D {} {}\n", chain, at + 1);
    rules.erase(rules.begin() + static_cast<std::ptrdiff_t>(at));
    for (auto& each : place)
      if (each && *each > at) --*each;
  }
  for (size_t number = 0; number < wanted.size(); ++number) {
    if (place[number]) continue;
    size_t at = 0;
    if (number > 0) {
      at = *place[number - 1] + 1;
    } else {
      auto next = std::find_if(place.begin(), place.end(), [](const auto& each) { return each.has_value(); });
      at = next == place.end() ? begin : **next;
    }
    lines += inserted_at(at + 1, wanted[number]);
    rules.insert(rules.begin() + static_cast<std::ptrdiff_t>(at), wanted[number]);
    for (auto& each : place)
      if (each && *each >= at) ++*each;
    place[number] = at;
  }
  return lines;
}

}  // namespace

std::map<std::string, SavedTable> parse_saved(std::string_view text) {
  std::map<std::string, SavedTable> tables;
  SavedTable* table = nullptr;
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.starts_with('*')) table = &tables[std::string(line.substr(1))];
    if (!table) continue;
    if (line.starts_with(':')) (*table)[std::string(line.substr(1, line.find(' ') - 1))];
    if (line.starts_with("-A ")) (*table)[chain_of(line)].emplace_back(line);
  }
  return tables;
}

std::string missing_match(std::string_view errors) {
  auto after = [&](std::string_view before, std::string_view end) -> std::string {
    auto at = errors.find(before);
    if (at == errors.npos) return {};
    auto name = errors.substr(at + before.size());
    auto size = name.find(end);
    return size == name.npos ? std::string() : std::string(name.substr(0, size));
  };
  if (errors.find("missing kernel module") != errors.npos)
    if (auto name = after("Extension ", " revision"); !name.empty()) return name;
  return after("Couldn't load match `", "'");
}

std::string rule_without(const std::string& rule, const std::string& match) {
  auto at = rule.find("-m " + match + " ");
  if (at == rule.npos) return rule;
  if (match != "comment") return {};
  auto text = rule.find("--comment ", at);
  if (text == rule.npos) return rule;
  text += std::string_view("--comment ").size();
  auto end = rule[text] == '"' ? rule.find('"', text + 1) + 1 : rule.find(' ', text);
  auto out = rule.substr(0, at) + (end >= rule.size() ? "" : rule.substr(end + 1));
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

std::string canonical_rule(std::string_view rule) {
  std::vector<std::string> options;
  auto words = words_of(rule);
  bool negated = false, skip = false;
  for (auto& word : words) {
    if (std::exchange(skip, false)) continue;
    if (word == "-m") {
      skip = true;
    } else if (word == "!") {
      negated = true;
    } else if (word.starts_with('-') && word.size() > 1) {
      options.push_back((std::exchange(negated, false) ? "! " : "") + word);
    } else if (!options.empty()) {
      auto& option = options.back();
      bool address = option.ends_with("-s") || option.ends_with("-d");
      option += ' ' + joined_sorted(word) + (address && word.find('/') == std::string::npos ? "/32" : "");
    }
  }
  std::sort(options.begin(), options.end());
  return fmt::format("{}", fmt::join(options, "\n"));
}

std::string repair_lines(const WantedTable& wanted, const SavedTable& saved) {
  std::string create, fill, remove, place;
  for (const auto& [chain, rules] : wanted.chains) {
    bool exists = saved.contains(chain);
    if (exists && canonical(rules_in(saved, chain)) == canonical(rules)) continue;
    // Naming a chain in this way creates it, or empties the one that exists.
    create += fmt::format(":{} - [0:0]\n", chain);
    for (const auto& rule : rules) fill += rule + '\n';
  }
  std::set<std::string> gone;
  for (const auto& rule : wanted.absent) {
    auto key = canonical_rule(rule);
    if (!gone.insert(key).second) continue;
    for (const auto& old : rules_in(saved, chain_of(rule)))
      if (canonical_rule(old) == key) remove += with_verb("-D", old);
  }
  std::map<std::string, std::vector<std::string>> leading, first;
  for (const auto& rule : wanted.leading) leading[chain_of(rule)].push_back(rule);
  for (const auto& rule : wanted.first) first[chain_of(rule)].push_back(rule);
  for (const auto& [chain, rules] : leading) {
    const auto& now = rules_in(saved, chain);
    place += place_lines(chain, rules, now, first_place(now));
  }
  for (const auto& [chain, rules] : first) place += place_lines(chain, rules, rules_in(saved, chain), 0);
  for (const auto& rule : wanted.present) {
    auto existing = canonical(rules_in(saved, chain_of(rule)));
    if (std::find(existing.begin(), existing.end(), canonical_rule(rule)) == existing.end()) place += rule + '\n';
  }
  return create + fill + remove + place;
}

namespace {

bool lacks(const WantedTable& wanted, const SavedTable& saved) {
  auto lacks_rule = [&](const std::string& rule) {
    auto existing = canonical(rules_in(saved, chain_of(rule)));
    return std::ranges::find(existing, canonical_rule(rule)) == existing.end();
  };
  for (const auto& [chain, rules] : wanted.chains)
    if (!saved.contains(chain) || std::ranges::any_of(rules, lacks_rule)) return true;
  auto lacks_some = [&](const auto& rules) { return std::ranges::any_of(rules, lacks_rule); };
  return lacks_some(wanted.leading) || lacks_some(wanted.first) || lacks_some(wanted.present);
}

}  // namespace

Iptables Iptables::of_docker() {
  for (const char* command : {"iptables", "iptables-nft", "iptables-legacy"}) {
    auto saved = run({fmt::format("{}-save", command), "-t", "filter"});
    if (saved.status != 0) continue;
    for (const auto& [name, table] : parse_saved(saved.output))
      if (table.contains("DOCKER")) return Iptables(command);
  }
  return Iptables();
}

std::map<std::string, SavedTable> Iptables::save(const std::string& table) const {
  std::vector<std::string> arguments{command_ + "-save"};
  if (!table.empty()) arguments.insert(arguments.end(), {"-t", table});
  return parse_saved(run_checked(arguments));
}

void Iptables::restore(const std::map<std::string, std::string>& lines) const {
  std::string input;
  for (const auto& [table, text] : lines)
    if (!text.empty()) input += fmt::format("*{}\n{}COMMIT\n", table, text);
  if (input.empty()) return;
  auto attempt = [&] { return run({command_ + "-restore", "--noflush", "-w", "10"}, input); };
  auto finished = attempt();
  // 4: another program changed the rules at the same time, or the kernel refused a rule.
  for (int again = 0; finished.status == 4 && missing_match(finished.errors).empty() && again < 10; ++again) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    finished = attempt();
  }
  if (finished.status == 0) return;
  if (auto match = missing_match(finished.errors); !match.empty()) throw MissingMatch(match);
  while (finished.errors.ends_with('\n')) finished.errors.pop_back();
  throw Error(fmt::format("{}-restore failed ({}): {}", command_, finished.status, finished.errors),
              finished.status == 127 ? "install iptables" : "");
}

Iptables::Ensured Iptables::ensure(const std::map<std::string, WantedTable>& wanted) const {
  auto saved = save();
  std::map<std::string, std::string> lines;
  Ensured out;
  for (const auto& [table, contents] : wanted) {
    auto text = repair_lines(contents, saved[table]);
    if (text.empty()) continue;
    lines[table] = text;
    out.tables.push_back(table);
    out.missing = out.missing || lacks(contents, saved[table]);
  }
  restore(lines);
  return out;
}

}  // namespace weave::host
