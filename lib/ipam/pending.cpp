// Requests that may have to wait.
//
// A request is tried when it comes in, whenever something has changed that it may have waited for (the ring, the
// ranges, a release) and with each tick; those for the ring first, then claims, then allocations, so that what is in
// use already is filed before anything is given out. What isn't ours is asked of its owner, one request at a time for a
// range: the answer is a new ring, or a denial.
#include <algorithm>

#include "base/log.hpp"
#include "ipam/work.hpp"

namespace weave::ipam {
namespace {

// A claim whose owner can't be asked fails with the sixth try: after 20 to 25 seconds.
constexpr int kTriesOfClaim = 6;
// An address that was denied is asked for again after this time.
constexpr auto kDenialLasts = std::chrono::seconds(60);
// How many addresses are asked back with one tick.
constexpr size_t kAskBack = 64;

}  // namespace

Ticket Allocator::submit(Pending request) {
  request.ticket = ++last_ticket_;
  auto ticket = request.ticket;
  auto outcome = attempt(request);
  if (outcome && !request.answered) answers_.push_back({ticket, std::move(*outcome)});
  if (!outcome) pending_.push_back(std::move(request));
  settle();
  return ticket;
}

Ticket Allocator::ask_allocate(const std::string& ident, Cidr subnet, bool container) {
  return submit({.kind = Kind::kAllocate, .ident = ident, .cidr = subnet, .container = container});
}

Ticket Allocator::ask_claim(const std::string& ident, Cidr cidr, bool container, Claim how) {
  return submit({.kind = Kind::kClaim, .ident = ident, .cidr = cidr, .container = container, .how = how});
}

Ticket Allocator::ask_ring() {
  return submit({.kind = Kind::kRing});
}

std::optional<Allocator::Pending> Allocator::withdraw(Ticket ticket) {
  auto one = std::ranges::find(pending_, ticket, &Pending::ticket);
  if (one == pending_.end()) return std::nullopt;
  auto request = std::move(*one);
  pending_.erase(one);
  return request;
}

void Allocator::cancel(Ticket ticket) {
  withdraw(ticket);
  std::erase_if(answers_, [&](const Answered& one) { return one.ticket == ticket; });
}

Answer<Cidr> Allocator::allocate(const std::string& ident, Cidr subnet, bool container) {
  auto ticket = ask_allocate(ident, subnet, container);
  if (auto waits = withdraw(ticket)) return tl::unexpected(std::move(waits->waits));
  auto answer = std::ranges::find(answers_, ticket, &Answered::ticket);
  auto got = std::move(answer->answer);
  answers_.erase(answer);
  return got;
}

Answer<void> Allocator::claim(const std::string& ident, Cidr cidr, bool container) {
  auto ticket = ask_claim(ident, cidr, container);
  if (auto waits = withdraw(ticket)) return tl::unexpected(std::move(waits->waits));
  auto answer = std::ranges::find(answers_, ticket, &Answered::ticket);
  auto got = std::move(answer->answer);
  answers_.erase(answer);
  if (!got) return tl::unexpected(std::move(got.error()));
  return {};
}

std::vector<std::string> Allocator::waiting() const {
  std::vector<std::string> list;
  for (const auto& one : pending_)
    if (one.kind == Kind::kAllocate) list.push_back(one.ident + " " + one.cidr.str());
  return list;
}

void Allocator::give_up(const std::function<bool(const Pending&)>& which) {
  std::erase_if(pending_, [&](Pending& one) {
    if (!which(one)) return false;
    if (!one.answered) answers_.push_back({one.ticket, refuse("cancelled", Refusal::Kind::kCancelled)});
    return true;
  });
}

// Sends and tries what a change has made possible.
void Allocator::settle() {
  if (retrying_) return;
  if (std::exchange(announce_, false)) broadcast();
  retrying_ = true;
  // A claim may take what another request waited for, and so on; each round decides something.
  while (std::exchange(stale_, false) && !pending_.empty()) retry();
  retrying_ = false;
}

void Allocator::retry() {
  for (auto kind : {Kind::kRing, Kind::kClaim, Kind::kAllocate})
    for (auto one = pending_.begin(); one != pending_.end();) {
      if (one->kind != kind) {
        ++one;
        continue;
      }
      Tried outcome;
      try {
        outcome = attempt(*one);
      } catch (const Error& error) {
        trouble(error.what());
        outcome = refuse(error.what());
      }
      if (!outcome) {
        ++one;
        continue;
      }
      if (!one->answered)
        answers_.push_back({one->ticket, std::move(*outcome)});
      else if (!*outcome)
        log::error("[allocator] {}", outcome->error().text);
      one = pending_.erase(one);
    }
}

Allocator::Tried Allocator::attempt(Pending& request) {
  if (leaving_) return refuse("cancelled", Refusal::Kind::kCancelled);
  if (request.kind == Kind::kAllocate) return attempt_allocate(request);
  if (request.kind == Kind::kClaim) return attempt_claim(request);
  establish();
  if (ring_.empty()) return std::nullopt;
  return Answer<Cidr>{};
}

Allocator::Tried Allocator::attempt_allocate(Pending& request) {
  const auto& [ident, subnet, container] = std::tie(request.ident, request.cidr, request.container);
  if (auto known = owned_.find(ident); known != owned_.end()) {
    for (const auto& held : known->second) {
      if (!subnet.contains(held.cidr.address)) continue;
      Ipv4 address = held.cidr.address;
      dead_.erase(ident);
      if (container && !held.container) {
        Work work(*this);
        work.mark_container(ident, address);
        work.commit();
      }
      return Cidr{address, subnet.prefix};
    }
  }
  if (!subnet.overlaps(config_.range))
    return refuse(fmt::format("range {} out of bounds: {}", subnet.str(), config_.range.str()));
  establish();
  if (ring_.empty()) {
    request.waits = {Refusal::Kind::kNoRing, "the peers haven't agreed yet who owns which addresses"};
    return std::nullopt;
  }
  Work work(*this);
  if (auto address = space_.allocate(subnet.host_range())) {
    work.taken(*address);
    work.file(filed_as(ident, *address), {{*address, subnet.prefix}, container});
    work.commit();
    return Cidr{*address, subnet.prefix};
  }
  ask_for_space(subnet);
  request.waits = {Refusal::Kind::kFull, fmt::format("no free address in {}", subnet.str())};
  return std::nullopt;
}

Allocator::Tried Allocator::attempt_claim(Pending& request) {
  const auto& [ident, cidr, container] = std::tie(request.ident, request.cidr, request.container);
  auto tried = [&](Answer<void> answer) -> Tried {
    if (answer) return Answer<Cidr>(request.cidr);
    return tl::unexpected(std::move(answer.error()));
  };
  auto holder = holders_.find(cidr.address);
  if (holder != holders_.end() && holder->second == filed_as(ident, cidr.address)) {
    dead_.erase(ident);
    const auto& list = owned_[holder->second];
    auto held = std::ranges::find(list, cidr.address, [](const Held& one) { return one.cidr.address; });
    if (container && !held->container) {
      Work work(*this);
      work.mark_container(holder->second, cidr.address);
      work.commit();
    }
    return cidr;
  }
  if (!in_range(cidr.address)) return tried(claim_outside(ident, cidr, container));

  // A caller that is content with less has its answer now.
  auto wait = [&](Refusal why) -> Tried {
    if (request.how == Claim::kLenient && !std::exchange(request.answered, true)) {
      log::info("[allocator] Claim {} for {}: {}; will try later.", cidr.str(), ident, why.text);
      answers_.push_back({request.ticket, cidr});
    }
    request.waits = std::move(why);
    return std::nullopt;
  };
  // What was found at the start waits for connections that may bring the ring.
  if (request.how != Claim::kFound || request.ticks > 0) establish();
  if (ring_.empty())
    return wait({Refusal::Kind::kNoRing,
                 fmt::format("is in the range {}, but the allocator is not initialized yet", config_.range.str())});
  dead_.erase(ident);
  auto owner = ring_.owner(cidr.address);
  if (owner == config_.self) return tried(claim_inside(ident, cidr, container));
  if (auto sent = ask_for_address(cidr.address); !sent) {
    auto text = fmt::format("{} - {}", owned_by_other(cidr, owner), sent.error());
    if (request.how == Claim::kAsked && request.ticks + 1 >= kTriesOfClaim)
      return refuse(text, Refusal::Kind::kElsewhere);
    return wait({Refusal::Kind::kElsewhere, text});
  }
  request.waits = {Refusal::Kind::kElsewhere, owned_by_other(cidr, owner)};
  return std::nullopt;
}

std::string Allocator::owned_by_other(Cidr cidr, PeerName owner) const {
  std::string nick = nickname(owner);
  return fmt::format("address {} is owned by other peer {}{}", cidr.str(), owner.str(),
                     nick.empty() ? "" : fmt::format(" ({})", nick));
}

// -- Asking others.

Allocator::Asked* Allocator::asked(PeerName donor, Ipv4Range range) {
  auto known = std::ranges::find_if(asked_, [&](const Asked& one) { return one.donor == donor && one.range == range; });
  return known == asked_.end() ? nullptr : &*known;
}

void Allocator::ask_for_space(Cidr subnet) {
  auto range = subnet.range();
  // There are free addresses, but none that a container may have: the network's and the broadcast address.
  if (space_.free_count(range) > 0) range = subnet.host_range();
  for (const auto& one : asked_)
    if (!one.denied && one.range.size() > 1 && one.range.overlaps(range)) return;
  auto donors = ring_.donors(range);
  std::vector<std::pair<double, PeerName>> order;
  for (auto [donor, free] : donors) {
    // Uniform in (0, 1].
    double chance = config_.random ? static_cast<double>((config_.random() >> 11) + 1) / 9007199254740992.0 : 1;
    order.emplace_back(-static_cast<double>(free) * chance, donor);
  }
  std::ranges::sort(order);
  auto message = encode_range(range);
  for (auto [weight, donor] : order) {
    if (asked(donor, range) || !send(donor, Tag::kSpaceRequest, message)) continue;
    asked_.push_back({donor, range});
    return;
  }
}

Result<void> Allocator::ask_for_address(Ipv4 address) {
  auto owner = ring_.owner(address);
  Ipv4Range one{address, address + 1};
  if (asked(owner, one)) return {};
  auto sent = send(owner, Tag::kSpaceRequest, encode_range(one));
  if (sent) asked_.push_back({owner, one});
  return sent;
}

// Addresses in use here that the ring gives to others: it was taken over while we were away, or we forgot that we had
// given it away. Whoever owns them may not have given them out yet.
size_t Allocator::ask_back() {
  if (leaving_ || ring_.empty()) return 0;
  std::erase_if(denied_, [&](const auto& one) {
    return now_ - one.second > kDenialLasts || !holders_.contains(one.first) || ring_.owner(one.first) == config_.self;
  });
  size_t count = 0, sent = 0;
  for (auto address : space_.stranded(kAskBack + denied_.size())) {
    if (denied_.contains(address) || ++count > kAskBack) continue;
    if (reachable(ring_.owner(address)) && ask_for_address(address)) ++sent;
  }
  return sent;
}

}  // namespace weave::ipam
