#include "dns/feed.hpp"

#include <catch2/catch.hpp>

using namespace weave;
using names::Entry;

namespace {

const Ipv4 one{0x0a200001}, two{0x0a200002};
const Entry web{"Web1.weave.local.", {1}, "c1", one}, db{"db.weave.local.", {2}, "c2", two};

}  // namespace

TEST_CASE("the table follows snapshot, changes and removals in pieces of any size") {
  dns::FeedEncoder encoder;
  auto dead = db;
  dead.tombstone = 7;
  auto first = encoder.snapshot({web, dead}), second = encoder.changes({db}), third = encoder.changes({dead}),
       fourth = encoder.erased({web});
  dns::Table table;
  for (size_t i = 0; i < first.size(); ++i) {
    CHECK_FALSE(table.ready());
    REQUIRE(table.push(ByteView(first).subspan(i, 1)));
  }
  CHECK(table.ready());
  CHECK(table.index().size() == 1);
  CHECK(table.index().lookup("web1.weave.local.").size() == 1);
  CHECK(table.index().reverse(one) == "Web1.weave.local.");
  REQUIRE(table.push(second));
  CHECK(table.index().reverse(two) == "db.weave.local.");
  REQUIRE(table.push(third));
  CHECK(table.index().size() == 1);
  REQUIRE(table.push(fourth));
  CHECK(table.index().size() == 0);
}

TEST_CASE("a second snapshot replaces the first only when it is complete") {
  dns::FeedEncoder encoder;
  dns::Table table;
  REQUIRE(table.push(encoder.snapshot({web})));
  auto next = encoder.snapshot({db});
  REQUIRE(table.push(ByteView(next).first(next.size() - 1)));
  CHECK(table.index().lookup("web1.weave.local.").size() == 1);
  REQUIRE(table.push(ByteView(next).last(1)));
  CHECK(table.index().lookup("web1.weave.local.").empty());
  CHECK(table.index().lookup("db.weave.local.").size() == 1);
}

TEST_CASE("a broken feed is refused: gap, nonsense length, unknown frame, cut entry") {
  dns::FeedEncoder encoder;
  encoder.snapshot({});
  CHECK_FALSE(dns::Table().push(encoder.changes({web})));
  CHECK_FALSE(dns::Table().push(Bytes{0xff, 0xff, 0xff, 0xff}));
  CHECK_FALSE(dns::Table().push(Bytes{0, 0, 0, 1, 1}));
  CHECK_FALSE(dns::Table().push(Bytes{0, 0, 0, 9, 99, 0, 0, 0, 0, 0, 0, 0, 1}));
  CHECK_FALSE(dns::Table().push(Bytes{0, 0, 0, 10, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0}));
  CHECK_FALSE(dns::Table().push(Bytes{0, 0, 0, 9, 4, 0, 0, 0, 0, 0, 0, 0, 1}));
}

TEST_CASE("a status survives encoding, and the last of several is returned") {
  dns::StatusEncoder encoder;
  dns::StatusDecoder decoder;
  dns::Status status{1, 2, 3, 4, 5, {"10.0.0.1", "fe80::1%eth0"}};
  auto bytes = encoder.encode(status);
  CHECK_FALSE(decoder.push(ByteView(bytes).first(7)).value());
  CHECK(decoder.push(ByteView(bytes).subspan(7)).value() == status);
  bytes = encoder.encode(status);
  status.answered = 9;
  auto more = encoder.encode(status);
  bytes.insert(bytes.end(), more.begin(), more.end());
  CHECK(decoder.push(bytes).value() == status);
}
