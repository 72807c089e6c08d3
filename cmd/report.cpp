// weave report
#include "output.hpp"
#include "router_client.hpp"
#include "rows.hpp"

namespace weave::cmd {
namespace {

struct ReportGiven {
  std::optional<std::string> format;
  bool json = false;
};

// "Router.Name" is ".Router.Name".
std::string rooted(const std::string& path) {
  return path.starts_with('.') || path.starts_with('[') ? path : "." + path;
}

int report(const ReportGiven& given, const Words& words) {
  if (given.format && given.json) throw UsageError("-f and --json cannot be given together.");
  if (!words.empty() && !given.json) throw UsageError(fmt::format("'{}' is one argument too many.", words[0]));
  auto client = router_client();
  if (given.format && *given.format != "json")
    out(client.ask("GET", "/report", {{"format", *given.format}}, kResponseLimit));
  else if (!words.empty())
    out(client.ask("GET", "/report", {{"path", rooted(words[0])}}, kResponseLimit));
  else
    out(client.report());
  return kDone;
}

}  // namespace

Command report_row() {
  auto given = std::make_shared<ReportGiven>();
  Command command{.name = "report",
                  .group = "Inspect",
                  .summary = "Print all state as JSON or through a template",
                  .words = "[-f <format> | --json [<path>]]"};
  command.details =
      "Prints JSON, the output of a Go template ({{.Router.Name}}, {{json .DNS}}, {{range}}, {{if}}, {{len}}), or one value "
      "by its path, for example Router.Peers[0].Name.";
  command.options = {
      {"-f,--format", "<template>", "render this template", &given->format},
      {"--json", "", "print JSON: the whole report, or the part at <path>", &given->json},
  };
  command.max_words = 1;
  command.run = [given](const Words& words) { return report(*given, words); };
  return command;
}

}  // namespace weave::cmd
