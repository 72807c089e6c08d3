#include "router/addresses.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.hpp"

namespace weave::router {
namespace {

using Clock = std::chrono::steady_clock;

// A waiting request looks again this often, even if nobody says that something has changed.
constexpr auto kRetry = std::chrono::seconds(5);

// A container that a name stands for, as Docker writes it in full.
bool is_container(const std::string& ident) {
  return ident.size() == 64 && ident.find_first_not_of("0123456789abcdef") == ident.npos;
}

// Takes an entry off the list at the end of its scope.
struct Listed {
  std::function<void()> leave;
  ~Listed() { leave(); }
};

}  // namespace

Addresses::Addresses(asio::any_io_executor executor, ipam::Config config, const ipam::Persisted& stored,
                     ipam::Save save, Alive alive)
    : executor_(std::move(executor)),
      allocator_(std::move(config), stored, std::move(save)),
      alive_(std::move(alive)) {}

void Addresses::changed() {
  for (auto& one : waiting_) one.retry.cancel();
}

asio::awaitable<bool> Addresses::gone(const std::string& ident, bool check_alive) {
  if (!check_alive) co_return false;
  try {
    co_return !co_await alive_(ident);
  } catch (const Error& error) {
    log::warning("can't tell whether the container runs: container={} reason={}", ident, error.what());
    co_return false;
  }
}

asio::awaitable<std::optional<Cidr>> Addresses::allocate(std::string ident, Cidr subnet, bool check_alive) {
  if (co_await gone(ident, check_alive)) co_return std::nullopt;
  waiting_.push_back({ident, subnet, asio::steady_timer(executor_)});
  auto self = std::prev(waiting_.end());
  Listed listed{[&] { waiting_.erase(self); }};
  for (bool told = false;; told = true) {
    if (self->given_up) co_return std::nullopt;
    auto answer = allocator_.allocate(ident, subnet, check_alive);
    if (answer) co_return *answer;
    if (answer.error().kind == ipam::Refusal::Kind::kCancelled) co_return std::nullopt;
    if (answer.error().kind != ipam::Refusal::Kind::kFull) throw Error(answer.error().text);
    if (!told) log::warning("waiting for an address: container={} reason={}", ident, answer.error().text);
    self->retry.expires_after(kRetry);
    co_await self->retry.async_wait(asio::as_tuple(asio::use_awaitable));
    // The timer is cancelled to wake us; the whole coroutine is cancelled when the asker hangs up.
    if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none)
      throw Error("the request was given up");
  }
}

asio::awaitable<bool> Addresses::claim(std::string ident, Cidr address, bool check_alive) {
  if (co_await gone(ident, check_alive)) co_return false;
  auto answer = allocator_.claim(ident, address, check_alive);
  if (answer) co_return true;
  if (answer.error().kind == ipam::Refusal::Kind::kCancelled) co_return false;
  throw Error(answer.error().text);
}

bool Addresses::release(const std::string& ident, std::optional<Ipv4> address) {
  auto done = address ? allocator_.release(ident, *address) : allocator_.release_all(ident);
  if (done) changed();
  return done.has_value();
}

void Addresses::container_died(const std::string& ident) {
  allocator_.container_died(ident, Clock::now());
  for (auto& one : waiting_)
    if (one.ident == ident) one.given_up = true;
  changed();
}

void Addresses::container_destroyed(const std::string& ident) {
  allocator_.container_destroyed(ident);
  changed();
}

void Addresses::reconcile(const std::set<std::string>& running, const std::set<std::string>& existing) {
  for (const auto& owned : allocator_.owned()) {
    if (!is_container(owned.ident) || running.contains(owned.ident)) continue;
    if (existing.contains(owned.ident))
      allocator_.container_died(owned.ident, Clock::now());
    else
      allocator_.container_destroyed(owned.ident);
  }
  changed();
}

void Addresses::tick() {
  for (const auto& ident : allocator_.tick(Clock::now())) {
    log::info("addresses of a dead container are free: container={}", ident);
    changed();
  }
}

std::optional<PeerName> Addresses::leave() {
  auto heir = allocator_.leave([](PeerName) { return false; });
  for (auto& one : waiting_) one.given_up = true;
  changed();
  return heir;
}

uint64_t Addresses::take_over(const std::string& peer) {
  auto taken = allocator_.takeover(peer);
  changed();
  return taken;
}

std::vector<std::string> Addresses::waiting() const {
  std::vector<std::string> list;
  for (const auto& one : waiting_) list.push_back(one.ident + " " + one.subnet.str());
  return list;
}

}  // namespace weave::router
