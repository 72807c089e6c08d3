#include "ipam/space_requests.hpp"

#include <algorithm>

namespace weave::ipam {
namespace {

constexpr size_t kStrandedAtOnce = 64;

}  // namespace

SpaceRequests::SpaceRequests(const Ledger& ledger, Send send, std::function<uint64_t()> random)
    : ledger_(ledger), send_(std::move(send)), random_(std::move(random)) {}

SpaceRequests::SpaceRequest* SpaceRequests::find(PeerName donor, Ipv4Range range) {
  auto known =
      std::ranges::find_if(sent_, [&](const SpaceRequest& one) { return one.donor == donor && one.range == range; });
  return known == sent_.end() ? nullptr : &*known;
}

void SpaceRequests::ask_for_space(Cidr subnet) {
  auto range = subnet.range();
  // Addresses are free, but none for a container: only the network's and the broadcast address.
  if (ledger_.space.free_count(range) > 0) range = subnet.host_range();
  for (const auto& one : sent_)
    if (!one.denied && one.range.size() > 1 && one.range.overlaps(range)) return;
  std::vector<std::pair<double, PeerName>> order;
  for (auto [donor, free] : ledger_.ring.donors(range)) {
    // Uniform in (0, 1].
    double chance = random_ ? static_cast<double>((random_() >> 11) + 1) / 9007199254740992.0 : 1;
    order.emplace_back(-static_cast<double>(free) * chance, donor);
  }
  std::ranges::sort(order);
  auto message = encode_range(range);
  for (auto [weight, donor] : order) {
    if (find(donor, range) || !send_(donor, Tag::kSpaceRequest, message)) continue;
    sent_.push_back({donor, range});
    return;
  }
}

Result<void> SpaceRequests::ask_for_address(Ipv4 address) {
  auto owner = ledger_.ring.owner(address);
  Ipv4Range one{address, address + 1};
  if (find(owner, one)) return {};
  auto sent = send_(owner, Tag::kSpaceRequest, encode_range(one));
  if (sent) sent_.push_back({owner, one});
  return sent;
}

// An address is stranded when its range was taken over while this peer was away, or when this peer lost the record that
// it gave the range away. The owner may not have given it out yet.
size_t SpaceRequests::ask_for_stranded(Time now, const std::function<bool(PeerName)>& reachable) {
  const auto& ring = ledger_.ring;
  if (ring.empty()) return 0;
  std::erase_if(denied_, [&](const auto& one) {
    return now - one.second > kDenialLasts || !ledger_.allocations.contains(one.first) ||
           ring.owner(one.first) == ledger_.self();
  });
  size_t count = 0, sent = 0;
  for (auto address : ledger_.space.stranded(kStrandedAtOnce + denied_.size())) {
    if (denied_.contains(address) || ++count > kStrandedAtOnce) continue;
    if (reachable(ring.owner(address)) && ask_for_address(address)) ++sent;
  }
  return sent;
}

void SpaceRequests::on_ring(PeerName from) {
  std::erase_if(sent_, [&](const SpaceRequest& one) { return one.donor == from && !one.denied; });
}

bool SpaceRequests::on_denial(PeerName from, Ipv4Range range, Time now) {
  auto* request = find(from, range);
  if (!request) return false;
  request->denied = true;
  if (range.size() == 1 && ledger_.ring.owner(range.start) == from && ledger_.allocations.contains(range.start))
    denied_[range.start] = now;
  return true;
}

void SpaceRequests::retry_addresses() {
  denied_.clear();
  std::erase_if(sent_, [](const SpaceRequest& one) { return one.range.size() == 1; });
}

void SpaceRequests::forget(PeerName peer) {
  std::erase_if(sent_, [&](const SpaceRequest& one) { return one.donor == peer; });
}

void SpaceRequests::clear() {
  sent_.clear();
  denied_.clear();
}

}  // namespace weave::ipam
