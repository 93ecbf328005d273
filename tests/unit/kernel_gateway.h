// Three namespaces on real wires, for tests of the gate's table and routes with real packets:
//
//   client (10.1.0.2, fd01::2) ── gateway (forwards everything that is not forbidden) ── server (10.2.0.2, fd02::2)
//
// The pools 10.9.0.0/16 and fd09::/32 are routed to the server, which has the two pool addresses of Addresses itself:
// whatever the table lets through arrives there and is noticed.
#pragma once

#include <sys/socket.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/fd.h"
#include "kernel/routes.h"
#include "kernel/ruleset.h"
#include "support/namespace.h"

namespace gatehouse::kernel::test {

using gatehouse::test::Namespace;
using std::chrono::milliseconds;

struct Addresses {
  std::string family;
  Address client;
  Address server;
  Address service;  // in the pool
  Address other;    // in the pool
  Address loopback;
};
Addresses addresses_of(const std::string& family);  // "v4", "v6"

inline constexpr std::uint32_t test_mark = 0x6a7e;
inline constexpr PolicyRoute test_route{.mark = test_mark, .table = 27262, .priority = 2726};

struct GatewayRig {
  GatewayRig();
  void apply(const RulesetSpec& spec) const;  // throws the refusal
  void remove() const;

  Namespace client;
  Namespace gateway;
  Namespace server;
};

// The pools of the rig and, in them, the given services.
RulesetSpec rig_spec(const std::vector<ServiceBinding>& services = {});
ServiceBinding service_at(const Address& address, std::uint16_t port,
                          policy::Transport transport = policy::Transport::tcp);

struct Attempt {
  int error_number = 0;  // 0: connected; ETIMEDOUT: no answer in time
  Fd socket;
  milliseconds took{};
};
Attempt connect_tcp(const Namespace& from, const Endpoint& to, milliseconds timeout = milliseconds(1500));
// From `source`, an address that need not be one of the machine (IP_TRANSPARENT).
Attempt connect_tcp_as(const Namespace& from, const Address& source, const Endpoint& to,
                       milliseconds timeout = milliseconds(1500));

// `type` SOCK_STREAM (listening) or SOCK_DGRAM. Bound to the wildcard address of the family when `address` is all zero
// but for the family.
Fd bound_socket(const Namespace& where, int type, const Endpoint& at, bool transparent = false);
std::optional<Fd> accept_within(const Fd& listener, milliseconds timeout);
std::optional<std::string> receive_within(const Fd& socket, milliseconds timeout);
Endpoint local_of(const Fd& socket);

// Sends a datagram through a connected socket and gives back the error that comes back: 0 for none in time.
int datagram_error(const Namespace& from, const Endpoint& to, milliseconds timeout = milliseconds(700));
void send_datagram(const Namespace& from, const Endpoint& to, const std::string& text);

}  // namespace gatehouse::kernel::test
