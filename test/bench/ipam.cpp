// What IP allocation costs without the store: a million addresses of a /12, given, freed and given again; memory by
// address; merging a ring by its size.
//
//   cmake --build --preset release --target bench_ipam && build/release/bench_ipam
#include <fmt/format.h>
#include <malloc.h>

#include <random>

#include "base/log.hpp"
#include "ipam/allocator.hpp"

using namespace weave;
using namespace weave::ipam;

namespace {

double seconds(const std::function<void()>& what) {
  auto start = std::chrono::steady_clock::now();
  what();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

size_t in_use() {
  auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

// As long as a container's id.
std::string ident(size_t number) {
  return fmt::format("{:064x}", number);
}

void addresses() {
  auto range = *Cidr::parse("10.32.0.0/12");
  Allocator allocator({PeerName{1}, "a", range, range, {PeerName{1}}}, {}, [](std::span<const Change>) {});
  constexpr size_t count = 1000000;
  auto before = in_use();
  auto given = seconds([&] {
    for (size_t i = 0; i < count; ++i) allocator.allocate(ident(i), range).value();
  });
  auto memory = in_use() - before;
  std::vector<size_t> order(count);
  for (size_t i = 0; i < count; ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), std::mt19937_64(1));
  auto freed = seconds([&] {
    for (size_t i = 0; i < count / 2; ++i) allocator.release_all(ident(order[i]));
  });
  auto again = seconds([&] {
    for (size_t i = 0; i < count / 2; ++i) allocator.allocate(ident(count + i), range).value();
  });
  fmt::print("allocate, one after the other       {:8.2f} us each\n", given / count * 1e6);
  fmt::print("memory                              {:8.0f} bytes an address, {:.0f} MB in all\n",
             static_cast<double>(memory) / count, static_cast<double>(memory) / 1e6);
  fmt::print("free half of them in random order   {:8.2f} us each\n", freed / (count / 2) * 1e6);
  fmt::print("allocate what was freed             {:8.2f} us each\n", again / (count / 2) * 1e6);
}

void merges() {
  for (size_t entries : {3, 100, 1000, 10000, 100000}) {
    auto range = Cidr::parse("10.0.0.0/8")->range();
    auto make = [&](PeerName self, uint32_t version) {
      std::vector<Entry> list;
      uint32_t step = static_cast<uint32_t>(range.size() / entries);
      for (size_t i = 0; i < entries; ++i)
        list.push_back({range.start + static_cast<uint32_t>(i) * step, PeerName{1 + i % 3}, version, step / 2});
      return Ring::assemble(range, self, std::move(list), {PeerName{1}}).value();
    };
    auto mine = make(PeerName{1}, 1), same = make(PeerName{2}, 1), newer = make(PeerName{2}, 2);
    int rounds = static_cast<int>(1 + 200000 / entries);
    auto unchanged = seconds([&] {
      for (int i = 0; i < rounds; ++i) mine.reconcile(same).value();
    });
    auto copies = std::vector(static_cast<size_t>(rounds), mine);
    auto changed = seconds([&] {
      for (auto& copy : copies) copy.reconcile(newer).value();
    });
    State state{.ring = to_wire(mine)};
    auto bytes = encode_state(state);
    auto encoded = seconds([&] {
      for (int i = 0; i < rounds; ++i) encode_state(state);
    });
    auto decoded = seconds([&] {
      for (int i = 0; i < rounds; ++i) decode_state(bytes).value();
    });
    fmt::print(
        "ring of {:6} entries: {:9} bytes; encode {:9.1f} us, decode {:9.1f} us, merge without news {:8.1f} us, "
        "all news {:8.1f} us\n",
        entries, bytes.size(), encoded / rounds * 1e6, decoded / rounds * 1e6, unchanged / rounds * 1e6,
        changed / rounds * 1e6);
  }
}

}  // namespace

int main() {
  log::set_level(log::Level::kError);
  addresses();
  merges();
}
