#include "host/xfrm.hpp"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/xfrm.h>
#include <netinet/in.h>

#include "base/error.hpp"
#include "host/netlink_message.hpp"
#include "host/xfrm_message.hpp"

namespace weave::host {
namespace {

constexpr auto kCipher = "rfc4106(gcm(aes))";
constexpr uint32_t kCheckValueBits = 128;
constexpr uint32_t kReplayWindow = 256;  // packets
constexpr uint32_t kLeastSpi = 0x100;    // smaller ones are reserved

xfrm_address_t address(Ipv4 ip) {
  xfrm_address_t out{};
  out.a4 = htonl(ip.value);
  return out;
}

Ipv4 read_address(const xfrm_address_t& address) {
  return {ntohl(address.a4)};
}

xfrm_lifetime_cfg for_ever() {
  return {XFRM_INF, XFRM_INF, XFRM_INF, XFRM_INF, 0, 0, 0, 0};
}

xfrm_usersa_info association_header(const EspAssociation& association) {
  xfrm_usersa_info header{};
  header.id.daddr = address(association.destination);
  header.id.spi = htonl(association.spi);
  header.id.proto = IPPROTO_ESP;
  header.saddr = address(association.source);
  header.lft = for_ever();
  header.reqid = association.reqid;
  header.family = AF_INET;
  header.mode = XFRM_MODE_TRANSPORT;
  return header;
}

xfrm_selector selector(const IpsecPolicy& policy) {
  xfrm_selector out{};
  out.family = AF_INET;
  out.saddr = address(policy.source);
  out.prefixlen_s = policy.source.value ? 32 : 0;
  out.daddr = address(policy.destination);
  out.prefixlen_d = policy.destination.value ? 32 : 0;
  out.proto = IPPROTO_UDP;
  out.dport = htons(policy.port);
  out.dport_mask = policy.port ? 0xffff : 0;
  return out;
}

// The two ends of a tunnel, for messages to people.
std::string ends(Ipv4 source, Ipv4 destination) {
  return fmt::format("{} -> {}", source.str(), destination.str());
}

std::string words(const IpsecPolicy& policy) {
  return fmt::format("the IPsec policy {} for UDP {}",
                     policy.direction == IpsecPolicy::Direction::kIn ? "inwards" : "outwards",
                     ends(policy.source, policy.destination));
}

}  // namespace

Bytes encode_association(uint16_t type, const EspAssociation& association, const Secret& key) {
  auto header = association_header(association);
  header.flags = XFRM_STATE_ESN;
  Message message(type, type == XFRM_MSG_NEWSA ? NLM_F_CREATE | NLM_F_EXCL : 0, header);

  xfrm_algo_aead algorithm{};
  std::strncpy(algorithm.alg_name, kCipher, sizeof algorithm.alg_name - 1);
  algorithm.alg_key_len = static_cast<unsigned>(key.size() * 8);
  algorithm.alg_icv_len = kCheckValueBits;
  Secret with_key(sizeof algorithm + key.size());
  std::memcpy(with_key.data(), &algorithm, sizeof algorithm);
  std::copy_n(key.data(), key.size(), with_key.data() + sizeof algorithm);
  message.attribute(XFRMA_ALG_AEAD, with_key.data(), with_key.size());

  xfrm_replay_state_esn replay{};
  replay.bmp_len = kReplayWindow / 32;
  replay.replay_window = kReplayWindow;
  std::array<uint8_t, sizeof replay + kReplayWindow / 8> with_bitmap{};
  std::memcpy(with_bitmap.data(), &replay, sizeof replay);
  message.attribute(XFRMA_REPLAY_ESN_VAL, with_bitmap.data(), with_bitmap.size());
  if (association.set_mark)
    message.value(XFRMA_SET_MARK, association.set_mark).value(XFRMA_SET_MARK_MASK, association.set_mark);
  return message.take();
}

Bytes encode_reserve_spi(Ipv4 source, Ipv4 destination, uint32_t reqid) {
  xfrm_userspi_info header{};
  header.info = association_header({.source = source, .destination = destination, .reqid = reqid});
  header.min = kLeastSpi;
  header.max = UINT32_MAX;
  return Message(XFRM_MSG_ALLOCSPI, 0, header).take();
}

Bytes encode_association_id(uint16_t type, Ipv4 destination, uint32_t spi) {
  xfrm_usersa_id header{};
  header.daddr = address(destination);
  header.spi = htonl(spi);
  header.family = AF_INET;
  header.proto = IPPROTO_ESP;
  return Message(type, 0, header).take();
}

Bytes encode_policy(const IpsecPolicy& policy) {
  xfrm_userpolicy_info header{};
  header.sel = selector(policy);
  header.lft = for_ever();
  header.priority = policy.priority;
  header.dir = static_cast<uint8_t>(policy.direction);
  header.action = policy.esp ? XFRM_POLICY_ALLOW : XFRM_POLICY_BLOCK;
  Message message(XFRM_MSG_UPDPOLICY, NLM_F_CREATE, header);
  if (policy.esp) {
    xfrm_user_tmpl required{};
    required.id.daddr = address(policy.destination);
    required.id.spi = htonl(policy.esp->spi);
    required.id.proto = IPPROTO_ESP;
    required.family = AF_INET;
    required.saddr = address(policy.source);
    required.reqid = policy.esp->reqid;
    required.mode = XFRM_MODE_TRANSPORT;
    required.aalgos = required.ealgos = required.calgos = UINT32_MAX;
    message.value(XFRMA_TMPL, required);
  }
  if (policy.mark) message.value(XFRMA_MARK, xfrm_mark{policy.mark, policy.mark});
  return message.take();
}

Bytes encode_policy_removal(const IpsecPolicy& policy) {
  xfrm_userpolicy_id header{};
  header.sel = selector(policy);
  header.dir = static_cast<uint8_t>(policy.direction);
  Message message(XFRM_MSG_DELPOLICY, 0, header);
  if (policy.mark) message.value(XFRMA_MARK, xfrm_mark{policy.mark, policy.mark});
  return message.take();
}

std::optional<EspAssociation> decode_association(ByteView message) {
  auto header = read_fixed<xfrm_usersa_info>(message);
  if (header.family != AF_INET || header.id.proto != IPPROTO_ESP) return {};
  EspAssociation out{.source = read_address(header.saddr),
                     .destination = read_address(header.id.daddr),
                     .spi = ntohl(header.id.spi),
                     .reqid = header.reqid,
                     .packets = header.curlft.packets};
  each_attribute(message.subspan(std::min(message.size(), NLMSG_ALIGN(sizeof header))),
                 [&](uint16_t type, ByteView value) {
                   if (type == XFRMA_SET_MARK) out.set_mark = read_fixed<uint32_t>(value);
                 });
  return out;
}

std::optional<IpsecPolicy> decode_policy(ByteView message) {
  auto header = read_fixed<xfrm_userpolicy_info>(message);
  if (header.dir > static_cast<uint8_t>(IpsecPolicy::Direction::kOut)) return {};
  IpsecPolicy out{.direction = static_cast<IpsecPolicy::Direction>(header.dir),
                  .source = read_address(header.sel.saddr),
                  .destination = read_address(header.sel.daddr),
                  .port = ntohs(header.sel.dport),
                  .mark = 0,
                  .priority = header.priority,
                  .esp = {}};
  bool plain = true;
  each_attribute(message.subspan(std::min(message.size(), NLMSG_ALIGN(sizeof header))),
                 [&](uint16_t type, ByteView value) {
                   if (type == XFRMA_MARK) {
                     auto mark = read_fixed<xfrm_mark>(value);
                     out.mark = mark.v;
                     if (mark.v != mark.m) plain = false;
                   }
                   if (type != XFRMA_TMPL) return;
                   auto required = read_fixed<xfrm_user_tmpl>(value);
                   out.esp = {ntohl(required.id.spi), required.reqid};
                   if (value.size() != sizeof required || required.id.proto != IPPROTO_ESP ||
                       required.mode != XFRM_MODE_TRANSPORT || required.optional)
                     plain = false;
                 });
  // Sockets have policies of their own, which aren't anybody's to change.
  auto expected = selector(out);
  if (!plain || out.esp.has_value() != (header.action == XFRM_POLICY_ALLOW) || header.sel.family != AF_INET ||
      header.sel.proto != IPPROTO_UDP || header.sel.sport_mask || header.sel.ifindex ||
      header.sel.prefixlen_s != expected.prefixlen_s || header.sel.prefixlen_d != expected.prefixlen_d ||
      header.sel.dport_mask != expected.dport_mask)
    return {};
  return out;
}

Xfrm::Xfrm() : socket_(NETLINK_XFRM) {}

void Xfrm::probe() {
  // Addresses for documentation, which no packet has.
  EspAssociation trial{.source = {0xc0000201}, .destination = {0xc0000202}, .spi = 0, .reqid = 0};
  trial.spi = reserve_spi(trial.source, trial.destination, trial.reqid);
  auto answer = socket_.exchange(encode_association(XFRM_MSG_UPDSA, trial, Secret(size_t{36})));
  remove(trial.destination, trial.spi);
  if (answer.code) throw Error(explained("cannot make an association", answer.code, answer.text));
}

uint32_t Xfrm::reserve_spi(Ipv4 source, Ipv4 destination, uint32_t reqid) {
  auto answer = socket_.checked(encode_reserve_spi(source, destination, reqid),
                                "cannot reserve an SPI for ESP " + ends(source, destination));
  if (answer.messages.empty()) throw Error("the kernel names no SPI");
  auto reserved = read_fixed<xfrm_userspi_info>(answer.messages.front());
  return ntohl(reserved.info.id.spi);
}

void Xfrm::install_reserved(const EspAssociation& association, const Secret& key) {
  socket_.checked(encode_association(XFRM_MSG_UPDSA, association, key),
                  "cannot install the ESP association " + ends(association.source, association.destination));
}

void Xfrm::install(const EspAssociation& association, const Secret& key) {
  socket_.checked(encode_association(XFRM_MSG_NEWSA, association, key),
                  "cannot install the ESP association " + ends(association.source, association.destination));
}

std::optional<EspAssociation> Xfrm::find(Ipv4 destination, uint32_t spi) {
  auto answer = socket_.exchange(encode_association_id(XFRM_MSG_GETSA, destination, spi));
  if (answer.code == ESRCH || (answer.code == 0 && answer.messages.empty())) return {};
  if (answer.code) throw Error(explained("cannot read an ESP association", answer.code, answer.text));
  return decode_association(answer.messages.front());
}

bool Xfrm::remove(Ipv4 destination, uint32_t spi) {
  auto answer = socket_.exchange(encode_association_id(XFRM_MSG_DELSA, destination, spi));
  if (answer.code == ESRCH) return false;
  if (answer.code)
    throw Error(
        explained(fmt::format("cannot remove the ESP association to {}", destination.str()), answer.code, answer.text));
  return true;
}

std::vector<EspAssociation> Xfrm::associations() {
  std::vector<EspAssociation> out;
  xfrm_usersa_id all{};
  for (const auto& message :
       socket_.checked(Message(XFRM_MSG_GETSA, NLM_F_DUMP, all).take(), "cannot list the ESP associations").messages)
    if (auto association = decode_association(message)) out.push_back(*association);
  return out;
}

void Xfrm::set(const IpsecPolicy& policy) {
  socket_.checked(encode_policy(policy), "cannot install " + words(policy));
}

bool Xfrm::remove(const IpsecPolicy& policy) {
  auto answer = socket_.exchange(encode_policy_removal(policy));
  if (answer.code == ENOENT) return false;
  if (answer.code) throw Error(explained("cannot remove " + words(policy), answer.code, answer.text));
  return true;
}

std::vector<IpsecPolicy> Xfrm::policies() {
  std::vector<IpsecPolicy> out;
  xfrm_userpolicy_id all{};
  for (const auto& message :
       socket_.checked(Message(XFRM_MSG_GETPOLICY, NLM_F_DUMP, all).take(), "cannot list the IPsec policies").messages)
    if (auto policy = decode_policy(message)) out.push_back(*policy);
  return out;
}

}  // namespace weave::host
