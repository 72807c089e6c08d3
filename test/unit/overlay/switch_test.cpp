#include "overlay/switch.hpp"

#include <catch2/catch.hpp>

#include "base/hex.hpp"
#include "unit/vectors.hpp"

using namespace weave;
using namespace weave::overlay;
using nlohmann::json;

namespace {

std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> out;
  for (size_t start = 0; start <= text.size();) {
    auto end = std::min(text.find(' ', start), text.size());
    out.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return out;
}

struct Fake : Forwarder {
  struct State {
    bool confirmed = false;
    std::vector<ControlMessage> heard;
    ForwarderEvents events;
  };
  explicit Fake(State& s) : state(s) {}
  void confirm(Time) override { state.confirmed = true; }
  void control(uint8_t tag, ByteView payload, Time) override {
    state.heard.push_back({tag, Bytes(payload.begin(), payload.end())});
  }
  void tick(Time) override {}
  Time next_tick() const override { return Time::max(); }
  ForwarderEvents take_events() override { return std::exchange(state.events, {}); }
  std::optional<uint16_t> mtu() const override { return 1376; }
  State& state;
};

using States = std::map<std::string, Fake::State>;

OverlaySwitch make(std::vector<std::string> overlays, States& states, bool tagged = true) {
  return {std::move(overlays), tagged, "peer", [&](const std::string& name) -> Result<std::unique_ptr<Forwarder>> {
            if (name == "broken") return Refused("no such kernel");
            return std::make_unique<Fake>(states[name]);
          }};
}

}  // namespace

TEST_CASE("the common overlays and their order equal those of Weave Net") {
  auto vectors = test::vectors("overlay/overlays.json");
  for (const auto& c : vectors.at("cases")) {
    INFO(c.dump());
    auto common = common_overlays(words(c.at("ours")), words(c.at("theirs")));
    if (c.contains("error")) {
      REQUIRE_FALSE(common);
      CHECK(common.error() == c.at("error").get<std::string>());
    } else {
      REQUIRE(common);
      CHECK(*common == c.at("common_in_order").get<std::vector<std::string>>());
    }
  }
  CHECK(common_overlays({"fastdp", "sleeve"}, std::nullopt) == std::vector<std::string>{"sleeve"});
  CHECK_FALSE(common_overlays({"fastdp"}, std::nullopt));
}

TEST_CASE("control messages equal those of Weave Net both ways") {
  auto vectors = test::vectors("overlay/control.json");
  for (const auto& c : vectors.at("cases")) {
    auto name = c.at("name").get<std::string>();
    INFO(name);
    auto message = *from_hex(c.at("message").get<std::string>());
    bool tagged = message[0] == kOverlayControlTag;
    bool alone = name.find("only common") != name.npos || !tagged;
    States states;
    auto overlays = alone ? std::vector<std::string>{"sleeve"} : std::vector<std::string>{"fastdp", "sleeve"};
    auto overlay = make(overlays, states, tagged);
    overlay.control(message[0], ByteView(message).subspan(1), Time{});
    auto& state = states[name.starts_with("fastdp") ? "fastdp" : "sleeve"];
    REQUIRE(state.heard.size() == 1);
    state.events.control = state.heard;
    overlay.collect();
    CHECK(overlay.take_messages() == std::vector<Bytes>{message});
    CHECK(overlay.take_messages().empty());
  }
}

TEST_CASE("control messages that would crash Weave Net are ignored") {
  States states;
  auto overlay = make({"fastdp", "sleeve"}, states);
  overlay.control(7, {}, Time{});
  overlay.control(7, Bytes{0}, Time{});
  overlay.control(7, Bytes{2, 1}, Time{});
  overlay.control(7, Bytes{255, 1}, Time{});
  for (uint8_t tag : {1, 2, 3}) {
    overlay.control(tag, {}, Time{});
    overlay.control(tag, Bytes{1, 1}, Time{});
  }
  CHECK(states["fastdp"].heard.empty());
  CHECK(states["sleeve"].heard.empty());
  States old_states;
  auto old = make({"sleeve"}, old_states, false);
  old.control(7, Bytes{0, 1}, Time{});
  CHECK(old_states["sleeve"].heard.empty());
}

TEST_CASE("tags other than sleeve's are never sent to a peer without overlays") {
  States states;
  auto overlay = make({"sleeve"}, states, false);
  states["sleeve"].events.control = {{0, {}}, {4, {}}, {7, {}}, {2, {}}};
  overlay.collect();
  CHECK(overlay.take_messages() == std::vector<Bytes>{{2}});
}

TEST_CASE("the best overlay is the first that is established, or may become it") {
  States states;
  auto overlay = make({"fastdp", "sleeve"}, states);
  CHECK(overlay.name() == "fastdp");
  overlay.confirm(Time{});
  CHECK(states["fastdp"].confirmed);
  CHECK(states["sleeve"].confirmed);
  CHECK_FALSE(overlay.established());
  states["sleeve"].events.established = true;
  overlay.collect();
  CHECK(overlay.established());
  CHECK(overlay.name() == "sleeve");
  states["fastdp"].events.established = true;
  overlay.collect();
  CHECK(overlay.name() == "fastdp");
  states["fastdp"].events.healthy = false;
  overlay.collect();
  CHECK(overlay.name() == "sleeve");
  CHECK(overlay.rows()[0].reason == "no heartbeats arrive");
  states["fastdp"].events.healthy = true;
  overlay.collect();
  CHECK(overlay.name() == "fastdp");
  states["fastdp"].events.failed = "gone";
  overlay.collect();
  CHECK(overlay.name() == "sleeve");
  CHECK(overlay.failed().empty());
  states["sleeve"].events.failed = "timed out waiting for UDP heartbeat";
  overlay.collect();
  CHECK(overlay.failed() == "no working forwarders to peer; fastdp: gone; sleeve: timed out waiting for UDP heartbeat");
  CHECK(overlay.name().empty());
  CHECK_FALSE(overlay.mtu());
}

TEST_CASE("an overlay that can't be prepared keeps its number") {
  States states;
  auto overlay = make({"broken", "sleeve"}, states);
  CHECK(overlay.name() == "sleeve");
  states["sleeve"].events.control = {{1, {}}};
  overlay.collect();
  CHECK(overlay.take_messages() == std::vector<Bytes>{{7, 1, 1}});
  overlay.control(7, Bytes{0, 0}, Time{});
  CHECK(make({"broken"}, states).failed() == "no working forwarders to peer; broken: no such kernel");
}
