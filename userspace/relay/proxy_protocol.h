// The PROXY protocol, version 2 (HAProxy's proxy-protocol.txt, section 2.2): the header that tells a backend the
// client's own address.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/address.h"
#include "base/result.h"

namespace gatehouse::relay {

// Command PROXY, TCP; AF_INET when both are IPv4, else AF_INET6 (IPv4 as mapped). No TLVs.
std::vector<std::uint8_t> proxy_header_v2(const Endpoint& source, const Endpoint& destination);

struct ProxyHeader {
  bool local = false;  // command LOCAL: no addresses
  Endpoint source;
  Endpoint destination;
  std::size_t length = 0;  // bytes of the whole header
};
// nullopt: not all of it is there yet. Error: this is no acceptable header. TLVs are passed over. For bytes from the
// network: never reads beyond `bytes`.
Result<std::optional<ProxyHeader>> parse_proxy_header_v2(std::span<const std::uint8_t> bytes);

}  // namespace gatehouse::relay
