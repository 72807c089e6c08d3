#include "dns/answer.hpp"

#include <algorithm>

namespace weave::dns {

namespace {

constexpr uint16_t kPointerToQuestion = 0xc000 | kHeaderSize;

// Builds one reply to a parsed query.
class Reply {
 public:
  Reply(ByteView message, const Query& query, const Zone& zone, size_t limit)
      : message_(message), query_(query), zone_(zone), limit_(query.edns ? limit - kOptSize : limit) {
    for (int i = 0; i < 6; ++i) writer_.u16(0);
    writer_.bytes(message.subspan(kHeaderSize, query.question_end - kHeaderSize));
  }

  void address(Ipv4 address) {
    if (writer_.size() + 16 > limit_) {
      truncated_ = true;
      return;
    }
    record(kPointerToQuestion, kTypeA, 4);
    writer_.u32(address.value);
    ++answers_;
  }
  void pointer(std::string_view name) {
    record(kPointerToQuestion, kTypePtr, static_cast<uint16_t>(name.size() + (name.ends_with('.') ? 1 : 2)));
    write_name(writer_, name);
    ++answers_;
  }
  // Only when the question lies in the domain: the end of its name is the zone's.
  void nameserver() {
    auto apex = apex_pointer();
    record(apex, kTypeNs, 2);
    writer_.u16(apex);
    ++answers_;
  }
  void authority(bool as_answer) {
    auto apex = apex_pointer();
    record(apex, kTypeSoa, 2 + 13 + 20);
    writer_.u16(apex);
    writer_.u8(10);
    writer_.text("hostmaster");
    writer_.u16(apex);
    for (uint32_t value : {1u, 3600u, 600u, 86400u, zone_.ttl}) writer_.u32(value);
    ++(as_answer ? answers_ : authorities_);
  }

  Answer finish(int rcode) {
    uint16_t flags = kFlagQr | kFlagAa | kFlagRa | (query_.header.flags & (kFlagRd | kFlagCd));
    writer_.patch_u16(0, query_.header.id);
    writer_.patch_u16(2, static_cast<uint16_t>(flags | (truncated_ ? kFlagTc : 0) | rcode));
    writer_.patch_u16(4, 1);
    writer_.patch_u16(6, answers_);
    writer_.patch_u16(8, authorities_);
    writer_.patch_u16(10, query_.edns ? 1 : 0);
    if (query_.edns) write_opt(writer_, zone_.max_udp_size);
    return {Answer::Kind::kReply, writer_.take(), rcode};
  }

 private:
  void record(uint16_t owner, uint16_t type, uint16_t length) {
    writer_.u16(owner);
    writer_.u16(type);
    writer_.u16(kClassIn);
    writer_.u32(zone_.ttl);
    writer_.u16(length);
  }
  uint16_t apex_pointer() const {
    // A name of n characters with its trailing dot takes n + 1 octets.
    return static_cast<uint16_t>(0xc000 | (query_.question_end - 4 - (zone_.domain.size() + 1)));
  }

  ByteView message_;
  const Query& query_;
  const Zone& zone_;
  size_t limit_;
  Writer writer_;
  uint16_t answers_ = 0, authorities_ = 0;
  bool truncated_ = false;
};

Answer error(ByteView message, const Query* query, uint16_t rcode) {
  return {Answer::Kind::kReply, error_reply(message, query, rcode), rcode};
}

void addresses(Reply& reply, std::span<const names::Index::Target> targets, PeerName local, std::mt19937& random) {
  if (targets.size() == 1) return reply.address(targets[0].address);
  std::vector<Ipv4> near, far;
  far.reserve(targets.size());
  for (const auto& target : targets)
    (local != PeerName{} && target.origin == local ? near : far).push_back(target.address);
  for (auto* group : {&near, &far}) {
    std::shuffle(group->begin(), group->end(), random);
    for (auto address : *group) reply.address(address);
  }
}

}  // namespace

Answer answer(const names::Index& table, ByteView message, Transport transport, const Zone& zone,
              std::mt19937& random) {
  auto header = parse_header(message);
  if (!header || header->response()) return {};
  if (header->opcode() != 0) return error(message, nullptr, kRcodeNotimp);
  auto query = parse_query(message);
  if (!query) return error(message, nullptr, kRcodeFormerr);
  if (query->edns && query->edns->version > 0) return error(message, &*query, kRcodeBadvers);
  const auto& question = query->question;
  if (question.type == kTypeAxfr || question.type == kTypeIxfr) return error(message, &*query, kRcodeRefused);

  size_t limit = 65535;
  if (transport == Transport::kUdp)
    limit = std::max<size_t>(kPlainUdpSize, query->edns ? std::min(query->edns->udp_size, zone.max_udp_size) : 0);
  auto name = names::lower(question.name);
  bool in_domain = names::within(name, zone.domain);

  if (!in_domain && names::within(name, "in-addr.arpa.")) {
    std::optional<Ipv4> address;
    constexpr std::string_view suffix = ".in-addr.arpa.";
    if (name.size() > suffix.size())
      if (auto reversed = Ipv4::parse(std::string_view(name).substr(0, name.size() - suffix.size())))
        address = Ipv4{__builtin_bswap32(reversed->value)};
    auto known = address ? table.reverse(*address) : std::string_view();
    if (known.empty() || (question.klass != kClassIn && question.klass != kClassAny))
      return {Answer::Kind::kForward, {}, 0, limit};
    Reply reply(message, *query, zone, limit);
    if (question.type == kTypePtr || question.type == kTypeAny) reply.pointer(known);
    return reply.finish(kRcodeNoerror);
  }
  if (!in_domain && question.labels != 1) return {Answer::Kind::kForward, {}, 0, limit};
  if (question.klass != kClassIn && question.klass != kClassAny) return error(message, &*query, kRcodeRefused);

  Reply reply(message, *query, zone, limit);
  if (name.size() == zone.domain.size() && in_domain) {
    if (question.type == kTypeNs)
      reply.nameserver();
    else
      reply.authority(question.type == kTypeSoa || question.type == kTypeAny);
    return reply.finish(kRcodeNoerror);
  }
  if (!in_domain) name += zone.domain;
  auto targets = table.lookup(name);
  bool wanted = question.type == kTypeA || question.type == kTypeAny;
  if (!targets.empty() && wanted) {
    addresses(reply, targets, zone.local, random);
    return reply.finish(kRcodeNoerror);
  }
  // A bare name is in no zone, so no authority can prove its absence.
  if (in_domain) reply.authority(false);
  return reply.finish(targets.empty() ? kRcodeNxdomain : kRcodeNoerror);
}

}  // namespace weave::dns
