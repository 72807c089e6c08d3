// The names' database with very many names: time to take them in, to find them, to gossip them; memory an entry.
//
//   cmake --build --preset release --target bench_names && build/release/bench_names [entries]
#include <fmt/format.h>
#include <malloc.h>

#include <chrono>
#include <cstdlib>

#include "names/gossip.hpp"

using namespace weave;
using namespace weave::names;

namespace {

double seconds(const std::function<void()>& run) {
  auto begin = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

int main(int argc, char** argv) {
  size_t count = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 100'000;
  constexpr int64_t now = 1700000000;
  constexpr uint32_t per_peer = 1000;
  // As real ones are: a name of its own each, ids of 64 digits.
  Entries entries;
  for (uint32_t i = 0; i < count; ++i)
    entries.push_back({fmt::format("service-{}.weave.local.", i), PeerName{0x020000000000u + i / per_peer},
                       fmt::format("{:064x}", uint64_t{i} * 0x9e3779b97f4a7c15), Ipv4{0x0a200000 + i}});
  auto all = [](PeerName) { return true; };

  size_t before = mallinfo2().uordblks;
  Database database({1}, "weave.local");
  double merged = seconds([&] { database.receive(entries, now, now, all).value(); });
  size_t memory = mallinfo2().uordblks - before;
  double again = seconds([&] { database.receive(entries, now, now, all).value(); });
  std::vector<std::string> questions;
  for (size_t i = 0; i < 1'000'000; ++i) questions.push_back(lower(entries[i * 7919 % count].hostname));
  size_t found = 0;
  double asked = seconds([&] {
    for (const auto& name : questions) found += database.index().lookup(name).size();
  });
  std::vector<Bytes> messages;
  double encoded = seconds([&] { messages = whole_state(database, [] { return now; })->encode(); });
  size_t bytes = 0;
  for (const auto& message : messages) bytes += message.size();
  Database other({2}, "weave.local");
  double received = seconds([&] {
    for (const auto& message : messages) other.receive(decode(message).value().entries, now, now, all).value();
  });

  fmt::print("{} entries of {} peers; memory {} bytes an entry\n", count, (count + per_peer - 1) / per_peer,
             memory / count);
  fmt::print("merge, all new      {:8.3f} s\n", merged);
  fmt::print("merge, nothing new  {:8.3f} s\n", again);
  fmt::print("look-up             {:8.0f} ns ({} found)\n", asked * 1e9 / static_cast<double>(questions.size()), found);
  fmt::print("encode the state    {:8.3f} s, {} messages, {} bytes\n", encoded, messages.size(), bytes);
  fmt::print("decode and merge    {:8.3f} s\n", received);
  return found == questions.size() ? 0 : 1;
}
