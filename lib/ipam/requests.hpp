// Requests that may have to wait, and their replies.
//
// A request is tried when it arrives, whenever something has changed that it may have waited for (the ring, the
// ranges, a release) and with each tick; those for the ring first, then claims, then allocations, so that addresses in
// use are filed before any is given out.
#pragma once
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "address/ipv4.hpp"
#include "base/error.hpp"

namespace weave::ipam {

// Why an allocation or claim has no address.
struct Refusal {
  enum class Kind {
    kRefused,    // the request can't be met, now or later
    kFull,       // no address of ours is free there; one may become free, or come from another peer
    kElsewhere,  // the address belongs to another peer
    kNoRing,     // the peers haven't agreed yet who owns what
    kCancelled,  // the request was given up, or this peer is leaving
  };
  Kind kind = Kind::kRefused;
  std::string text;
};
template <class T>
using Answer = tl::expected<T, Refusal>;

inline auto refuse(std::string text, Refusal::Kind kind = Refusal::Kind::kRefused) {
  return tl::unexpected(Refusal{kind, std::move(text)});
}

using Ticket = uint64_t;  // of a request that may have to wait; never 0

struct Reply {
  Ticket ticket = 0;
  Answer<Cidr> answer;  // what was allocated or claimed; of no meaning when the ring was waited for
};

enum class ClaimMode {
  kAsked,    // a caller waits for the answer
  kLenient,  // is answered at once when the owner is unknown or can't be reached; it is tried on after that
  kFound,    // in use when the router started: it is tried until it is decided; a first election waits for one tick
};

struct Request {
  enum class Kind { kRing, kClaim, kAllocate };  // in the order in which they are tried
  Kind kind = Kind::kRing;
  Ticket ticket = 0;
  std::string ident;
  Cidr cidr;
  bool container = false;
  ClaimMode mode = ClaimMode::kAsked;
  bool answered = false;
  int ticks = 0;          // since it came in
  Refusal waiting_for{};  // as the reason for those who don't wait
};

using AttemptResult = std::optional<Answer<Cidr>>;  // nothing: the request waits

class RequestQueue {
 public:
  using Attempt = std::function<AttemptResult(Request&)>;

  // Tries a new request, and keeps it when it has to wait. What `attempt` throws is thrown; then there is no ticket.
  Ticket submit(Request request, const Attempt& attempt);
  // Tries all requests in their order. Nothing of the queue may be called meanwhile but answer_early().
  void retry(const Attempt& attempt);
  // Gives a request its answer though it is still to be tried.
  void answer_early(Request& request, Cidr cidr);
  // Removes a request without a reply.
  void cancel(Ticket ticket);
  // The outcome of a request that was submitted just now: the reply, or what it waits for; then it is removed.
  Answer<Cidr> outcome(Ticket ticket);
  std::vector<Reply> take() { return std::exchange(replies_, {}); }

  void tick();
  bool empty() const { return pending_.empty(); }
  // In order of arrival.
  const std::list<Request>& pending() const { return pending_; }

 private:
  // Tries the requests of one kind.
  void retry(Request::Kind kind, const Attempt& attempt);
  std::optional<Request> withdraw(Ticket ticket);

  std::list<Request> pending_;
  Ticket last_ticket_ = 0;
  std::vector<Reply> replies_;
};

}  // namespace weave::ipam
