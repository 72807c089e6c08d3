#include "base/text.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/log.hpp"

using namespace weave;

TEST_CASE("a number is whole, decimal and fits") {
  CHECK(parse_number("0") == 0);
  CHECK(parse_number("-7") == -7);
  CHECK(parse_number("2147483647") == 2147483647);
  for (auto bad : {"", "x", "1x", " 1", "+1", "0x1", "1.5", "2147483648"}) {
    INFO(bad);
    CHECK_FALSE(parse_number(bad));
  }
}

TEST_CASE("a truth value is what Go's ParseBool takes") {
  for (auto yes : {"1", "t", "T", "TRUE", "true", "True"}) CHECK(parse_bool(yes) == true);
  for (auto no : {"0", "f", "F", "FALSE", "false", "False"}) CHECK(parse_bool(no) == false);
  for (auto bad : {"", "yes", "tRUE", "2"}) CHECK_FALSE(parse_bool(bad));
}

TEST_CASE("each log level has the name from which it is parsed") {
  for (auto level : {log::Level::kDebug, log::Level::kInfo, log::Level::kWarning, log::Level::kError})
    CHECK(log::parse_level(log::level_name(level)) == level);
  CHECK_THROWS_WITH(log::parse_level("loud"), "unknown log level 'loud'");
}
