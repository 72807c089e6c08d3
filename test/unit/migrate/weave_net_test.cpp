#include "migrate/weave_net.hpp"

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "base/fd.hpp"
#include "gob/encode.hpp"
#include "migrate/bolt.hpp"
#include "unit/migrate/files.hpp"
#include "unit/temp_dir.hpp"

using namespace weave;
using namespace weave::migrate;

namespace {

namespace fs = std::filesystem;

std::string as_string(const Bytes& bytes) {
  return std::string(as_text(bytes));
}

Cidr cidr(std::string_view text) {
  return Cidr::parse(text).value();
}

std::map<std::string, std::vector<ipam::Allocation>> owned_from(const Json& json) {
  std::map<std::string, std::vector<ipam::Allocation>> owned;
  for (const auto& [ident, one] : json.items())
    for (const auto& text : one.at("Cidrs"))
      owned[ident].push_back({cidr(text.get<std::string>()), one.at("IsContainer").get<bool>()});
  return owned;
}

std::vector<ipam::Entry> entries_from(const Json& ring) {
  std::vector<ipam::Entry> entries;
  for (const auto& e : ring.at("Entries"))
    entries.push_back({Ipv4::parse(e.at("Token").get<std::string>()).value(),
                       PeerName::parse(e.at("Peer").get<std::string>()).value(), e.at("Version"), e.at("Free")});
  return entries;
}

// A file with one inline bucket of these values.
Bytes file_with(const std::map<std::string, Bytes>& values) {
  constexpr size_t page = 65536;  // so that everything fits, as on machines with large pages
  auto number = [](Bytes& out, uint64_t value, size_t size) {
    for (size_t i = 0; i < size; ++i) out.push_back(static_cast<uint8_t>(value >> (8 * i)));
  };
  auto leaf = [&](uint64_t id, const std::map<std::string, Bytes>& items, uint32_t flags) {
    Bytes out, data;
    number(out, id, 8);
    number(out, 2, 2);
    number(out, items.size(), 2);
    number(out, 0, 4);
    size_t left = items.size() * 16;
    for (const auto& [key, value] : items) {
      number(out, flags, 4);
      number(out, left + data.size(), 4);
      number(out, key.size(), 4);
      number(out, value.size(), 4);
      left -= 16;
      data.insert(data.end(), key.begin(), key.end());
      data.insert(data.end(), value.begin(), value.end());
    }
    out.insert(out.end(), data.begin(), data.end());
    return out;
  };
  Bytes bucket(16);
  auto inner = leaf(0, values, 0);
  bucket.insert(bucket.end(), inner.begin(), inner.end());
  Bytes meta;
  number(meta, 0, 8);
  number(meta, 4, 2);
  number(meta, 0, 6);
  number(meta, 0xed0cdaed, 4);
  number(meta, 2, 4);
  number(meta, page, 4);
  number(meta, 0, 4);
  for (uint64_t value : {2, 0, 3, 4, 9}) number(meta, value, 8);  // root, sequence, free list, pages, transaction
  number(meta, bolt_checksum(ByteView(meta).subspan(16)), 8);
  Bytes file(4 * page);
  auto root = leaf(2, {{"top", bucket}}, 1);
  std::copy(meta.begin(), meta.end(), file.begin());
  std::copy(root.begin(), root.end(), file.begin() + 2 * page);
  return file;
}

std::map<std::string, Bytes> good_values() {
  std::map<std::string, Bytes> values;
  const auto vector = file_vector("small");
  for (const auto& [key, hex] : vector.at("values_hex").items()) values[key] = from_hex(hex.get<std::string>()).value();
  return values;
}

std::string refusal_with(const std::string& key, Bytes value) {
  auto values = good_values();
  values[key] = std::move(value);
  auto state = decode_weave_net(file_with(values));
  return state ? "" : state.error();
}

}  // namespace

TEST_CASE("peer name, ring, allocations and targets are read from whole files") {
  for (auto name : {"small", "large"}) {
    INFO(name);
    auto vector = file_vector(name);
    auto state = decode_weave_net(file_bytes(vector));
    REQUIRE(state);
    const auto& expected = vector.at("expected");
    CHECK(state->self.str() == expected.at("peername").get<std::string>());
    CHECK(state->owned == owned_from(expected.at("ownedAddresses")));
    CHECK(state->targets == expected.at("directPeers").get<std::vector<std::string>>());
    REQUIRE(state->ring);
    CHECK(state->ring->entries() == entries_from(expected.at("ring")));
    CHECK(state->ring->range().start.str() == expected.at("ring").at("Start").get<std::string>());
    CHECK(state->ring->range().end.str() == expected.at("ring").at("End").get<std::string>());
    CHECK(state->ring->seeds() == std::vector{state->self});
  }
}

TEST_CASE("every stored value of the vectors is decoded") {
  for (const auto& v : test::vectors("ipam/persisted-values.json", "vectors")) {
    auto key = v.at("key").get<std::string>();
    INFO(key);
    auto values = good_values();
    values[key] = from_hex(v.at("hex").get<std::string>()).value();
    auto state = decode_weave_net(file_with(values));
    REQUIRE(state);
    const auto& value = v.at("value");
    if (key == "peername") CHECK(state->self.str() == value.get<std::string>());
    if (key == "ring") CHECK(state->ring->entries() == entries_from(value));
    if (key == "ownedAddresses") CHECK(state->owned == owned_from(value));
    if (key == "directPeers") CHECK(state->targets == value.get<std::vector<std::string>>());
  }
}

TEST_CASE("IP allocation continues with the imported state") {
  test::TempDir directory;
  auto path = directory / "old-data.db";
  write_file(path, as_string(file_bytes(file_vector("large"))));
  Store store(directory / "weave.db");
  auto imported = import_at_first_launch(directory / "old-", store);
  REQUIRE(imported);
  CHECK(imported->path == path);
  CHECK(imported->str() == "peer 02:00:00:00:00:01, range 10.32.0.0-10.48.0.0, 73 addresses, 0 targets");
  CHECK(store.get("router", "name") == "02:00:00:00:00:01");
  auto stored = ipam::load(store);
  CHECK(stored.self == imported->state.self);
  CHECK(stored.range == imported->state.ring->range());
  CHECK(stored.entries == imported->state.ring->entries());
  CHECK(stored.seeds == imported->state.ring->seeds());
  CHECK(stored.owned == imported->state.owned);
  CHECK(as_string(file_bytes(file_vector("large"))) == read_file(path));

  CHECK_FALSE(import_at_first_launch(directory / "old-", store));  // ours counts from now on
}

TEST_CASE("targets are imported without a ring, but never over stored ones") {
  test::TempDir directory;
  Bytes targets;
  for (const auto& v : test::vectors("ipam/persisted-values.json", "vectors"))
    if (v.at("key") == "directPeers") targets = from_hex(v.at("hex").get<std::string>()).value();
  auto path = directory / "data.db";
  write_file(path, as_string(file_with({{"version", {1, 0}}, {"directPeers", targets}})));
  Store store(directory / "weave.db");
  auto imported = import_weave_net(path, store);
  CHECK(imported.str() == "0 addresses, 2 targets");
  CHECK(store.get("router", "targets") == R"(["host2","10.0.0.3:6783"])");
  CHECK(ipam::load(store).self.value == 0);
  CHECK_FALSE(store.get("router", "name"));
  store.put("router", "targets", "[]");
  import_weave_net(path, store);
  CHECK(store.get("router", "targets") == "[]");
}

TEST_CASE("invalid values are refused with the key's name") {
  CHECK(refusal_with("version", {1, 0}) == "");
  CHECK(refusal_with("version", {1, 7}) == "");
  CHECK(refusal_with("version", {2, 0}) == "it is of another version of Weave Net");
  CHECK(refusal_with("version", {}) != "");
  for (auto key : {"peername", "ring", "ownedAddresses", "directPeers"}) {
    CHECK(refusal_with(key, {}).starts_with(key));
    CHECK(refusal_with(key, {1, 2, 3}).starts_with(key));
    CHECK(refusal_with(key, gob::encode(true)).starts_with(key));
  }
  CHECK(refusal_with("peername", gob::encode(uint64_t{1} << 48)) == "peername: it is no peer's name");
}

TEST_CASE("a file that cannot be read is left unchanged, and the error names it with a hint") {
  test::TempDir directory;
  Store store(directory / "weave.db");
  auto path = directory / "data.db";
  auto refused = [&](const std::string& why) {
    try {
      import_weave_net(path, store);
      FAIL("it was imported");
    } catch (const Error& error) {
      CHECK(error.what() == fmt::format("cannot take over the state of Weave Net from {}: {}", path, why));
      CHECK_FALSE(error.hint().empty());
    }
    CHECK(ipam::load(store).self.value == 0);
    CHECK(store.all("router").empty());
  };
  refused("No such file or directory");
  write_file(path, "nonsense");
  refused("it is no BoltDB file, or damaged at its beginning");
  CHECK(read_file(path) == "nonsense");
  auto content = as_string(file_bytes(file_vector("small")));
  write_file(path, content.substr(0, 20000));
  refused("it is cut off: 20000 bytes are there of 6 pages of 4096");
  write_file(path, content);
  {
    UniqueFd running(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    REQUIRE(::flock(running.get(), LOCK_EX) == 0);
    refused("it is in use");
  }
  fs::remove(path);
  fs::create_directory(path);
  refused("it is no file");
  fs::remove(path);
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  refused("it is no file");
}

TEST_CASE("without a file nothing is imported, and reset puts one away") {
  test::TempDir directory;
  Store store(directory / "weave.db");
  CHECK_FALSE(import_at_first_launch(directory / "weave", store));
  CHECK(put_away_weave_net(directory / "weave").empty());
  write_file(directory / "weavedata.db", as_string(file_bytes(file_vector("small"))));
  CHECK(put_away_weave_net(directory / "weave") == std::vector{directory / "weavedata.db"});
  CHECK_FALSE(import_at_first_launch(directory / "weave", store));
  CHECK(fs::exists(directory / "weavedata.db.reset"));
}

TEST_CASE("the searched paths are those of Weave Net") {
  CHECK(weave_net_files("") ==
        std::vector<std::string>{"/var/lib/weave/weave-netdata.db", "/var/lib/weave/weavedata.db"});
  CHECK(weave_net_files("/weavedb/weave") == std::vector<std::string>{"/weavedb/weavedata.db"});
}
