// What only reads: status, report, metrics, and the small facts that scripts ask for.
#include "address/mac.hpp"
#include "control/answer.hpp"
#include "control/api.hpp"
#include "control/json.hpp"
#include "control/report_text.hpp"
#include "control/text.hpp"

namespace weave::control {

Routes::Answer Routes::status(const Call&) {
  auto report = backend_.report({.mesh = true, .ipam = true, .names = true, .plugin = true});
  co_return plain(control::status(report), report.ready ? 200 : 503);
}

Routes::Answer Routes::status_part(const Call& call) {
  auto report = backend_.report({.mesh = true, .ipam = true, .names = true, .plugin = true});
  auto part = call.request.path().substr(std::string_view("/status/").size());
  int code = report.ready ? 200 : 503;
  if (part == "targets") co_return plain(status_targets(report), code);
  if (part == "connections") co_return plain(status_connections(report), code);
  if (part == "peers") co_return plain(status_peers(report), code);
  if (part == "dns") co_return report.dns ? plain(status_dns(report), code) : failed(404, "DNS is disabled");
  if (part == "ipam") co_return report.ipam ? plain(status_ipam(report), code) : failed(404, "IPAM is disabled");
  co_return report.plugin ? plain(status_plugin(report), code) : failed(404, "plugin is not running");
}

Routes::Answer Routes::report(const Call& call) {
  auto accept = call.request.headers.find("accept");
  if (accept != call.request.headers.end() && accept->second == "application/json")
    co_return http::Response::json(to_json(backend_.report(ReportParts::all())));
  std::vector<std::string> formats, paths;
  for (const auto& [name, value] : call.request.form()) {
    if (name == "format") formats.push_back(value);
    if (name == "path") paths.push_back(value);
  }
  try {
    if (formats.empty() && paths.size() == 1) co_return plain(json_path(paths[0], backend_.report(ReportParts::all())));
    if (formats.size() != 1) co_return failed(400, "error: must supply one format parameter");
    co_return plain(render_template(formats[0], backend_.report(ReportParts::all())));
  } catch (const TemplateError& error) {
    co_return failed(error.status(), error.what());
  }
}

Routes::Answer Routes::metrics(const Call&) {
  auto response = plain(process_metrics() + control::metrics(backend_.report(ReportParts::all()), backend_.counters()));
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  co_return response;
}

Routes::Answer Routes::health(const Call&) {
  bool ready = backend_.report({}).ready;
  co_return plain(ready ? "ready\n" : "starting\n", ready ? 200 : 503);
}

Routes::Answer Routes::default_subnet(const Call&) {
  auto report = backend_.report({.ipam = true});
  co_return plain(report.ipam ? report.ipam->default_subnet.str() : "");
}

Routes::Answer Routes::ipam_diff(const Call&) {
  co_return plain(backend_.ipam_diff());
}

// Weave Net names the cloud's route tracker here; without one the line is empty.
Routes::Answer Routes::tracker(const Call&) {
  co_return plain("\n");
}

Routes::Answer Routes::names(const Call& call) {
  auto accept = call.request.headers.find("accept");
  if (accept == call.request.headers.end() || accept->second != "application/json") {
    auto response = empty(405);
    response.headers["allow"] = "DELETE";
    co_return response;
  }
  auto report = backend_.report({.names = true});
  Json list;
  for (const auto& entry : report.dns ? report.dns->entries : std::vector<DnsEntry>{}) {
    list.push_back(Json{{"ContainerID", entry.container_id},
                        {"Origin", entry.origin.value},
                        {"Addr", entry.address.str()},
                        {"Hostname", entry.hostname},
                        {"Version", entry.version},
                        {"Tombstone", entry.tombstone}});
  }
  co_return plain(json_text(list) + "\n");
}

Routes::Answer Routes::dns_info(const Call& call) {
  auto report = backend_.report({.names = true});
  if (!report.dns) co_return failed(404, "DNS is disabled");
  if (call.request.path() == "/domain") co_return plain(report.dns->domain);
  const auto& address = report.dns->address;
  co_return plain(call.request.path() == "/dns-address" ? address.substr(0, address.rfind(':')) : address);
}

Routes::Answer Routes::proxy_addresses(const Call&) {
  auto report = backend_.report({});
  std::string out;
  if (report.proxy)
    for (const auto& address : report.proxy->addresses) out += address + "\n";
  co_return plain(out);
}

}  // namespace weave::control
