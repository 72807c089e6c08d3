#include "addresses.hpp"

#include "host/routes.hpp"
#include "output.hpp"
#include "text.hpp"

namespace weave::cmd {

bool looks_like_ip(const std::string& word) {
  auto groups = split(word, '.');
  return groups.size() == 4 && std::all_of(groups.begin(), groups.end(), [](const std::string& group) {
           return !group.empty() && group.size() <= 3 && group.find_first_not_of("0123456789") == group.npos;
         });
}

std::optional<AddressWord> parse_address(const std::string& word) {
  AddressWord address{.text = word};
  if (word == "net:default") return address;
  std::string text = word;
  bool marked = true;
  if (word.starts_with("net:")) {
    address.kind = AddressWord::kSubnet;
    text = word.substr(4);
  } else {
    address.kind = AddressWord::kThis;
    if ((marked = word.starts_with("ip:"))) text = word.substr(3);
  }
  auto slash = text.find('/');
  if (!marked && (slash == text.npos || !looks_like_ip(text.substr(0, slash)))) return std::nullopt;
  if (slash == text.npos && looks_like_ip(text))
    throw UsageError(fmt::format("'{}' has no prefix length, for example {}/24.", word, word));
  auto cidr = Cidr::parse(text);
  if (!cidr) throw UsageError(fmt::format("'{}' is not an address: {}.", word, cidr.error()));
  if (address.kind == AddressWord::kSubnet && cidr->masked() != *cidr)
    throw UsageError(fmt::format("'{}' is not a subnet: did you mean net:{}?", word, cidr->masked().str()));
  address.cidr = *cidr;
  return address;
}

AddressedWords split_addresses(const Words& words) {
  AddressedWords out;
  for (const auto& given : words) {
    // Scripts that read a line from a file or a program may leave its end on it.
    auto word = given.substr(0, given.find_last_not_of(" \t\r\n") + 1);
    if (auto address = parse_address(word))
      out.addresses.push_back(*address);
    else
      out.rest.push_back(given);
  }
  return out;
}

std::pair<std::vector<AddressWord>, std::string> addresses_and_container(const std::string& command,
                                                                         const Words& words) {
  auto found = split_addresses(words);
  if (found.rest.empty()) throw UsageError(fmt::format("weave {} needs a container.", command));
  if (found.rest.size() == 1) return {std::move(found.addresses), found.rest[0]};
  for (const auto& word : found.rest)
    if (looks_like_ip(word)) throw UsageError(fmt::format("'{}' has no prefix length, for example {}/24.", word, word));
  throw UsageError(fmt::format("weave {} takes one container; '{}' is neither an address nor an option.", command,
                               found.rest.back()));
}

std::vector<Cidr> parse_cidrs(const std::string& text) {
  std::vector<Cidr> out;
  for (const auto& word : split(text, ' ')) {
    if (word.empty() || word == "\n") continue;
    auto cidr = Cidr::parse(word.substr(0, word.find('\n')));
    if (!cidr) throw Error("cannot parse the address in the router's response: " + cidr.error());
    out.push_back(*cidr);
  }
  return out;
}

std::string address_line(const std::vector<Cidr>& cidrs) {
  Words texts;
  for (const auto& cidr : cidrs) texts.push_back(cidr.address.str());
  return texts.empty() ? "" : joined(texts, " ") + "\n";
}

void warn_of_overlaps(const std::vector<AddressWord>& addresses) {
  for (const auto& address : addresses) {
    if (address.kind != AddressWord::kThis) continue;
    if (auto route = host::overlapping_route(address.cidr.masked()))
      say("WARNING: {} overlaps with existing route {} on host.", address.cidr.str(), route->destination.str());
  }
}

}  // namespace weave::cmd
