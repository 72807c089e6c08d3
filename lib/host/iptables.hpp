// iptables by its save and restore programs: reading rule sets, comparing rules, and one transaction for what is
// missing.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"

namespace weave::host {

// The rules of one table as iptables-save prints them ("-A CHAIN ..."), by chain, in order. Own chains may be empty.
using SavedTable = std::map<std::string, std::vector<std::string>>;

// What iptables-save printed, by table. Lines that are no chains or rules are skipped.
std::map<std::string, SavedTable> parse_saved(std::string_view text);

// Two spellings of one rule have the same canonical text: the order of options, `-m` words, quotes, the order in comma
// lists and a missing /32 don't matter.
std::string canonical_rule(std::string_view rule);

// What a table shall hold, in rules as iptables-save prints them.
struct WantedTable {
  std::map<std::string, std::vector<std::string>> chains;  // our own chains with their exact contents
  // In this order; a new chain of them begins ahead of Docker's rules and of those that decide about all packets. Rules
  // that others put between or above them stay there, but for Docker's that would let packets pass to our bridge.
  std::vector<std::string> leading;
  // In this order, at the head of their chains when none of them is there: a firewall may end with rules that reject
  // all packets, or accept some that are not for everybody. What others put above or between them later stays there.
  std::vector<std::string> first;
  std::vector<std::string> present;  // appended to their chains when missing
  std::vector<std::string> absent;   // removed
};

// The iptables-restore lines (without table line and COMMIT) that turn `saved` into what is wanted; empty when it
// holds.
std::string repair_lines(const WantedTable& wanted, const SavedTable& saved);

// The kernel lacks the match of a rule: its module isn't there.
class MissingMatch : public Error {
 public:
  explicit MissingMatch(std::string match)
      : Error(fmt::format("the kernel lacks the iptables match {}", match), fmt::format("modprobe xt_{}", match)),
        match_(std::move(match)) {}
  const std::string& match() const noexcept { return match_; }

 private:
  std::string match_;
};

// The match that iptables-restore named as missing: "Extension NAME revision N not supported, missing kernel module?"
// of iptables-nft, "Couldn't load match `NAME'" of iptables-legacy. Empty: it failed for another reason.
std::string missing_match(std::string_view errors);

// The rule without a match that isn't there: without its comment, or not at all (empty), if it uses another one.
std::string rule_without(const std::string& rule, const std::string& match);

// One family of the iptables programs. Works in the calling thread's network namespace. Throws Error.
class Iptables {
 public:
  explicit Iptables(std::string command = "iptables") : command_(std::move(command)) {}

  // The one whose rule set holds Docker's chains, else the machine's default: two back ends that both hold rules would
  // judge each packet twice, and ours could accept what Docker's then drops.
  static Iptables of_docker();

  const std::string& command() const { return command_; }
  // One table, or with an empty name all that exist.
  std::map<std::string, SavedTable> save(const std::string& table = {}) const;
  // Applies lines to tables in one go, without flushing the rest; tables with empty lines are left out. Throws
  // MissingMatch when that is the reason.
  void restore(const std::map<std::string, std::string>& lines) const;
  // Brings the tables to what is wanted.
  struct Ensured {
    std::vector<std::string> tables;  // names of those that had to be changed
    bool missing = false;             // because something was missing, and not only in another order
  };
  Ensured ensure(const std::map<std::string, WantedTable>& wanted) const;

 private:
  std::string command_;
};

}  // namespace weave::host
