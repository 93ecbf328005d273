// Addresses as RustDesk writes them in socket_addr, local_addr and socket_addr_v6 (AddrMangle of hbb_common): an IPv4
// address and port mixed with a time and with trailing zeros cut (1 to 11 bytes; an address may become none at all), an
// IPv6 address as its 16 bytes and the port little-endian (18 bytes). It hides nothing and proves nothing: who can
// write it can write any address.
//
// Nothing fails: what hbbs reads as "no address" reads so here, as 0.0.0.0:0.
#pragma once

#include <array>
#include <cstdint>

#include "base/address.h"
#include "base/time.h"
#include "rustdesk/bytes.h"

namespace gatehouse::rustdesk {

struct MangledAddress {
  std::array<std::uint8_t, 18> bytes{};
  std::uint8_t length = 0;

  [[nodiscard]] Bytes view() const { return Bytes(bytes).first(length); }  // lives as long as this
};

// `tm`: microseconds since the epoch, their low 32 bits; any number does.
MangledAddress mangle(const Endpoint& endpoint, std::uint32_t tm);
MangledAddress mangle(const Endpoint& endpoint, WallTime time);

// IPv4-mapped addresses come as the IPv4 address that they are, whichever way they were written. Empty and impossible
// input (longer than 16 bytes and not 18) gives 0.0.0.0:0; shorter junk gives some IPv4 address, as it does in hbbs.
Endpoint unmangle(Bytes mangled);

// 0.0.0.0:0 and [::]:0: no address.
bool is_no_endpoint(const Endpoint& endpoint);

}  // namespace gatehouse::rustdesk
