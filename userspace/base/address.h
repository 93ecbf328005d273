// IP addresses and networks in the one form that the whole project uses: 16 bytes in network order, IPv4 as IPv4-mapped
// IPv6 (::ffff:a.b.c.d, RFC 4291 section 2.5.5.2). One key serves both families everywhere, in user space and in the
// kernel maps.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gatehouse {

struct Address {
  std::array<std::uint8_t, 16> bytes{};

  [[nodiscard]] bool is_v4() const;
  [[nodiscard]] std::uint32_t v4() const;  // host order; only when is_v4()
  [[nodiscard]] std::string text() const;  // "192.0.2.1", "2001:db8::1"

  // No zone ("%eth0"), no port. IPv4-mapped text ("::ffff:192.0.2.1") folds into the IPv4 form, as everything does.
  static Result<Address> parse(std::string_view text);
  static Address from_v4(std::uint32_t host_order);
  static Address from_sockaddr(const sockaddr_storage& storage);

  friend auto operator<=>(const Address&, const Address&) = default;
};

// A network. `length` counts bits of the 16-byte form: an IPv4 /24 has length 120. Bits beyond `length` are zero.
struct Prefix {
  Address address;
  std::uint8_t length = 128;

  [[nodiscard]] bool contains(const Address& other) const;
  [[nodiscard]] bool overlaps(const Prefix& other) const;
  [[nodiscard]] bool is_host() const { return length == 128; }
  [[nodiscard]] bool is_v4() const { return length >= 96 && address.is_v4(); }
  [[nodiscard]] std::string text() const;  // "192.0.2.0/24"; a host without "/32" or "/128"

  // "192.0.2.0/24", "2001:db8::/32", or a bare address (a host). Host bits set ("192.0.2.7/24") are refused, with the
  // mend.
  static Result<Prefix> parse(std::string_view text);
  static Prefix host(const Address& address) { return {address, 128}; }
  // `address` with everything beyond `length` cleared.
  static Prefix covering(const Address& address, std::uint8_t length);

  friend auto operator<=>(const Prefix&, const Prefix&) = default;
};

// Prefix::parse() for what an operator writes: a network of IPv6 that holds all of IPv4 as well (::/0) is refused, for
// nobody means that.
Result<Prefix> parse_network(std::string_view text);

struct Endpoint {
  Address address;
  std::uint16_t port = 0;  // host order

  [[nodiscard]] std::string text() const;  // "192.0.2.1:3389", "[2001:db8::1]:3389"
  // As text() has it: the port is needed, and IPv6 stands in brackets.
  static Result<Endpoint> parse(std::string_view text);
  // Length of the filled part is returned; the family is that of the address (AF_INET for IPv4).
  socklen_t to_sockaddr(sockaddr_storage& storage) const;
  static Endpoint from_sockaddr(const sockaddr_storage& storage);

  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

// Parsed port, 1 to 65535.
Result<std::uint16_t> parse_port(std::string_view text);

// A 64-bit mix of the 16 bytes; the quality of the user-space hash tables rests on it.
inline std::uint64_t hash_bytes16(const std::array<std::uint8_t, 16>& bytes, std::uint64_t seed = 0) {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::memcpy(&high, bytes.data(), 8);
  std::memcpy(&low, bytes.data() + 8, 8);
  std::uint64_t mixed = (high ^ seed) * 0x9e3779b97f4a7c15ULL ^ low;
  mixed ^= mixed >> 32U;
  mixed *= 0xd6e8feb86659fd93ULL;
  mixed ^= mixed >> 32U;
  mixed *= 0xd6e8feb86659fd93ULL;
  return mixed ^ (mixed >> 32U);
}

}  // namespace gatehouse

template <>
struct std::hash<gatehouse::Address> {
  std::size_t operator()(const gatehouse::Address& address) const noexcept {
    return gatehouse::hash_bytes16(address.bytes);
  }
};
template <>
struct std::hash<gatehouse::Prefix> {
  std::size_t operator()(const gatehouse::Prefix& prefix) const noexcept {
    return gatehouse::hash_bytes16(prefix.address.bytes, prefix.length + 1U);
  }
};
template <>
struct std::hash<gatehouse::Endpoint> {
  std::size_t operator()(const gatehouse::Endpoint& endpoint) const noexcept {
    return gatehouse::hash_bytes16(endpoint.address.bytes, endpoint.port + 1U);
  }
};
