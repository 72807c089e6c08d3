// Words that name addresses: "[ip:]<cidr>", "net:<cidr>", "net:default".
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "address/ipv4.hpp"
#include "command.hpp"
#include "control/client.hpp"

namespace weave::cmd {

struct AddressWord {
  enum Kind { kDefault, kSubnet, kThis } kind = kDefault;
  Cidr cidr;         // of kSubnet and kThis
  std::string text;  // as given
};

// Nothing when the word doesn't look like an address; throws UsageError when it does and isn't one.
std::optional<AddressWord> parse_address(const std::string& word);

// "1.2.3.4": four groups of digits, right or wrong.
bool looks_like_ip(const std::string& word);

struct AddressedWords {
  std::vector<AddressWord> addresses;
  Words rest;
};
// Addresses may stand anywhere among the words.
AddressedWords split_addresses(const Words& words);

// As split_addresses, for commands that take one container: throws UsageError unless exactly one word is left.
std::pair<std::vector<AddressWord>, std::string> addresses_and_container(const std::string& command,
                                                                         const Words& words);

// "10.32.0.1/12 10.2.1.6/24" as the router answers it.
std::vector<Cidr> parse_cidrs(const std::string& text);

// What attach, detach, expose and hide print: addresses without prefix, a blank between. Nothing: no line.
std::string address_line(const std::vector<Cidr>& cidrs);

// Says on stderr when a given address lies in a network that the host has a route to.
void warn_of_overlaps(const std::vector<AddressWord>& addresses);

}  // namespace weave::cmd
