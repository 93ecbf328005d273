#include "base/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace gatehouse {
namespace {

constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

std::uint8_t mask_of_bits(unsigned bits) {
  return static_cast<std::uint8_t>(0xff00U >> bits);
}

}  // namespace

bool Address::is_v4() const {
  return std::equal(mapped_prefix.begin(), mapped_prefix.end(), bytes.begin());
}

std::uint32_t Address::v4() const {
  return std::uint32_t{bytes[12]} << 24U | std::uint32_t{bytes[13]} << 16U | std::uint32_t{bytes[14]} << 8U | bytes[15];
}

Address Address::from_v4(std::uint32_t host_order) {
  Address address;
  std::copy(mapped_prefix.begin(), mapped_prefix.end(), address.bytes.begin());
  for (unsigned i = 0; i < 4; ++i) address.bytes[12 + i] = static_cast<std::uint8_t>(host_order >> (24U - 8U * i));
  return address;
}

Address Address::from_sockaddr(const sockaddr_storage& storage) {
  return Endpoint::from_sockaddr(storage).address;
}

std::string Address::text() const {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  if (is_v4()) {
    ::inet_ntop(AF_INET, bytes.data() + 12, buffer.data(), buffer.size());
  } else {
    ::inet_ntop(AF_INET6, bytes.data(), buffer.data(), buffer.size());
  }
  return buffer.data();
}

Result<Address> Address::parse(std::string_view text) {
  const std::string terminated(text);
  in_addr v4{};
  // inet_pton() stops at a zero byte; what stands behind one is part of the text all the same.
  const bool whole = text.find('\0') == std::string_view::npos;
  if (whole && ::inet_pton(AF_INET, terminated.c_str(), &v4) == 1) return from_v4(ntohl(v4.s_addr));
  in6_addr v6{};
  if (whole && ::inet_pton(AF_INET6, terminated.c_str(), &v6) == 1) {
    Address address;
    std::memcpy(address.bytes.data(), &v6, sizeof v6);
    return address;
  }
  return failure("'" + terminated + "' is not an IP address", "write it like 192.0.2.1 or 2001:db8::1");
}

bool Prefix::contains(const Address& other) const {
  const unsigned whole = length / 8U;
  const unsigned rest = length % 8U;
  if (!std::equal(address.bytes.begin(), address.bytes.begin() + whole, other.bytes.begin())) return false;
  return rest == 0 || ((address.bytes[whole] ^ other.bytes[whole]) & mask_of_bits(rest)) == 0;
}

bool Prefix::overlaps(const Prefix& other) const {
  return length <= other.length ? contains(other.address) : other.contains(address);
}

std::string Prefix::text() const {
  if (is_host()) return address.text();
  return is_v4() ? address.text() + "/" + std::to_string(length - 96) : address.text() + "/" + std::to_string(length);
}

Prefix Prefix::covering(const Address& address, std::uint8_t length) {
  Prefix prefix{address, length};
  for (unsigned i = 0; i < 16; ++i) {
    const unsigned first_bit = i * 8U;
    if (first_bit >= length) {
      prefix.address.bytes[i] = 0;
    } else if (first_bit + 8U > length) {
      prefix.address.bytes[i] &= mask_of_bits(length - first_bit);
    }
  }
  return prefix;
}

Result<Prefix> Prefix::parse(std::string_view text) {
  const auto slash = text.find('/');
  auto address = Address::parse(text.substr(0, slash));
  if (!address) return std::unexpected(address.error());
  if (slash == std::string_view::npos) return host(*address);
  const auto digits = text.substr(slash + 1);
  const bool v4 = text.substr(0, slash).find(':') == std::string_view::npos;
  const unsigned longest = v4 ? 32 : 128;
  unsigned length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (error != std::errc{} || end != digits.data() + digits.size() || length > longest) {
    return failure("'" + std::string(text) + "' has no usable prefix length",
                   "write 0 to " + std::to_string(longest) + " after the slash");
  }
  const auto prefix = covering(*address, static_cast<std::uint8_t>(v4 ? length + 96 : length));
  if (prefix.address != *address) {
    return failure("'" + std::string(text) + "' has bits set beyond its prefix length",
                   "write " + prefix.text() + ", or the bare address for one host");
  }
  return prefix;
}

Result<Prefix> parse_network(std::string_view text) {
  auto network = Prefix::parse(text);
  if (network && network->length < 96 && network->contains(Address::from_v4(0))) {
    return failure("'" + std::string(text) + "' holds every IPv4 address as well (as ::ffff:0:0/96)",
                   "write 0.0.0.0/0 for all of IPv4 and 2000::/3 for all of global IPv6");
  }
  return network;
}

std::string Endpoint::text() const {
  return (address.is_v4() ? address.text() : "[" + address.text() + "]") + ":" + std::to_string(port);
}

socklen_t Endpoint::to_sockaddr(sockaddr_storage& storage) const {
  storage = {};
  if (address.is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, address.bytes.data() + 12, 4);
    std::memcpy(&storage, &v4, sizeof v4);
    return sizeof v4;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  std::memcpy(&v6.sin6_addr, address.bytes.data(), 16);
  std::memcpy(&storage, &v6, sizeof v6);
  return sizeof v6;
}

Endpoint Endpoint::from_sockaddr(const sockaddr_storage& storage) {
  Endpoint endpoint;
  if (storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &storage, sizeof v4);
    endpoint.address = Address::from_v4(ntohl(v4.sin_addr.s_addr));
    endpoint.port = ntohs(v4.sin_port);
  } else if (storage.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &storage, sizeof v6);
    std::memcpy(endpoint.address.bytes.data(), &v6.sin6_addr, 16);
    endpoint.port = ntohs(v6.sin6_port);
  }
  return endpoint;
}

Result<Endpoint> Endpoint::parse(std::string_view text) {
  const auto colon = text.rfind(':');
  auto host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (colon == std::string_view::npos || bracketed != (host.find(':') != std::string_view::npos)) {
    return failure("'" + std::string(text) + "' is no address with a port",
                   "write it like 192.0.2.1:8443 or [2001:db8::1]:8443");
  }
  const auto address = Address::parse(host);
  if (!address) return std::unexpected(address.error());
  const auto port = parse_port(text.substr(colon + 1));
  if (!port) return std::unexpected(port.error());
  return Endpoint{*address, *port};
}

Result<std::uint16_t> parse_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0 || port > 65535) {
    return failure("'" + std::string(text) + "' is not a port", "write a number from 1 to 65535");
  }
  return static_cast<std::uint16_t>(port);
}

}  // namespace gatehouse
