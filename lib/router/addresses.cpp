#include "router/addresses.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.hpp"
#include "base/text.hpp"
#include "ipam/channel.hpp"

namespace weave::router {
namespace {

using Clock = std::chrono::steady_clock;

// Runs at the end of its scope.
struct Finally {
  std::function<void()> run;
  ~Finally() { run(); }
};

}  // namespace

Addresses::Addresses(asio::any_io_executor executor, ipam::Config config, const ipam::Persisted& stored,
                     ipam::Save save, Alive alive, ipam::Links links, InUse in_use)
    : executor_(std::move(executor)),
      allocator_(std::move(config), stored, std::move(save), std::move(links)),
      alive_(std::move(alive)),
      in_use_(std::move(in_use)) {}

void Addresses::deliver() {
  for (auto& one : allocator_.take()) {
    auto waits = waiting_.find(one.ticket);
    if (waits == waiting_.end()) {
      // Of a claim found at the start.
      if (!one.answer) log::error("a claim found at the start failed: reason={}", one.answer.error().text);
      continue;
    }
    waits->second.answer = std::move(one.answer);
    waits->second.woken.cancel();
  }
}

gossip::Channel Addresses::channel() {
  return ipam::channel_of(allocator_, [this] { deliver(); });
}

void Addresses::peer_gone(PeerName peer) {
  allocator_.peer_gone(peer);
  deliver();
}

asio::awaitable<bool> Addresses::gone(const std::string& ident, bool check_alive) {
  if (!check_alive) co_return false;
  try {
    co_return !co_await alive_(ident);
  } catch (const Error& error) {
    log::warning("cannot tell whether a container runs: container={} reason={}", ident, error.what());
    co_return false;
  }
}

asio::awaitable<std::optional<Cidr>> Addresses::answer(ipam::Ticket ticket, std::string what) {
  auto& self = waiting_.try_emplace(ticket, Waiting{asio::steady_timer(executor_), {}}).first->second;
  Finally leave{[&] {
    if (!self.answer) allocator_.cancel(ticket);  // a lenient claim goes on after its answer
    waiting_.erase(ticket);
  }};
  deliver();
  for (bool told = false; !self.answer;) {
    if (!std::exchange(told, true)) log::info("an address request waits: request=\"{}\"", what);
    self.woken.expires_at(asio::steady_timer::time_point::max());
    co_await self.woken.async_wait(asio::as_tuple(asio::use_awaitable));
    // The timer is cancelled when there is an answer; the whole coroutine is cancelled when the client is gone.
    if (!self.answer && (co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none)
      throw Error("the request was given up");
  }
  if (*self.answer) co_return **self.answer;
  const auto& refusal = self.answer->error();
  if (refusal.kind == ipam::Refusal::Kind::kCancelled) co_return std::nullopt;
  throw Error(refusal.text);
}

asio::awaitable<std::optional<Cidr>> Addresses::allocate(std::string ident, Cidr subnet, bool check_alive) {
  if (co_await gone(ident, check_alive)) co_return std::nullopt;
  auto ticket = allocator_.ask_allocate(ident, subnet, check_alive);
  co_return co_await answer(ticket, fmt::format("allocate {} for {}", subnet.str(), ident));
}

asio::awaitable<bool> Addresses::claim(std::string ident, Cidr address, bool check_alive, bool lenient) {
  if (co_await gone(ident, check_alive)) co_return false;
  using Claim = ipam::ClaimMode;
  auto ticket = allocator_.ask_claim(ident, address, check_alive, lenient ? Claim::kLenient : Claim::kAsked);
  co_return (co_await answer(ticket, fmt::format("claim {} for {}", address.str(), ident))).has_value();
}

void Addresses::found(const std::string& ident, Cidr address, bool container) {
  allocator_.ask_claim(ident, address, container, ipam::ClaimMode::kFound);
  deliver();
}

asio::awaitable<void> Addresses::prime() {
  co_await answer(allocator_.ask_ring(), "ring");
}

bool Addresses::release(const std::string& ident, std::optional<Ipv4> address) {
  auto done = address ? allocator_.release(ident, *address) : allocator_.release_all(ident);
  deliver();
  return done.has_value();
}

void Addresses::container_died(const std::string& ident) {
  allocator_.container_died(ident, Clock::now());
  deliver();
}

void Addresses::spawn(std::function<void(const std::set<Ipv4>&)> free) {
  if (!in_use_) return free({});
  asio::co_spawn(executor_, with_addresses_in_use(std::move(free)), asio::detached);
}

asio::awaitable<void> Addresses::with_addresses_in_use(std::function<void(const std::set<Ipv4>&)> free) {
  try {
    free(co_await in_use_());
  } catch (const Error& error) {
    log::warning("cannot find the addresses in use, nothing is freed: reason={}", error.what());
  }
  ticking_ = false;
}

void Addresses::container_destroyed(const std::string& ident) {
  // A look into the kernel that fails now is repeated by the ticks after the grace.
  container_died(ident);
  spawn([this, ident](const std::set<Ipv4>& in_use) {
    allocator_.container_destroyed(ident, in_use);
    for (const auto& owned : allocator_.owned())
      if (owned.ident == ident)
        log::info("addresses of a removed container are still in use: container={} addresses={}", ident,
                  owned.addresses.size());
    deliver();
  });
}

void Addresses::reconcile(std::set<std::string> running, std::set<std::string> existing) {
  // Docker lists full ids: it can't be told whether another ident is that of a container.
  std::set<std::string> compared;
  for (const auto& owned : allocator_.owned()) {
    compared.insert(owned.ident);
    if (!is_container_id(owned.ident)) running.insert(owned.ident);
  }
  spawn([this, running = std::move(running), existing = std::move(existing),
         compared = std::move(compared)](const std::set<Ipv4>& in_use) mutable {
    // A container that has got its first address since then is newer than Docker's list.
    for (const auto& owned : allocator_.owned())
      if (!compared.contains(owned.ident)) running.insert(owned.ident);
    allocator_.reconcile(running, existing, Clock::now(), in_use);
    deliver();
  });
}

void Addresses::tick() {
  if (!allocator_.frees_at(Clock::now())) return tick_with({});
  if (std::exchange(ticking_, true)) return;
  spawn([this](const std::set<Ipv4>& in_use) { tick_with(in_use); });
}

void Addresses::tick_with(const std::set<Ipv4>& in_use) {
  for (const auto& ident : allocator_.tick(Clock::now(), in_use))
    log::info("addresses of a dead container are free: container={}", ident);
  ticking_ = false;
  deliver();
}

std::optional<PeerName> Addresses::leave() {
  auto heir =
      allocator_.leave(allocator_.links().reachable ? allocator_.links().reachable : [](PeerName) { return false; });
  deliver();
  return heir;
}

uint64_t Addresses::take_over(const std::string& peer, bool force) {
  auto taken = allocator_.takeover(peer, force);
  deliver();
  if (!taken) throw Error(taken.error());
  return *taken;
}

std::string Addresses::diff() const {
  std::string text;
  for (const auto& one : allocator_.diff()) text += one.text() + "\n";
  return text;
}

std::string Addresses::repair(bool rejoin, bool force) {
  if (rejoin) {
    auto done = allocator_.rejoin(force);
    deliver();
    if (!done) throw Error(done.error());
    return "our ring is given up; addresses in use are kept, and asked for as soon as another ring comes\n";
  }
  auto back = allocator_.repair();
  deliver();
  if (back.waiting) return "our ring was given up, and no other has come yet\n";
  if (back.stranded == 0) return "no addresses to ask back\n";
  return fmt::format("{} addresses in use here belong to other peers; asked for now: {}\n", back.stranded, back.asked);
}

}  // namespace weave::router
