#include "dns/answer.hpp"

#include <catch2/catch.hpp>

#include "base/hex.hpp"
#include "unit/vectors.hpp"

using namespace weave;
using dns::Answer;
using dns::Transport;

namespace {

struct Asked {
  Answer answer;
  dns::Header header;
};

names::Index example() {
  names::Index table;
  auto put = [&](std::string name, std::string id, const char* address) {
    table.apply({std::move(name), {1}, std::move(id), *Ipv4::parse(address)});
  };
  put("web1.weave.local.", "c1", "10.32.0.1");
  put("Web2.Weave.Local.", "c1", "10.32.0.2");
  put("multi.weave.local.", "c2", "10.32.0.11");
  put("multi.weave.local.", "c3", "10.32.0.12");
  put("multi.weave.local.", "c4", "10.32.0.13");
  put("a.b.sub.weave.local.", "c5", "10.32.0.3");
  put("other.weave.local.", "c6", "10.32.0.1");
  put("db.weave.local.", "weave:extern", "192.168.1.1");
  for (int i = 1; i <= 40; ++i) put("big.weave.local.", "c7", fmt::format("10.33.0.{}", i).c_str());
  return table;
}

Asked ask(const Bytes& query, Transport transport = Transport::kUdp) {
  static const auto table = example();
  static std::mt19937 random(7);
  Asked asked{dns::answer(table, query, transport, {}, random), {}};
  if (asked.answer.kind == Answer::Kind::kReply) asked.header = dns::parse_header(asked.answer.bytes).value();
  return asked;
}

Bytes question(std::string_view name, uint16_t type, int edns_size = -1, uint16_t klass = 1, uint8_t version = 0) {
  Writer w;
  w.u16(0x1234);
  w.u16(0x0100);
  w.u16(1);
  w.u32(0);
  w.u16(edns_size >= 0 ? 1 : 0);
  dns::write_name(w, name);
  w.u16(type);
  w.u16(klass);
  if (edns_size >= 0) {
    w.u8(0);
    w.u16(41);
    w.u16(static_cast<uint16_t>(edns_size));
    w.u32(static_cast<uint32_t>(version) << 16);
    w.u16(0);
  }
  return w.take();
}

// What ours does where the reference did worse: rcode, or -1 for forwarding.
const std::map<std::string, int> better{
    {"zone apex A", 0},
    {"zone apex SOA", 0},
    {"root NS", -1},
    {"in-addr.arpa with a type other than PTR", 0},
    {"reverse, not four octets", -1},
    {"reverse, not a number", -1},
    {"class CH", 5},
    {"two questions", 1},
    {"header only", 1},
    {"opcode STATUS", 4},
    {"query larger than 512 bytes", 0},
};

}  // namespace

TEST_CASE("recorded queries are answered as by Weave Net, except where it was wrong") {
  auto vectors = test::vectors("dns/queries.json");
  REQUIRE(vectors.at("queries").size() == 46);
  for (const auto& q : vectors.at("queries")) {
    auto name = q.at("name").get<std::string>();
    DYNAMIC_SECTION(name) {
      auto query = from_hex(q.at("query_hex").get<std::string>()).value();
      auto asked = ask(query, q.at("proto") == "tcp" ? Transport::kTcp : Transport::kUdp);
      const auto& reply = q.at("reply");
      auto improved = better.find(name);
      if (improved != better.end() && improved->second < 0) {
        CHECK(asked.answer.kind == Answer::Kind::kForward);
        continue;
      }
      if (reply.is_null()) {
        CHECK(asked.answer.kind == Answer::Kind::kDrop);
        continue;
      }
      REQUIRE(asked.answer.kind == Answer::Kind::kReply);
      CHECK(asked.header.id == (query[0] << 8 | query[1]));
      if (improved != better.end()) {
        CHECK(asked.header.rcode() == improved->second);
        continue;
      }
      CHECK(asked.header.rcode() == reply.at("rcode").get<int>());
      CHECK(asked.header.questions == reply.at("qdcount").get<int>());
      CHECK(!!(asked.header.flags & dns::kFlagRd) == !!reply.at("rd").get<int>());
      CHECK(!!(asked.header.flags & dns::kFlagRa) == !!reply.at("ra").get<int>());
      // Compression and a floor of 512 make room for more; ANY has the addresses.
      CHECK(asked.header.answers >= reply.at("ancount").get<int>());
      if (!reply.at("tc").get<int>()) CHECK_FALSE(asked.header.flags & dns::kFlagTc);
      if (reply.at("rcode") == 3 || reply.at("rcode") == 0) CHECK(asked.header.flags & dns::kFlagAa);
      if (asked.header.questions)
        CHECK(std::equal(query.begin() + 12, query.begin() + 12 + 5, asked.answer.bytes.begin() + 12));
    }
  }
}

TEST_CASE("an A answer has header, question, pointer and address") {
  CHECK(to_hex(ask(question("WeB1.weave.LOCAL.", dns::kTypeA)).answer.bytes) ==
        "123485800001000100000000"
        "0457654231057765617665054c4f43414c0000010001"
        "c00c00010001000000010004"
        "0a200001");
}

TEST_CASE("an unknown name in the domain gets NXDOMAIN with authority and the zone's SOA") {
  CHECK(to_hex(ask(question("no.weave.local.", dns::kTypeA)).answer.bytes) ==
        "123485830001000000010000"
        "026e6f057765617665056c6f63616c0000010001"
        "c00f000600010000000100"
        "23"
        "c00f"
        "0a686f73746d6173746572c00f"
        "00000001"
        "00000e10"
        "00000258"
        "00015180"
        "00000001");
}

TEST_CASE("a bare name is looked up in the domain and never forwarded") {
  auto asked = ask(question("WEB1.", dns::kTypeA));
  CHECK(asked.header.answers == 1);
  CHECK(asked.header.rcode() == 0);
  asked = ask(question("nosuch.", dns::kTypeA));
  CHECK(asked.header.rcode() == 3);
  CHECK(asked.header.flags & dns::kFlagAa);
  CHECK(asked.header.authorities == 0);
  CHECK(ask(question(".", 2)).answer.kind == Answer::Kind::kForward);
}

TEST_CASE("other names and unknown addresses are forwarded") {
  CHECK(ask(question("example.com.", 1)).answer.kind == Answer::Kind::kForward);
  CHECK(ask(question("xweave.local.", 1)).answer.kind == Answer::Kind::kForward);
  CHECK(ask(question("9.0.32.10.in-addr.arpa.", 12)).answer.kind == Answer::Kind::kForward);
  CHECK(ask(question("in-addr.arpa.", 12)).answer.kind == Answer::Kind::kForward);
  CHECK(ask(question("01.0.32.10.in-addr.arpa.", 12)).answer.kind == Answer::Kind::kForward);
  CHECK(ask(question("1.0.0.0.ip6.arpa.", 12)).answer.kind == Answer::Kind::kForward);
  CHECK(ask(question("example.com.", 1)).answer.limit == 512);
  CHECK(ask(question("example.com.", 1, 4096)).answer.limit == 1232);
}

TEST_CASE("a PTR has the name as it was registered, the first in order") {
  auto asked = ask(question("2.0.32.10.in-addr.arpa.", 12));
  CHECK(to_hex(asked.answer.bytes).ends_with("0457656232055765617665054c6f63616c00"));
  asked = ask(question("1.0.32.10.IN-ADDR.arpa.", 12));
  CHECK(asked.header.answers == 1);
  CHECK(to_hex(asked.answer.bytes).find("056f74686572") != std::string::npos);
  CHECK(ask(question("1.0.32.10.in-addr.arpa.", 16)).header.answers == 0);
}

TEST_CASE("records that do not fit are left out and TC is set") {
  auto asked = ask(question("big.weave.local.", 1));
  CHECK(asked.header.answers == 29);
  CHECK(asked.header.flags & dns::kFlagTc);
  CHECK(asked.answer.bytes.size() <= 512);
  for (int size : {0, 100, 512}) {
    asked = ask(question("big.weave.local.", 1, size));
    CHECK(asked.header.answers == 29);
    CHECK(asked.header.additional == 1);
    CHECK(asked.answer.bytes.size() <= 512);
  }
  for (int size : {1232, 65535}) {
    asked = ask(question("big.weave.local.", 1, size));
    CHECK(asked.header.answers == 40);
    CHECK_FALSE(asked.header.flags & dns::kFlagTc);
  }
  asked = ask(question("big.", 1));
  CHECK(asked.answer.bytes.size() <= 512);
  CHECK(asked.header.flags & dns::kFlagTc);
}

TEST_CASE("the order of addresses changes from query to query") {
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) seen.insert(to_hex(ask(question("multi.weave.local.", 1)).answer.bytes));
  CHECK(seen.size() == 6);
}

TEST_CASE("addresses of the local peer come first in random order, and are the last to be cut") {
  names::Index table;
  auto put = [&](const char* name, uint64_t origin, std::string address) {
    table.apply({name, {origin}, "c", *Ipv4::parse(address)});
  };
  for (uint64_t peer : {1, 2, 3})
    for (int i : {1, 2}) put("multi.weave.local.", peer, fmt::format("10.32.{}.{}", peer, i));
  for (int i = 1; i <= 40; ++i) put("big.weave.local.", i == 40 ? 2 : 1, fmt::format("10.33.0.{}", i));
  std::mt19937 random(7);
  auto order = [&](const char* name, PeerName local) {
    auto query = question(name, dns::kTypeA);
    auto bytes = dns::answer(table, query, Transport::kUdp, {.local = local}, random).bytes;
    std::vector<std::string> list;
    for (size_t at = query.size() + 12; at + 4 <= bytes.size(); at += 16)
      list.push_back(fmt::format("{}.{}.{}.{}", bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]));
    return list;
  };
  std::set<std::vector<std::string>> near, far, off;
  for (int i = 0; i < 400; ++i) {
    auto list = order("multi.weave.local.", {2});
    REQUIRE(list.size() == 6);
    near.insert({list.begin(), list.begin() + 2});
    far.insert({list.begin() + 2, list.end()});
    list = order("multi.weave.local.", {});
    off.insert({list.begin(), list.begin() + 2});
  }
  CHECK(near == std::set<std::vector<std::string>>{{"10.32.2.1", "10.32.2.2"}, {"10.32.2.2", "10.32.2.1"}});
  CHECK(far.size() == 24);
  CHECK(off.size() == 30);
  auto cut = order("big.weave.local.", {2});
  CHECK(cut.size() == 29);
  CHECK(cut.front() == "10.33.0.40");
  // Nobody's containers are ours: any order.
  CHECK(order("multi.weave.local.", {9}).size() == 6);
}

TEST_CASE("the apex answers SOA and NS, transfers are refused, unknown EDNS versions get BADVERS") {
  CHECK(ask(question("weave.local.", dns::kTypeSoa)).header.answers == 1);
  CHECK(ask(question("weave.local.", dns::kTypeNs)).header.answers == 1);
  auto asked = ask(question("weave.local.", dns::kTypeA));
  CHECK(asked.header.rcode() == 0);
  CHECK(asked.header.authorities == 1);
  CHECK(ask(question("weave.local.", dns::kTypeAxfr), Transport::kTcp).header.rcode() == 5);
  CHECK(ask(question("web1.weave.local.", 1, -1, dns::kClassAny)).header.answers == 1);
  asked = ask(question("web1.weave.local.", 1, 1232, 1, 1));
  CHECK(asked.header.rcode() == 0);
  CHECK(to_hex(asked.answer.bytes).ends_with("00002904d0010000000000"));
}

TEST_CASE("a dot inside a label isn't a separator") {
  Writer w;
  for (int v : {1, 0x100, 1, 0, 0, 0}) w.u16(static_cast<uint16_t>(v));
  w.u8(10);
  w.text("web1.weave");
  w.u8(5);
  w.text("local");
  w.u8(0);
  w.u16(1);
  w.u16(1);
  CHECK(ask(w.out()).answer.kind == Answer::Kind::kForward);
}

TEST_CASE("a reply belongs to a query when its question does") {
  auto query = question("example.com.", 1), reply = query, other = question("example.org.", 1);
  CHECK_FALSE(dns::answers(query, query));
  reply[2] |= 0x80;
  other[2] |= 0x80;
  CHECK(dns::answers(reply, query));
  CHECK_FALSE(dns::answers(other, query));
  reply[13] = 'E';
  CHECK(dns::answers(reply, query));
  CHECK_FALSE(dns::answers(Bytes{1, 2, 3}, query));
  CHECK(to_hex(dns::cut_reply(reply)).starts_with("12348300000100000000"));
}
