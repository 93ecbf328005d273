#include "unit/kernel_gateway.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace gatehouse::kernel::test {
namespace {

Address parsed(const std::string& text) {
  const auto address = Address::parse(text);
  if (!address) throw std::invalid_argument(address.error().text());
  return *address;
}

int require_call(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

void set_option(const Fd& socket, int level, int name) {
  constexpr int on = 1;
  require_call(::setsockopt(socket.get(), level, name, &on, sizeof on), "setsockopt");
}

bool is_v4(const Endpoint& endpoint) {
  return endpoint.address.is_v4();
}

Fd new_socket(const Endpoint& peer, int type, bool transparent) {
  Fd socket(require_call(::socket(is_v4(peer) ? AF_INET : AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
  set_option(socket, SOL_SOCKET, SO_REUSEADDR);
  if (transparent) {
    set_option(socket, is_v4(peer) ? SOL_IP : SOL_IPV6, is_v4(peer) ? IP_TRANSPARENT : IPV6_TRANSPARENT);
  }
  return socket;
}

bool readable_within(const Fd& socket, milliseconds timeout, short events = POLLIN) {
  pollfd waiting{.fd = socket.get(), .events = events, .revents = 0};
  return ::poll(&waiting, 1, static_cast<int>(timeout.count())) == 1;
}

int pending_error(const Fd& socket) {
  int error_number = 0;
  socklen_t length = sizeof error_number;
  require_call(::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error_number, &length), "SO_ERROR");
  return error_number;
}

Attempt connect_socket(Fd socket, const Endpoint& to, milliseconds timeout) {
  sockaddr_storage address{};
  const socklen_t length = to.to_sockaddr(address);
  const auto begin = std::chrono::steady_clock::now();
  Attempt attempt;
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) < 0 && errno != EINPROGRESS) {
    attempt.error_number = errno;
  } else {
    attempt.error_number = readable_within(socket, timeout, POLLOUT) ? pending_error(socket) : ETIMEDOUT;
  }
  attempt.took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin);
  attempt.socket = std::move(socket);
  return attempt;
}

}  // namespace

Addresses addresses_of(const std::string& family) {
  if (family == "v4") {
    return {
        family, parsed("10.1.0.2"), parsed("10.2.0.2"), parsed("10.9.0.1"), parsed("10.9.0.2"), parsed("127.0.0.1")};
  }
  return {family, parsed("fd01::2"), parsed("fd02::2"), parsed("fd09::1"), parsed("fd09::2"), parsed("::1")};
}

GatewayRig::GatewayRig() {
  gatehouse::test::connect({client, "wire", {"10.1.0.2/24", "fd01::2/64"}},
                           {gateway, "inside", {"10.1.0.1/24", "fd01::1/64"}});
  gatehouse::test::connect({gateway, "outside", {"10.2.0.1/24", "fd02::1/64"}},
                           {server, "wire", {"10.2.0.2/24", "fd02::2/64"}});
  gateway.set_sysctl("net.ipv4.ip_forward", "1");
  gateway.set_sysctl("net.ipv6.conf.all.forwarding", "1");
  client.ip({"route add default via 10.1.0.1", "route add ::/0 via fd01::1"});
  gateway.ip({"route add 10.9.0.0/16 via 10.2.0.2", "route add fd09::/32 via fd02::2"});
  server.ip({"route add default via 10.2.0.1", "route add ::/0 via fd02::1"});
  for (const char* address : {"10.9.0.1/32", "10.9.0.2/32", "fd09::1/128", "fd09::2/128"}) {
    server.ip({std::string("address add ") + address + " dev lo"});
  }
  gateway.run([] {
    if (auto added = add_policy_route(test_route); !added) throw std::runtime_error(added.error().text());
  });
  // A new wire carries IPv6 only after the kernel's link watch has seen it, up to a second later.
  for (const char* family : {"v4", "v6"}) {
    const Endpoint closed{addresses_of(family).server, 1};
    int answer = ETIMEDOUT;
    for (int attempt = 0; attempt < 50 && answer != ECONNREFUSED; ++attempt) {
      answer = connect_tcp(client, closed, milliseconds(100)).error_number;
    }
    if (answer != ECONNREFUSED) throw std::runtime_error("the rig's wires carry nothing");
  }
}

void GatewayRig::apply(const RulesetSpec& spec) const {
  gateway.run([&] {
    if (auto applied = apply_ruleset(spec); !applied) throw std::runtime_error(applied.error().text());
  });
}

void GatewayRig::remove() const {
  gateway.run([] {
    if (auto removed = remove_ruleset("gatehouse"); !removed) throw std::runtime_error(removed.error().text());
  });
}

RulesetSpec rig_spec(const std::vector<ServiceBinding>& services) {
  RulesetSpec spec;
  spec.instance = "test";
  spec.mark = test_mark;
  spec.pools = {*Prefix::parse("10.9.0.0/16"), *Prefix::parse("fd09::/32")};
  spec.services = services;
  return spec;
}

ServiceBinding service_at(const Address& address, std::uint16_t port, policy::Transport transport) {
  return {.proxy = {address, port},
          .transport = transport,
          .service_id = 1,
          .kind = policy::Kind::relay,
          .listener_slot = 0};
}

Attempt connect_tcp(const Namespace& from, const Endpoint& to, milliseconds timeout) {
  return from.run([&] { return connect_socket(new_socket(to, SOCK_STREAM, false), to, timeout); });
}

Attempt connect_tcp_as(const Namespace& from, const Address& source, const Endpoint& to, milliseconds timeout) {
  return from.run([&] {
    Fd socket = new_socket(to, SOCK_STREAM, true);
    sockaddr_storage address{};
    const socklen_t length = Endpoint{source, 0}.to_sockaddr(address);
    require_call(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), length), "bind");
    return connect_socket(std::move(socket), to, timeout);
  });
}

Fd bound_socket(const Namespace& where, int type, const Endpoint& at, bool transparent) {
  return where.run([&] {
    Fd socket = new_socket(at, type, transparent);
    sockaddr_storage address{};
    const socklen_t length = at.to_sockaddr(address);
    require_call(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), length), "bind");
    if (type == SOCK_STREAM) require_call(::listen(socket.get(), 64), "listen");
    return socket;
  });
}

std::optional<Fd> accept_within(const Fd& listener, milliseconds timeout) {
  if (!readable_within(listener, timeout)) return std::nullopt;
  Fd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!accepted) return std::nullopt;
  return accepted;
}

std::optional<std::string> receive_within(const Fd& socket, milliseconds timeout) {
  if (!readable_within(socket, timeout)) return std::nullopt;
  std::string text(65536, '\0');
  const ssize_t received = ::recv(socket.get(), text.data(), text.size(), 0);
  if (received < 0) return std::nullopt;
  text.resize(static_cast<std::size_t>(received));
  return text;
}

Endpoint local_of(const Fd& socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  require_call(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &length), "getsockname");
  return Endpoint::from_sockaddr(address);
}

int datagram_error(const Namespace& from, const Endpoint& to, milliseconds timeout) {
  return from.run([&] {
    const Attempt attempt = connect_socket(new_socket(to, SOCK_DGRAM, false), to, milliseconds(100));
    require_call(static_cast<int>(::send(attempt.socket.get(), "hello", 5, 0)), "send");
    return readable_within(attempt.socket, timeout) ? pending_error(attempt.socket) : 0;
  });
}

void send_datagram(const Namespace& from, const Endpoint& to, const std::string& text) {
  from.run([&] {
    const Fd socket = new_socket(to, SOCK_DGRAM, false);
    sockaddr_storage address{};
    const socklen_t length = to.to_sockaddr(address);
    require_call(static_cast<int>(::sendto(socket.get(), text.data(), text.size(), 0,
                                           reinterpret_cast<const sockaddr*>(&address), length)),
                 "sendto");
  });
}

namespace {

// What every test on the rig rests on: without the table, the pool's addresses are reached at the server.
TEST(GatewayRigTest, ForwardsThePoolToTheServerWhileThereIsNoTable) {
  const GatewayRig rig;
  rig.server.set_sysctl("net.ipv6.ip_nonlocal_bind", "1");  // the pool is routed to it, not its own
  for (const char* family : {"v4", "v6"}) {
    const Addresses addresses = addresses_of(family);
    const Fd listener = bound_socket(rig.server, SOCK_STREAM, {addresses.other, 7000});
    EXPECT_EQ(connect_tcp(rig.client, {addresses.other, 7000}).error_number, 0) << family;
    EXPECT_TRUE(accept_within(listener, milliseconds(500))) << family;
  }
}

}  // namespace
}  // namespace gatehouse::kernel::test
