// What a subcommand is: a row in a table. The parser, the help texts, the completions and the manual page are all made
// from these rows; CLI11 is seen by parse.cpp only.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "settings/table.hpp"

namespace weave::cmd {

using Words = std::vector<std::string>;

// Exit statuses; scripts rely on them, the manual page lists them.
enum Exit : int {
  kDone = 0,
  kFailed = 1,
  kForeignContainer = 2,
  kAlreadyRunning = 3,
  kFeatureOff = 4,
  kNotRunning = 7
};

// The dispatcher adds where help is.
using settings::UsageError;

// A failure with an exit status of its own.
class Failure : public Error {
 public:
  Failure(const std::string& message, int exit_code, std::string hint = {})
      : Error(message, std::move(hint)), exit_code_(exit_code) {}
  int exit_code() const noexcept { return exit_code_; }

 private:
  int exit_code_;
};

// Where an option's value goes. Optional ones tell "not given" from "given empty"; a function gets the values as they
// were given; monostate: accepted and ignored.
using Target = std::variant<std::monostate, bool*, int*, std::string*, std::optional<std::string>*, Words*,
                            std::function<void(const Words&)>>;

enum class Show { kListed, kHidden };

struct Option {
  std::string names;  // "-f,--format"
  std::string value;  // what its value is, "<cidr>"; empty: a flag
  std::string help;
  Target target;
  Show show = Show::kListed;
  Words choices;  // what the value can be, for completion; empty: anything
};

// What the words of a command are, for completion.
enum class WordKind { kNone, kContainer, kPeer, kChoice, kCommand };

struct Command {
  std::string name;
  std::string group;    // heading in the list of commands; empty: not listed
  std::string summary;  // one line, without a period
  std::string words;    // "[<addr> ...] <container>"
  std::string details;  // paragraphs for --help and the manual, may be empty
  std::vector<Option> options;
  size_t min_words = 0;
  size_t max_words = SIZE_MAX;
  WordKind word_kind = WordKind::kNone;
  Words choices;  // of the first word, with WordKind::kChoice
  // Old spellings that still work, with a warning: "--iprange" -> "--ipalloc-range".
  std::map<std::string, std::string> renamed;
  // Options of Weave Net that we don't have: why, as a sentence.
  std::map<std::string, std::string> foreign;
  // The words are another program's: `run` gets all of them unparsed (only a first --help is ours).
  bool raw = false;
  // Gets the words that are no options; all targets are filled in. Returns the exit status.
  std::function<int(const Words& words)> run;
};

// All commands, in the order of the list.
std::vector<Command> commands();

// Fills in the targets and returns the words. Options may stand anywhere before "--". Throws UsageError. Nothing when
// help was asked for. Deprecated spellings add a line to `warnings`.
std::optional<Words> parse(const Command& command, const Words& arguments, Words& warnings);

// The list of commands, and what one of them takes.
std::string overview();
std::string help(const Command& command);

// The nearest of the candidates, when one is near enough for a slip of the finger.
std::optional<std::string> did_you_mean(const std::string& word, const Words& candidates);

// A command that doesn't exist, with the one that was probably meant.
Error unknown_command(const std::string& name);

// Runs what the words (without the program's name) say and returns the exit status. Errors go to stderr.
int run_command_line(Words words);

// Overwrites in place the values of --password, so that they don't stay visible to other users. `argv` as main gets it.
void scrub_passwords(int argc, char** argv);

}  // namespace weave::cmd
