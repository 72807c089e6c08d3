// TCP request and response, a byte each: `round_trips serve` on one side; `round_trips ADDRESS SECONDS` on the other
// prints how many it got through in a second.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

int main(int argc, char** argv) {
  constexpr uint16_t port = 7007;
  int on = 1;
  char byte = 0;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  auto* name = reinterpret_cast<sockaddr*>(&address);
  if (argc == 2) {
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, name, sizeof address) != 0 || listen(fd, 8) != 0) return 1;
    for (;;) {
      int peer = accept(fd, nullptr, nullptr);
      setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      while (read(peer, &byte, 1) == 1 && write(peer, &byte, 1) == 1) {
      }
      close(peer);
    }
  }
  if (argc != 3 || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) return 2;
  if (connect(fd, name, sizeof address) != 0) return 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  using Clock = std::chrono::steady_clock;
  auto start = Clock::now();
  std::chrono::duration<double> elapsed{}, wanted(atof(argv[2]));
  long trips = 0;
  while (elapsed < wanted) {
    for (int i = 0; i < 64; ++i, ++trips)
      if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1) return 1;
    elapsed = Clock::now() - start;
  }
  printf("%.0f\n", static_cast<double>(trips) / elapsed.count());
  return 0;
}
