#include "ipam/attempts.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace weave::ipam {
namespace {

// A claim whose owner can't be asked fails with the sixth try: after 20 to 25 seconds.
constexpr int kTriesOfClaim = 6;

}  // namespace

AttemptResult Attempts::attempt(Request& request) {
  if (core_.leaving) return refuse("cancelled", Refusal::Kind::kCancelled);
  if (request.kind == Request::Kind::kAllocate) return allocate(request);
  if (request.kind == Request::Kind::kClaim) return claim(request);
  establish_();
  if (core_.ledger.ring.empty()) return std::nullopt;
  return Answer<Cidr>{};
}

void Attempts::use_again(const std::string& ident, Allocation held, bool container) {
  core_.ledger.allocations.container_started(ident);
  if (!container || held.container) return;
  LedgerTransaction change(core_.ledger);
  change.mark_container(ident, held.cidr.address);
  change.commit();
}

AttemptResult Attempts::allocate(Request& request) {
  auto& ledger = core_.ledger;
  const auto& ident = request.ident;
  Cidr subnet = request.cidr;
  for (const auto& held : ledger.allocations.of(ident)) {
    if (!subnet.contains(held.cidr.address)) continue;
    Cidr again{held.cidr.address, subnet.prefix};
    use_again(ident, held, request.container);
    return again;
  }
  if (!subnet.overlaps(core_.config.range))
    return refuse(fmt::format("range {} out of bounds: {}", subnet.str(), core_.config.range.str()));
  establish_();
  if (ledger.ring.empty()) {
    request.waiting_for = {Refusal::Kind::kNoRing, "the peers haven't agreed yet who owns which addresses"};
    return std::nullopt;
  }
  LedgerTransaction change(ledger);
  if (auto address = ledger.space.allocate(subnet.host_range())) {
    change.note_taken(*address);
    Cidr given{*address, subnet.prefix};
    change.add(filed_as(ident, *address), {given, request.container});
    change.commit();
    return given;
  }
  core_.space_requests.ask_for_space(subnet);
  request.waiting_for = {Refusal::Kind::kFull, fmt::format("no free address in {}", subnet.str())};
  return std::nullopt;
}

AttemptResult Attempts::claim(Request& request) {
  auto& ledger = core_.ledger;
  Ipv4 address = request.cidr.address;
  auto ident = filed_as(request.ident, address);
  if (ledger.allocations.holder(address) == ident) {
    auto list = ledger.allocations.of(ident);
    auto held = std::ranges::find(list, address, [](const Allocation& one) { return one.cidr.address; });
    use_again(ident, *held, request.container);
    return request.cidr;
  }
  if (!ledger.in_range(address)) return claim_outside(request);

  // A claim found at the start waits for connections that may bring the ring.
  if (request.mode != ClaimMode::kFound || request.ticks > 0) establish_();
  if (ledger.ring.empty())
    return wait(request,
                {Refusal::Kind::kNoRing, fmt::format("is in the range {}, but the allocator is not initialized yet",
                                                     core_.config.range.str())});
  ledger.allocations.container_started(request.ident);
  auto owner = ledger.ring.owner(address);
  return owner == core_.config.self ? claim_in_range(request) : claim_of_other_peer(request, owner);
}

AttemptResult Attempts::claim_of_other_peer(Request& request, PeerName owner) {
  auto text = owned_by_other(request.cidr, owner);
  if (auto sent = core_.space_requests.ask_for_address(request.cidr.address); !sent) {
    text += " - " + sent.error();
    if (request.mode == ClaimMode::kAsked && request.ticks + 1 >= kTriesOfClaim)
      return refuse(text, Refusal::Kind::kElsewhere);
    return wait(request, {Refusal::Kind::kElsewhere, text});
  }
  request.waiting_for = {Refusal::Kind::kElsewhere, text};
  return std::nullopt;
}

AttemptResult Attempts::wait(Request& request, Refusal reason) {
  if (request.mode == ClaimMode::kLenient && !request.answered) {
    log::info("a claim is granted for now and tried again later: address={} ident={} reason={}", request.cidr.str(),
              request.ident, reason.text);
    core_.requests.answer_early(request, request.cidr);
  }
  request.waiting_for = std::move(reason);
  return std::nullopt;
}

Answer<Cidr> Attempts::claim_outside(const Request& request) {
  auto& ledger = core_.ledger;
  Cidr cidr = request.cidr;
  auto other = ledger.allocations.holder(cidr.address);
  if (other && request.ident == kAnonymous) return cidr;
  if (other && !ledger.allocations.is_dead(*other))
    return refuse(fmt::format("address {} already in use by {}", cidr.str(), *other));
  LedgerTransaction change(ledger);
  if (other) change.remove(*other, cidr.address);
  change.add(filed_as(request.ident, cidr.address), {cidr, request.container});
  change.commit();
  return cidr;
}

Answer<Cidr> Attempts::claim_in_range(const Request& request) {
  auto& ledger = core_.ledger;
  Cidr cidr = request.cidr;
  if (auto other = ledger.allocations.holder(cidr.address)) {
    if (*other == cidr.address.str()) return refuse(fmt::format("address {} already in use", cidr.str()));
    if (request.ident == kAnonymous) return cidr;
    return refuse(fmt::format("address {} is already owned by {}", cidr.str(), *other));
  }
  LedgerTransaction change(ledger);
  if (auto claimed = ledger.space.claim(cidr.address); !claimed) return refuse(claimed.error());
  change.note_taken(cidr.address);
  change.add(filed_as(request.ident, cidr.address), {cidr, request.container});
  change.commit();
  return cidr;
}

std::string Attempts::owned_by_other(Cidr cidr, PeerName owner) const {
  auto nickname = core_.nicknames.of(owner);
  return fmt::format("address {} is owned by other peer {}{}", cidr.str(), owner.str(),
                     nickname.empty() ? "" : fmt::format(" ({})", nickname));
}

}  // namespace weave::ipam
