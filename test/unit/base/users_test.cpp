#include "base/users.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/fd.hpp"

using namespace weave;

TEST_CASE("the owner of a connected socket is known until it is closed") {
  UniqueFd listener(::socket(AF_INET, SOCK_STREAM, 0)), client(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(listener.get(), 1) == 0);
  socklen_t size = sizeof address;
  ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
  REQUIRE(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  ::getsockname(client.get(), reinterpret_cast<sockaddr*>(&address), &size);
  auto port = ntohs(address.sin_port);
  CHECK(owner_of_tcp_socket("127.0.0.1", port) == ::getuid());
  CHECK_FALSE(owner_of_tcp_socket("127.0.0.2", port));
  CHECK_FALSE(owner_of_tcp_socket("::1", port));
  // A socket whose process is gone must not count as root's.
  client.reset();
  CHECK_FALSE(owner_of_tcp_socket("127.0.0.1", port));
}

TEST_CASE("root may change the network, a user without group may not") {
  CHECK(may_change_network(0));
  CHECK_FALSE(may_change_network(65534));
}
