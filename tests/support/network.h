// The network most tests use, of both families:
//
//   client  192.0.2.0/24 ── clients0 [gateway] backends0 ── 203.0.113.0/24  backend
//       2001:db8:1::/64                                     2001:db8:3::/64
//
// Pools of proxy IPs: 198.51.100.0/24 and 2001:db8:64::/64. Clients reach everything through the gateway, backends
// answer through it. It is built so that a leak shows: the gateway forwards (on purpose), its routes send the pools on
// to the backend, and the backend takes every address of the pools for its own. Only what the gateway is there for
// keeps a client from reaching it under a proxy IP. (RFC 5737 and RFC 3849: all of these are addresses for examples.)
#pragma once

#include <cstdint>

#include "base/address.h"
#include "support/namespace.h"
#include "support/packet_watch.h"
#include "support/printing.h"

namespace gatehouse::test {

enum class Family { v4, v6 };
const char* text_of(Family family);  // "IPv4", "IPv6"

// Who is who in one family.
struct Addresses {
  Prefix clients;  // the network
  Address client;  // each of these three sends from the client namespace; this one unless a socket is bound
  Address second_client;
  Address third_client;
  Address gateway_to_clients;
  Prefix backends;
  Address gateway_to_backends;
  Address backend;  // each of these two listens in the backend namespace
  Address second_backend;
  Address black_hole;  // routed like a backend; what is sent there is never answered
  Prefix pool;
};
const Addresses& addresses(Family family);
// The proxy IP with this number, from 1 to 250.
Address proxy_ip(Family family, std::uint8_t number);

class Network {
 public:
  Network();

  const Namespace client;
  const Namespace gateway;
  const Namespace backend;

  static constexpr const char* clients_interface = "clients0";    // in the gateway
  static constexpr const char* backends_interface = "backends0";  // in the gateway
  static constexpr const char* wire = "wire0";                    // in the two others

  // Packets to a proxy IP that came as far as the backends' wire. Anything but 0 is a hole.
  [[nodiscard]] std::uint64_t leaked_packets();

 private:
  struct Built {
    explicit Built(const Network& network);
  };
  Built built_;
  PacketWatch leaked_v4_;
  PacketWatch leaked_v6_;
};

}  // namespace gatehouse::test
