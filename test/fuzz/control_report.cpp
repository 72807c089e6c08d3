// Any text as a report: it is read or refused with an Error, what was read is written and read again without a change,
// and every text that is made of a report can be made of it.
#include <cstdlib>

#include "control/metrics.hpp"
#include "control/report.hpp"
#include "control/report_text.hpp"
#include "control/text.hpp"

using namespace weave;
using namespace weave::control;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  Report report;
  try {
    report = from_json(text);
  } catch (const Error&) {
    return 0;
  }
  auto written = to_json(report);
  if (to_json(from_json(written)) != written) abort();
  if (status(report).empty() || status(report).back() != '\n') abort();
  for (auto* lines : {status_targets, status_connections, status_peers, status_dns, status_ipam, status_plugin})
    if (auto out = lines(report); !out.empty() && out.back() != '\n') abort();
  if (metrics(report, {}).empty()) abort();
  if (control::json_path(".Router.Name", report) != report.router.name.str() + "\n") abort();
  return 0;
}
