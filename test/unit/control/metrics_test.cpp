#include "control/metrics.hpp"

#include "golden.hpp"

using namespace weave::control;

namespace {

// Series to value; comments left out.
std::map<std::string, double> series(const std::string& text) {
  std::map<std::string, double> out;
  for (const auto& line : sorted_lines(text))
    if (!line.starts_with('#')) out[line.substr(0, line.rfind(' '))] = std::stod(line.substr(line.rfind(' ')));
  return out;
}

}  // namespace

TEST_CASE("metrics hold every series of the reference with its value and help") {
  for (std::string name : {"cluster3/docker1", "cluster3/docker2", "cluster3/docker3", "cluster3-peer-lost/docker1"}) {
    auto theirs = golden(name + "/metrics.txt");
    auto ours = metrics(golden_report(name), {});
    auto values = series(ours);
    for (const auto& [key, value] : series(theirs)) {
      INFO(name << " " << key);
      REQUIRE(values.contains(key));
      CHECK(values[key] == value);
    }
    for (const auto& line : sorted_lines(theirs))
      if (line.starts_with("# ")) {
        INFO(line);
        CHECK(ours.find(line + "\n") != std::string::npos);
      }
  }
}

TEST_CASE("families are sorted, and parts that are off are left out") {
  Report report;
  Counters counters;
  counters.flows = 3;
  counters.services_up = {{"dns", true}, {"plugin", false}};
  counters.overlays[{"fastdp", "in"}] = {.packets = 1, .bytes = {}};
  counters.overlays[{"sleeve", "out"}] = {.packets = 2, .bytes = 300};
  counters.drops[{"fastdp", "spoofed"}] = 4;
  auto text = process_metrics() + metrics(report, counters);
  std::vector<std::string> families;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("# TYPE ")) families.push_back(line.substr(7, line.find(' ', 7) - 7));
  CHECK(families.size() > 10);
  CHECK(std::is_sorted(families.begin(), families.end()));
  CHECK(text.find("weave_ips") == std::string::npos);
  CHECK(text.find("weave_flows 3\n") != std::string::npos);
  CHECK(text.find("weave_overlay_packets_total{direction=\"in\",overlay=\"fastdp\"} 1\n") != std::string::npos);
  CHECK(text.find("weave_overlay_bytes_total{direction=\"out\",overlay=\"sleeve\"} 300\n") != std::string::npos);
  CHECK(text.find("weave_overlay_bytes_total{direction=\"in\",overlay=\"fastdp\"}") == std::string::npos);
  CHECK(text.find("weave_overlay_drops_total{overlay=\"fastdp\",reason=\"spoofed\"} 4\n") != std::string::npos);
  CHECK(text.find("weave_service_up{service=\"plugin\"} 0\n") != std::string::npos);
  // No overlay is in use.
  CHECK(text.find("weave_connections{encryption=\"\",state=\"established\",type=\"unknown\"} 0\n") !=
        std::string::npos);
  CHECK(text.find("process_resident_memory_bytes") != std::string::npos);
}

TEST_CASE("connections are counted by the overlays in use; an unknown one only where it counts something") {
  Report report;
  Connection established{.address = "192.0.2.1:6783", .outbound = true, .state = "established"};
  established.attrs["name"] = "fastdp";
  report.router.connections = {established, {.address = "192.0.2.2:6783", .outbound = true, .state = "retrying"}};
  auto text = metrics(report, {});
  auto has = [&](const std::string& line) {
    return text.find("weave_connections{" + line + "\n") != std::string::npos;
  };
  CHECK(has(R"(encryption="",state="established",type="fastdp"} 1)"));
  CHECK(has(R"(encryption="",state="retrying",type="fastdp"} 0)"));
  CHECK(has(R"(encryption="",state="retrying",type="unknown"} 1)"));
  CHECK_FALSE(has(R"(encryption="",state="established",type="unknown"} 0)"));
}

TEST_CASE("labels are escaped") {
  Report report;
  report.version = "a\"b\\c\n";
  CHECK(metrics(report, {}).find("version=\"a\\\"b\\\\c\\n\"") != std::string::npos);
}
