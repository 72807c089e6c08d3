#include "router/reconciler.hpp"

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "host/netlink.hpp"
#include "host/netns.hpp"
#include "unit/run.hpp"

using namespace weave;
using namespace weave::router;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  asio::io_context io;
  Reconciler reconciler{io.get_executor()};
  std::vector<std::string> ran;

  void add(const std::string& kind, Reconciler::When when) {
    reconciler.add(kind, when, [this, kind]() -> asio::awaitable<void> {
      ran.push_back(kind);
      co_return;
    });
  }
};

}  // namespace

TEST_CASE("all checks run in their order, also after one that fails") {
  Fixture f;
  f.add("one", Reconciler::When::kEvents);
  f.reconciler.add("two", Reconciler::When::kTimer, [&f]() -> asio::awaitable<void> {
    f.ran.emplace_back("two");
    throw Error("no");
    co_return;
  });
  f.add("three", Reconciler::When::kTimer);
  test::run(f.io, f.reconciler.run());
  CHECK(f.ran == std::vector<std::string>{"one", "two", "three"});
  f.ran.clear();
  test::run(f.io, f.reconciler.run(Reconciler::When::kEvents));
  CHECK(f.ran == std::vector<std::string>{"one"});
}

TEST_CASE("a change of links is noticed soon, and nothing runs after the stop") {
  host::NetNs::make().run([] {
    Fixture f;
    f.add("one", Reconciler::When::kEvents);
    f.add("two", Reconciler::When::kTimer);
    f.reconciler.start();
    f.io.run_for(50ms);
    CHECK(f.ran.empty());
    host::Netlink().create_bridge("wt");
    auto until = std::chrono::steady_clock::now() + 3s;
    while (f.ran.empty() && std::chrono::steady_clock::now() < until) f.io.run_for(20ms);
    CHECK(f.ran == std::vector<std::string>{"one"});
    f.reconciler.stop();
    f.ran.clear();
    f.io.restart();
    f.io.run_for(200ms);
    test::run(f.io, f.reconciler.run());
    CHECK(f.ran.empty());
  });
}
