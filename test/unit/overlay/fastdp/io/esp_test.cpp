#include "overlay/fastdp/ipsec.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/fd.hpp"
#include "base/hex.hpp"
#include "host/netlink.hpp"
#include "host/netns.hpp"
#include "host/xfrm.hpp"
#include "overlay/fastdp/packet.hpp"
#include "unit/skip.hpp"
#include "unit/vectors.hpp"

using namespace weave;
using namespace weave::overlay;
using nlohmann::json;

namespace {}  // namespace

TEST_CASE("ESP keys and parameter messages equal those of Weave Net") {
  auto file = test::vectors("overlay/ipsec.json");
  for (const auto& row : file.at("derivation")) {
    auto message = test::unhex(row.at("init_sa_message"));
    auto parameters = decode_esp_parameters(message);
    REQUIRE(parameters);
    CHECK(to_hex(parameters->nonce) == row.at("nonce").get<std::string>());
    CHECK(fmt::format("{:08x}", parameters->spi) == row.at("spi").get<std::string>());
    CHECK(encode_esp_parameters(*parameters) == message);
    auto receiver = PeerName::parse(row.at("sa_destination_peer").get<std::string>());
    auto key = derive_esp_key(Secret(test::unhex(row.at("session_key"))), *parameters, *receiver);
    CHECK(to_hex(key.view()) == row.at("kernel_key_36").get<std::string>());
  }
}

TEST_CASE("ESP parameters of another length or with a reserved SPI are refused") {
  auto file = test::vectors("overlay/ipsec.json");
  for (const auto& row : file.at("message_length_check")) {
    Bytes message(row.at("payload_len").get<size_t>(), 1);
    CHECK(decode_esp_parameters(message).has_value() == row.at("ok").get<bool>());
  }
  CHECK_FALSE(decode_esp_parameters(Bytes(64)));
}

TEST_CASE("keys and heartbeats recorded from a Weave Net router are derived and decoded") {
  auto file = test::vectors("overlay/live-fastdp-esp.json");
  for (const auto& row : file.at("security_associations")) {
    EspParameters parameters{.nonce = {}, .spi = 0x100};
    auto nonce = test::unhex(row.at("nonce"));
    std::copy(nonce.begin(), nonce.end(), parameters.nonce.begin());
    auto receiver = PeerName::parse(row.at("dst_peer").get<std::string>());
    auto key = derive_esp_key(Secret(test::unhex(file.at("session_key"))), parameters, *receiver);
    CHECK(to_hex(key.view()) == row.at("kernel_key_36").get<std::string>());

    auto heartbeat = test::unhex(row.at("packets").at(0).at("decrypted"));
    auto frame = ByteView(heartbeat).subspan(8 + kVxlanHeader, heartbeat.size() - 8 - kVxlanHeader - 2);
    CHECK(decode_heartbeat(frame.first(24), frame.size()) == 0x4f442768b8c6bd3e);
  }
}

// Takes a kernel with ESP: see test/vm.
TEST_CASE("the kernel decrypts recorded packets of Weave Net by an association of ours", "[esp]") {
  if (geteuid() != 0) {
    test::skip("only root may make network namespaces");
    return;
  }
  host::NetNs::make().run([] {
    std::optional<host::Xfrm> xfrm;
    try {
      xfrm.emplace();
      xfrm->probe();
    } catch (const Error& error) {
      test::skip(error.what());
      return;
    }
    host::Netlink net;
    net.set_up(1);
    auto file = test::vectors("overlay/live-fastdp-esp.json");
    for (const auto& row : file.at("security_associations")) {
      auto here = *Ipv4::parse(row.at("dst").get<std::string>());
      net.add_address(1, {.address = here, .prefix = 32});
      auto spi = static_cast<uint32_t>(std::stoul(row.at("spi").get<std::string>(), nullptr, 16));
      xfrm->install({.source = {here.value ^ 3}, .destination = here, .spi = spi, .reqid = 7},
                    Secret(test::unhex(row.at("kernel_key_36"))));
      UniqueFd udp(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)), raw(::socket(AF_INET, SOCK_RAW, IPPROTO_RAW));
      sockaddr_in local{};
      local.sin_family = AF_INET;
      local.sin_port = htons(6784);
      local.sin_addr.s_addr = htonl(here.value);
      REQUIRE(::bind(udp.get(), reinterpret_cast<sockaddr*>(&local), sizeof local) == 0);
      timeval patience{5, 0};
      ::setsockopt(udp.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
      local.sin_port = 0;
      for (const auto& packet : row.at("packets")) {
        auto wire = test::unhex(packet.at("ip_packet"));
        REQUIRE(::sendto(raw.get(), wire.data(), wire.size(), 0, reinterpret_cast<sockaddr*>(&local), sizeof local) ==
                static_cast<ssize_t>(wire.size()));
        Bytes got(2000);
        auto size = ::recv(udp.get(), got.data(), got.size(), 0);
        REQUIRE(size > 0);
        got.resize(static_cast<size_t>(size));
        auto decrypted = test::unhex(packet.at("decrypted"));
        auto padding = packet.at("pad_len").get<size_t>();
        CHECK(got == Bytes(decrypted.begin() + 8, decrypted.end() - 2 - static_cast<ptrdiff_t>(padding)));
      }
      CHECK(xfrm->find(here, spi)->packets == row.at("packets").size());
    }
  });
}
