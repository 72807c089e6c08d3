#include <catch2/catch.hpp>

#include "docker/types.hpp"
#include "unit/vectors.hpp"

using namespace weave;
using namespace weave::docker;

namespace {

std::vector<Event> events(const std::string& file) {
  std::vector<Event> out;
  Lines lines;
  for (const auto& line : lines.feed(test::vector_text("docker/" + file))) {
    auto event = decode_event(line);
    INFO(line);
    REQUIRE(event);
    out.push_back(*event);
  }
  return out;
}

std::string actions(const std::vector<Event>& all) {
  std::string out;
  for (const auto& event : all) out += event.type + "/" + event.action + " ";
  return out;
}

}  // namespace

TEST_CASE("recorded event streams of old and new Docker are decoded") {
  auto file = GENERATE(as<std::string>(), "events-20.10.24.jsonl", "events-28.5.2.jsonl");
  auto all = events(file);
  REQUIRE(all.size() >= 22);
  INFO(actions(all));
  CHECK(actions(all).starts_with("container/create network/connect container/start "));
  const auto& create = all[0];
  const auto& connect = all[1];
  CHECK(create.id.size() == 64);
  CHECK(create.attributes.at("name") == "e1");
  CHECK(create.time_nano > 1'700'000'000'000'000'000);
  CHECK(connect.attributes.at("container") == create.id);
  CHECK(connect.attributes.at("name") == "weave");
  CHECK(connect.id != create.id);
  auto rename = std::find_if(all.begin(), all.end(), [](const Event& event) { return event.action == "rename"; });
  REQUIRE(rename != all.end());
  CHECK(rename->attributes.at("name") == "e1x");
  CHECK(rename->attributes.at("oldName") == "/e1");
  CHECK(std::is_sorted(all.begin(), all.end(), [](auto& a, auto& b) { return a.time_nano < b.time_nano; }));
}

TEST_CASE("a recorded container is decoded") {
  auto container = decode_container(test::vector_text("docker/container-20.10.24.json"));
  REQUIRE(container);
  CHECK(container->name == "c1");
  CHECK(container->hostname == "foo.weave.local");
  CHECK(container->domainname.empty());
  CHECK(container->running);
  CHECK(!container->restarting);
  CHECK(container->pid == 255);
  CHECK(container->network_mode == "n1");
  CHECK(container->labels == std::map<std::string, std::string>{{"l", "m"}});
  REQUIRE(container->networks.size() == 1);
  const auto& endpoint = container->networks.at("n1");
  CHECK(endpoint.endpoint_id.size() == 64);
  CHECK(endpoint.ip == "10.78.0.9");
  CHECK(endpoint.prefix == 24);
  CHECK(endpoint.mac == "02:42:0a:4e:00:09");
  CHECK(endpoint.aliases == std::vector<std::string>{"al", container->id.substr(0, 12), "foo.weave.local"});
  CHECK(container->endpoint_in(endpoint.network_id) == &endpoint);
  CHECK(container->endpoint_in("other") == nullptr);
}

TEST_CASE("a recorded network and a recorded list of containers are decoded") {
  auto network = decode_network(test::vector_text("docker/network-20.10.24.json"));
  REQUIRE(network);
  CHECK(network->name == "n1");
  CHECK(network->driver == "bridge");
  CHECK(network->scope == "local");
  CHECK(network->ipam_driver == "default");
  REQUIRE(network->subnets.size() == 1);
  CHECK(network->subnets[0].subnet == "10.78.0.0/24");
  REQUIRE(network->containers.size() == 1);
  CHECK(network->containers.begin()->second.ip == "10.78.0.9/24");

  auto list = decode_container_list(test::vector_text("docker/containers-20.10.24.json"));
  REQUIRE(list);
  REQUIRE(list->size() == 2);
  const auto& mine = list->at(1);
  CHECK(mine.name == "c1");
  CHECK(mine.state == "running");
  CHECK(mine.id == network->containers.begin()->first);
  CHECK(mine.networks.at("n1").endpoint_id == network->containers.begin()->second.endpoint_id);
}

TEST_CASE("an event without the fields that Docker 29 dropped and one of another type are decoded") {
  auto event =
      decode_event(R"({"Type":"volume","Action":"mount","Actor":{"ID":"v","Attributes":{"n":1}},"timeNano":5})");
  REQUIRE(event);
  CHECK(event->type == "volume");
  CHECK(event->id == "v");
  CHECK(event->attributes.empty());
  CHECK(event->time_nano == 5);
}

TEST_CASE("unexpected JSON is refused without an exception") {
  auto text = GENERATE(as<std::string>(), "", "null", "[]", "{", "{}", "7", "\"x\"", R"({"Id":7,"Type":1})", "[1]",
                       "[{}]", "{\"Id\":\"\xff\"}");
  INFO(text);
  CHECK(!decode_event(text));
  CHECK(!decode_container(text));
  CHECK(!decode_network(text));
  CHECK(!decode_id(text));
  if (text != "[]") CHECK(!decode_container_list(text));
  if (text != "[]") CHECK(!decode_network_list(text));
}

TEST_CASE("fields of another type count as empty") {
  auto container = decode_container(R"({"Id":"x","Name":7,"State":[],"Config":{"Env":"A=1","Labels":null},
      "NetworkSettings":{"Networks":{"weave":null,"other":{"IPPrefixLen":999,"Aliases":[1,"a"]}}}})");
  REQUIRE(container);
  CHECK(container->name.empty());
  CHECK(container->labels.empty());
  CHECK(container->networks.at("weave").ip.empty());
  CHECK(container->networks.at("other").prefix == 0);
  CHECK(container->networks.at("other").aliases == std::vector<std::string>{"a"});
}

TEST_CASE("a listed container's name is its own, not that of a link") {
  auto list = decode_container_list(R"([{"Id":"x","Names":["/other/alias","/own"],"State":"running"}])");
  REQUIRE(list);
  CHECK(list->front().name == "own");
}

TEST_CASE("a new network is encoded with its non-empty fields only") {
  CHECK(encode(NewNetwork{.name = "n"}) == R"({"CheckDuplicate":true,"Name":"n"})");
  NewNetwork full{.name = "weave",
                  .driver = "weavemesh",
                  .ipam_driver = "weavemesh",
                  .ipam_options = {{"a", "b"}},
                  .subnets = {{.subnet = "10.32.0.0/12", .range = "10.32.1.0/24", .gateway = ""}},
                  .options = {{"works.weave.multicast", "true"}},
                  .labels = {{"l", "m"}},
                  .internal = true,
                  .attachable = true};
  CHECK(encode(full) ==
        R"({"Attachable":true,"CheckDuplicate":true,"Driver":"weavemesh","IPAM":{"Config":[{"IPRange":"10.32.1.0/24",)"
        R"("Subnet":"10.32.0.0/12"}],"Driver":"weavemesh","Options":{"a":"b"}},"Internal":true,"Labels":{"l":"m"},)"
        R"("Name":"weave","Options":{"works.weave.multicast":"true"}})");
  CHECK(encode_filters({{"type", {"container", "network"}}}) == R"({"type":["container","network"]})");
}

TEST_CASE("lines are read from a stream in pieces of any size") {
  Lines lines;
  CHECK(lines.feed("{\"a\"").empty());
  CHECK(lines.feed(":1}\r\n\n{}\nrest") == std::vector<std::string>{"{\"a\":1}", "{}"});
  CHECK(lines.feed("\n") == std::vector<std::string>{"rest"});
  CHECK_THROWS_AS(lines.feed(std::string(1024 * 1024 + 1, 'x')), Error);
}

TEST_CASE("the text of an error answer is the daemon's message") {
  CHECK(decode_error("{\"message\":\"No such container: x\"}\n") == "No such container: x");
  CHECK(decode_error("page not found\n") == "page not found");
}
