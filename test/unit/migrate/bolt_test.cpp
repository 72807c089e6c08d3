#include "migrate/bolt.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "unit/migrate/files.hpp"

using namespace weave;
using namespace weave::migrate;

namespace {

constexpr size_t page_size = 4096;

void put(Bytes& file, size_t at, uint64_t value, size_t size) {
  for (size_t i = 0; i < size; ++i) file.at(at + i) = static_cast<uint8_t>(value >> (8 * i));
}
// Makes a meta page's checksum right again.
void seal(Bytes& file, size_t page) {
  put(file, page * page_size + 72, bolt_checksum(ByteView(file).subspan(page * page_size + 16, 56)), 8);
}
uint64_t transaction(const Bytes& file, size_t page) {
  uint64_t value = 0;
  for (size_t i = 8; i-- > 0;) value = value << 8 | file.at(page * page_size + 64 + i);
  return value;
}
size_t live_meta(const Bytes& file) {
  return transaction(file, 1) > transaction(file, 0) ? 1 : 0;
}

}  // namespace

TEST_CASE("a bucket's values are read, whether it is inline or has pages of its own") {
  for (auto name : {"small", "large"}) {
    INFO(name);
    auto vector = file_vector(name);
    auto file = file_bytes(vector);
    auto values = read_bolt_bucket(file, "top");
    REQUIRE(values);
    std::map<std::string, std::string> hex;
    for (const auto& [key, value] : *values) hex[key] = to_hex(value);
    CHECK(hex == vector.at("values_hex").get<std::map<std::string, std::string>>());
    CHECK(read_bolt_bucket(file, "other")->empty());
  }
}

TEST_CASE("the newer meta page is used, and the older one when it is damaged") {
  auto file = file_bytes(file_vector("small"));
  auto newest = read_bolt_bucket(file, "top").value();
  auto live = live_meta(file);
  file[live * page_size + 40] ^= 1;
  auto older = read_bolt_bucket(file, "top");
  REQUIRE(older);
  CHECK(older->at("ownedAddresses").size() < newest.at("ownedAddresses").size());
  file[(1 - live) * page_size + 40] ^= 1;
  CHECK_FALSE(read_bolt_bucket(file, "top"));
}

TEST_CASE("files of another format are refused") {
  CHECK_FALSE(read_bolt_bucket({}, "top"));
  CHECK_FALSE(read_bolt_bucket(as_bytes("SQLite format 3"), "top"));
  CHECK_FALSE(read_bolt_bucket(Bytes(65536), "top"));
  CHECK_FALSE(read_bolt_bucket(Bytes(65536, 0xff), "top"));
}

TEST_CASE("a file that is cut off is refused, or complete") {
  for (auto name : {"small", "large"}) {
    auto file = file_bytes(file_vector(name));
    auto all = read_bolt_bucket(file, "top").value();
    for (size_t length = 0; length < file.size(); length += length < 2 * page_size ? 97 : 509) {
      Bytes cut(file.begin(), file.begin() + static_cast<ptrdiff_t>(length));
      auto values = read_bolt_bucket(cut, "top");
      if (values) CHECK(values->size() == all.size());
    }
    CHECK_FALSE(read_bolt_bucket(ByteView(file).first(3 * page_size), "top"));
  }
}

TEST_CASE("a tree with a cycle or outside the file is refused") {
  auto file = file_bytes(file_vector("small"));
  auto live = live_meta(file);
  for (uint64_t root : {uint64_t{0}, uint64_t{1}, uint64_t{7}, uint64_t{1} << 40, ~uint64_t{0}}) {
    put(file, live * page_size + 32, root, 8);
    seal(file, live);
    CHECK_FALSE(read_bolt_bucket(file, "top"));
  }
  // A branch that is its own child.
  put(file, live * page_size + 32, 4, 8);
  seal(file, live);
  put(file, 4 * page_size + 8, 1, 2);
  put(file, 4 * page_size + 10, 1, 2);
  put(file, 4 * page_size + 24, 4, 8);
  auto looped = read_bolt_bucket(file, "top");
  REQUIRE_FALSE(looped);
  CHECK(looped.error() == "its tree has a loop");
  put(file, 4 * page_size + 12, 0xffffffff, 4);
  CHECK_FALSE(read_bolt_bucket(file, "top"));
}

TEST_CASE("any damage to a page gives values or a reason") {
  std::mt19937 random(7);
  for (auto name : {"small", "large"}) {
    const auto whole = file_bytes(file_vector(name));
    std::vector<size_t> used;
    for (size_t i = 0; i < whole.size(); ++i)
      if (whole[i] != 0) used.push_back(i);
    for (int round = 0; round < 3000; ++round) {
      auto file = whole;
      for (int i = 0; i < 3; ++i) file[used[random() % used.size()]] = static_cast<uint8_t>(random());
      for (size_t page : {0u, 1u}) seal(file, page);
      auto values = read_bolt_bucket(file, "top");
      if (!values) continue;
      for (const auto& [key, value] : *values) {
        CHECK(value.data() >= file.data());
        CHECK(value.data() + value.size() <= file.data() + file.size());
      }
    }
  }
}
