#include "command.hpp"

#include <catch2/catch.hpp>

using namespace weave;
using namespace weave::cmd;

namespace {

// A command with one option of each kind.
struct Sample {
  bool flag = false;
  int number = 0;
  std::string text;
  std::optional<std::string> maybe;
  Words list, collected, warnings;
  Command command{.name = "sample", .words = "<word> ..."};

  Sample() {
    command.options = {
        {"-f,--flag", "", "", &flag},
        {"-n,--number", "<n>", "", &number},
        {"--text", "<text>", "", &text},
        {"--maybe", "<text>", "", &maybe},
        {"--list", "<item>", "", &list},
        {"--ignored", "<x>", "", {}},
        {"--collect", "<x>", "", [this](const Words& values) { collected = values; }},
    };
    command.renamed = {{"--txt", "--text"}};
    command.foreign = {{"--cloud", "The cloud is gone."}};
  }
  Words operator()(const Words& words) { return parse(command, words, warnings).value(); }
};

}  // namespace

TEST_CASE("options may stand anywhere among the words, until --") {
  Sample sample;
  CHECK(sample({"a", "--flag", "b", "--number", "7", "--", "--text", "-x"}) == Words{"a", "b", "--text", "-x"});
  CHECK(sample.flag);
  CHECK(sample.number == 7);
  CHECK(sample.text.empty());
}

TEST_CASE("a value follows = or is the next word, even if it looks like an option") {
  Sample sample;
  CHECK(sample({"--text=-a=b", "--maybe", "--flag", "word"}) == Words{"word"});
  CHECK(sample.text == "-a=b");
  CHECK(sample.maybe == "--flag");
  CHECK_FALSE(sample.flag);
}

TEST_CASE("a function gets all values as they were given") {
  Sample sample;
  sample({"--collect=a,b", "--collect", ""});
  CHECK(sample.collected == Words{"a,b", ""});
}

TEST_CASE("an empty value doesn't swallow the next word") {
  Sample sample;
  sample.text = "before";
  CHECK(sample({"--text=", "word", "--maybe", ""}) == Words{"word"});
  CHECK(sample.text.empty());
  CHECK(sample.maybe == "");
  Sample untouched;
  untouched({});
  CHECK_FALSE(untouched.maybe.has_value());
}

TEST_CASE("a flag takes true and false") {
  Sample sample;
  sample({"--flag=false"});
  CHECK_FALSE(sample.flag);
  sample({"--flag=true"});
  CHECK(sample.flag);
  CHECK_THROWS_AS(sample({"--flag=perhaps"}), UsageError);
}

TEST_CASE("a repeated option is a list, or its last value wins") {
  Sample sample;
  sample({"--list", "a", "--list=b", "--text", "x", "--text", "y"});
  CHECK(sample.list == Words{"a", "b"});
  CHECK(sample.text == "y");
  CHECK(sample({"--list", "[a,b]", "[c,d]"}) == Words{"[c,d]"});
  CHECK(sample.list == Words{"[a,b]"});
}

TEST_CASE("short options are parsed, also with their value joined") {
  Sample sample;
  CHECK(sample({"-f", "-n", "3", "w"}) == Words{"w"});
  CHECK(sample.flag);
  CHECK(sample.number == 3);
  sample({"-n4"});
  CHECK(sample.number == 4);
  sample({"-n=5"});
  CHECK(sample.number == 5);
}

TEST_CASE("old spellings work, with a warning") {
  Sample sample;
  sample({"-text", "a", "--txt=b", "-number", "5"});
  CHECK(sample.text == "b");
  CHECK(sample.number == 5);
  CHECK(sample.warnings == Words{"Warning: -text is deprecated; please use --text",
                                 "Warning: --txt is deprecated; please use --text",
                                 "Warning: -number is deprecated; please use --number"});
}

TEST_CASE("a usage error is one sentence") {
  Sample sample;
  CHECK_THROWS_WITH(sample({"--txet", "a"}), "Unknown option '--txet'; did you mean --text?");
  CHECK_THROWS_WITH(sample({"--zzzzzzzzz"}), "Unknown option '--zzzzzzzzz'.");
  CHECK_THROWS_WITH(sample({"--cloud=x"}), "The cloud is gone.");
  CHECK_THROWS_WITH(sample({"--number", "abc"}), "--number: 'abc' is not a number.");
  CHECK_THROWS_WITH(sample({"--number", "7x"}), "--number: '7x' is not a number.");
  CHECK_THROWS_WITH(sample({"--text"}), "--text needs a value, <text>.");
  CHECK_THROWS_AS(sample({"--number", "99999999999"}), UsageError);
}

TEST_CASE("the number of words is checked") {
  Sample sample;
  sample.command.min_words = 1;
  sample.command.max_words = 2;
  CHECK_THROWS_WITH(sample({}), "An argument is missing: weave sample <word> ...");
  CHECK_THROWS_WITH(sample({"a", "b", "c"}), "'c' is one argument too many.");
  sample.command.min_words = sample.command.max_words = 0;
  CHECK_THROWS_WITH(sample({"a"}), "weave sample takes no arguments.");
}

TEST_CASE("a request for help may stand anywhere, and precedes usage errors") {
  Sample sample;
  CHECK_FALSE(parse(sample.command, {"a", "--help"}, sample.warnings));
  CHECK_FALSE(parse(sample.command, {"--nosuch", "-h"}, sample.warnings));
  CHECK(parse(sample.command, {"--", "--help"}, sample.warnings) == Words{"--help"});
  CHECK(parse(sample.command, {"--text", "--help"}, sample.warnings) == Words{});
}

TEST_CASE("-h doesn't ask for help where it means a host name") {
  for (auto& command : commands()) {
    if (command.name != "expose") continue;
    Words warnings;
    CHECK(parse(command, {"-h", "host4.weave.local", "10.2.1.1/24"}, warnings) == Words{"10.2.1.1/24"});
    CHECK_FALSE(parse(command, {"--help"}, warnings));
  }
}

TEST_CASE("every command has a help text and a place of its own") {
  std::set<std::string> names;
  for (const auto& command : commands()) {
    INFO(command.name);
    CHECK(names.insert(command.name).second);
    CHECK(command.run != nullptr);
    CHECK_FALSE(command.summary.empty());
    CHECK_FALSE(command.summary.ends_with('.'));
    CHECK(help(command).starts_with("Usage: weave " + command.name));
    Words warnings;
    CHECK_FALSE(parse(command, {"--help"}, warnings));
    for (const auto& option : command.options) CHECK((option.show == Show::kHidden || !option.help.empty()));
  }
  for (auto must : {"launch", "stop", "reset", "run", "attach", "detach", "expose", "hide", "dns-args", "status", "ps"})
    CHECK(overview().find("\n  " + std::string(must) + " ") != std::string::npos);
}

TEST_CASE("a misspelled command gets a suggestion") {
  Words names{"launch", "launch-plugin", "attach", "detach", "status", "ps", "run"};
  CHECK(did_you_mean("lanuch", names) == "launch");
  CHECK(did_you_mean("statsu", names) == "status");
  CHECK(did_you_mean("atach", names) == "attach");
  CHECK_FALSE(did_you_mean("nosuchcommand", names));
  CHECK_FALSE(did_you_mean("", names));
  CHECK_FALSE(did_you_mean(std::string(100000, 'x'), names));
}

TEST_CASE("passwords don't stay on the command line") {
  std::vector<std::string> words{"weave",           "launch",        "--password", "secret",    "-password=old",
                                 "--password=sec2", "--passwordish", "keep",       "--password"};
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  scrub_passwords(static_cast<int>(argv.size()), argv.data());
  Words seen(argv.begin(), argv.end());
  CHECK(seen == Words{"weave", "launch", "--password", "x", "-password=x", "--password=x", "--passwordish", "keep",
                      "--password"});
  CHECK(words[3] == std::string("x\0\0\0\0\0", 6));
}
