// How long bytes stand still while something else goes on.
//
//   stall ADDRESS PORT COUNT        opens COUNT connections to something that sends back what it gets, prints "open",
//                                   and sends a byte through one after the other, each when the one before has come
//                                   back, until it is terminated. Then prints "longest MILLISECONDS of COUNT"
//
// Exit 1 with a message when a byte does not come back at all.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/fd.h"

namespace {

using gatehouse::Endpoint;
using gatehouse::Fd;

volatile std::sig_atomic_t asked_to_end = 0;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

Fd connection_to(const Endpoint& endpoint) {
  sockaddr_storage storage{};
  const socklen_t length = endpoint.to_sockaddr(storage);
  Fd socket(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0) {
    fail("connecting to " + endpoint.text());
  }
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const timeval patience{.tv_sec = 30, .tv_usec = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return socket;
}

void pass_a_byte(const Fd& connection) {
  char byte = '.';
  if (::send(connection.get(), &byte, 1, MSG_NOSIGNAL) != 1) fail("sending a byte");
  while (::recv(connection.get(), &byte, 1, 0) != 1) {
    if (errno != EINTR) fail("a byte did not come back");
  }
}

int run(std::span<char*> arguments) {
  if (arguments.size() != 4) {
    std::cerr << "usage: stall ADDRESS PORT COUNT\n";
    return 2;
  }
  const auto address = gatehouse::Address::parse(arguments[1]);
  if (!address) throw std::runtime_error(address.error().text());
  const auto port = gatehouse::parse_port(arguments[2]);
  if (!port) throw std::runtime_error(port.error().text());
  struct sigaction action{};
  action.sa_handler = [](int) { asked_to_end = 1; };
  ::sigaction(SIGTERM, &action, nullptr);

  std::vector<Fd> connections(std::stoul(arguments[3]));
  for (auto& connection : connections) {
    connection = connection_to({*address, *port});
    pass_a_byte(connection);
  }
  std::cout << "open" << std::endl;
  using Clock = std::chrono::steady_clock;
  Clock::duration longest{0};
  std::size_t passed = 0;
  while (asked_to_end == 0) {
    const auto begun = Clock::now();
    pass_a_byte(connections[passed++ % connections.size()]);
    longest = std::max(longest, Clock::now() - begun);
  }
  std::printf("longest %.3f of %zu\n", std::chrono::duration<double, std::milli>(longest).count(), passed);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run({argv, static_cast<std::size_t>(argc)});
  } catch (const std::exception& exception) {
    std::cerr << "stall: " << exception.what() << '\n';
    return 1;
  }
}
