// Datagrams that pass the gateway with both their addresses kept: what is steered here is read with its original
// destination, and what is sent has any source that the caller names. So a server behind the gateway sees its clients'
// own addresses and ports, and a client sees the proxy IP it spoke to.
//
// Two steered sockets (127.0.0.1 and ::1, the same port) receive; they are found only through steering
// (kernel/dataplane.h). Two raw ones send: a socket bound to each source would be one a client.
//
// Threads: one object belongs to one thread. Ownership: the descriptors are owned.
// Facts: ip(7), ipv6(7), raw(7) (IP_HDRINCL: the kernel fills in checksum and identification); RFC 768, RFC 791,
// RFC 8200 section 8.1 (the pseudo-header).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "base/address.h"
#include "base/fd.h"
#include "base/result.h"

namespace gatehouse::relay {

class Datagrams {
 public:
  // `port`: that of the gate's listening sockets, for tproxy names one port for all.
  static Result<Datagrams> open(std::uint16_t port);

  [[nodiscard]] int v4() const { return v4_.get(); }
  [[nodiscard]] int v6() const { return v6_.get(); }

  using Take = std::function<void(const Endpoint& from, const Endpoint& to, std::span<const std::uint8_t> bytes)>;
  // What waits in one of the two sockets, up to `most` datagrams. Returns how many there were; those that are longer
  // than `longest` are not given to `take`.
  std::size_t receive(int descriptor, const Take& take, std::size_t most);
  static constexpr std::size_t longest = 2048;

  // Error: no route, no room. Both endpoints are of one family.
  Result<void> send(const Endpoint& from, const Endpoint& to, std::span<const std::uint8_t> bytes);

 private:
  Fd v4_;
  Fd v6_;
  Fd raw_v4_;
  Fd raw_v6_;
};

}  // namespace gatehouse::relay
