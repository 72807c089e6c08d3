#include "ipam/requests.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace weave::ipam {

Ticket RequestQueue::submit(Request request, const Attempt& attempt) {
  request.ticket = ++last_ticket_;
  auto ticket = request.ticket;
  auto result = attempt(request);
  if (result && !request.answered) replies_.push_back({ticket, std::move(*result)});
  if (!result) pending_.push_back(std::move(request));
  return ticket;
}

void RequestQueue::retry(const Attempt& attempt) {
  for (auto kind : {Request::Kind::kRing, Request::Kind::kClaim, Request::Kind::kAllocate}) retry(kind, attempt);
}

void RequestQueue::retry(Request::Kind kind, const Attempt& attempt) {
  for (auto one = pending_.begin(); one != pending_.end();) {
    auto result = one->kind == kind ? attempt(*one) : std::nullopt;
    if (!result) {
      ++one;
      continue;
    }
    if (!one->answered)
      replies_.push_back({one->ticket, std::move(*result)});
    else if (!*result && result->error().kind != Refusal::Kind::kCancelled)
      log::error("a deferred claim failed: reason={}", result->error().text);
    one = pending_.erase(one);
  }
}

void RequestQueue::answer_early(Request& request, Cidr cidr) {
  if (!std::exchange(request.answered, true)) replies_.push_back({request.ticket, cidr});
}

std::optional<Request> RequestQueue::withdraw(Ticket ticket) {
  auto one = std::ranges::find(pending_, ticket, &Request::ticket);
  if (one == pending_.end()) return std::nullopt;
  auto request = std::move(*one);
  pending_.erase(one);
  return request;
}

void RequestQueue::cancel(Ticket ticket) {
  withdraw(ticket);
  std::erase_if(replies_, [&](const Reply& one) { return one.ticket == ticket; });
}

Answer<Cidr> RequestQueue::outcome(Ticket ticket) {
  if (auto waits = withdraw(ticket)) return tl::unexpected(std::move(waits->waiting_for));
  auto reply = std::ranges::find(replies_, ticket, &Reply::ticket);
  auto answer = std::move(reply->answer);
  replies_.erase(reply);
  return answer;
}

void RequestQueue::tick() {
  for (auto& one : pending_) ++one.ticks;
}

}  // namespace weave::ipam
