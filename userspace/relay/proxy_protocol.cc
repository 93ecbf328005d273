#include "relay/proxy_protocol.h"

#include <algorithm>
#include <array>
#include <string>

namespace gatehouse::relay {

namespace {

using Bytes = std::span<const std::uint8_t>;

// Section 2.2: 12 bytes that no other protocol begins with, version and command, family and transport, length of the
// rest.
constexpr std::array<std::uint8_t, 12> signature{0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D,
                                                 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A};
constexpr std::size_t version_at = 12;
constexpr std::size_t family_at = 13;
constexpr std::size_t length_at = 14;
constexpr std::size_t fixed_length = 16;

constexpr std::uint8_t version_2 = 0x20;
constexpr std::uint8_t command_local = 0x00;
constexpr std::uint8_t command_proxy = 0x01;
constexpr std::uint8_t tcp_over_ipv4 = 0x11;
constexpr std::uint8_t tcp_over_ipv6 = 0x21;
constexpr std::size_t addresses_v4 = 4 + 4 + 2 + 2;
constexpr std::size_t addresses_v6 = 16 + 16 + 2 + 2;

// IPv4 is the last four bytes of the 16-byte form.
Bytes address_bytes(const Address& address, bool v4) {
  return Bytes(address.bytes).subspan(v4 ? 12 : 0);
}

void append_u16(std::vector<std::uint8_t>& header, std::size_t value) {
  header.push_back(static_cast<std::uint8_t>(value >> 8U));
  header.push_back(static_cast<std::uint8_t>(value & 0xFFU));
}

std::uint16_t read_u16(Bytes bytes) {
  return static_cast<std::uint16_t>((bytes[0] << 8U) | bytes[1]);
}

Address read_address(Bytes bytes) {
  Address address;
  if (bytes.size() == 4) address = Address::from_v4(0);  // the mapped prefix
  std::copy(bytes.begin(), bytes.end(), address.bytes.end() - static_cast<std::ptrdiff_t>(bytes.size()));
  return address;
}

std::unexpected<Error> refused(std::string what) {
  return failure("PROXY protocol: " + std::move(what),
                 "the peer must send a version 2 header for TCP over IPv4 or IPv6");
}

}  // namespace

std::vector<std::uint8_t> proxy_header_v2(const Endpoint& source, const Endpoint& destination) {
  const bool v4 = source.address.is_v4() && destination.address.is_v4();
  const std::size_t length = v4 ? addresses_v4 : addresses_v6;
  std::vector<std::uint8_t> header;
  header.reserve(fixed_length + length);
  header.insert(header.end(), signature.begin(), signature.end());
  header.push_back(version_2 | command_proxy);
  header.push_back(v4 ? tcp_over_ipv4 : tcp_over_ipv6);
  append_u16(header, length);
  for (const auto* endpoint : {&source, &destination}) {
    const Bytes bytes = address_bytes(endpoint->address, v4);
    header.insert(header.end(), bytes.begin(), bytes.end());
  }
  append_u16(header, source.port);
  append_u16(header, destination.port);
  return header;
}

Result<std::optional<ProxyHeader>> parse_proxy_header_v2(std::span<const std::uint8_t> bytes) {
  // What is there is judged at once: nobody waits for the rest of a header that is already wrong.
  const std::size_t shown = std::min(bytes.size(), signature.size());
  if (!std::equal(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(shown), signature.begin())) {
    return refused("the signature is missing");
  }
  if (bytes.size() <= version_at) return std::nullopt;
  if ((bytes[version_at] & 0xF0U) != version_2) return refused("not version 2");
  const auto command = static_cast<std::uint8_t>(bytes[version_at] & 0x0FU);
  if (command != command_local && command != command_proxy) return refused("unknown command");
  const bool local = command == command_local;

  if (bytes.size() <= family_at) return std::nullopt;
  const std::uint8_t family = bytes[family_at];
  if (!local && family != tcp_over_ipv4 && family != tcp_over_ipv6)
    return refused("neither TCP over IPv4 nor over IPv6");

  if (bytes.size() < fixed_length) return std::nullopt;
  const std::size_t length = read_u16(bytes.subspan(length_at, 2));
  const std::size_t width = family == tcp_over_ipv4 ? 4 : 16;
  if (!local && length < 2 * width + 4) return refused("too short for its addresses");
  if (bytes.size() < fixed_length + length) return std::nullopt;

  ProxyHeader header;
  header.local = local;
  header.length = fixed_length + length;
  if (local) return header;
  const Bytes addresses = bytes.subspan(fixed_length, length);
  header.source = {read_address(addresses.subspan(0, width)), read_u16(addresses.subspan(2 * width, 2))};
  header.destination = {read_address(addresses.subspan(width, width)), read_u16(addresses.subspan(2 * width + 2, 2))};
  return header;
}

}  // namespace gatehouse::relay
