#include "rustdesk/address_mangle.h"

#include <algorithm>
#include <chrono>

namespace gatehouse::rustdesk {
namespace {

constexpr std::size_t v6_length = 18;

std::uint64_t little_endian(Bytes bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8U | bytes[i];
  return value;
}

// The IPv4 address that is written for this one: its own, or that of an IPv4-compatible address (::a.b.c.d, RFC 4291
// section 2.5.5.1) other than ::1.
std::optional<std::uint32_t> as_v4(const Address& address) {
  if (address.is_v4()) return address.v4();
  if (!std::all_of(address.bytes.begin(), address.bytes.begin() + 12, [](auto byte) { return byte == 0; })) {
    return std::nullopt;
  }
  std::uint32_t v4 = 0;
  for (std::size_t i = 12; i < 16; ++i) v4 = v4 << 8U | address.bytes.at(i);
  if (v4 == 1) return std::nullopt;
  return v4;
}

MangledAddress mangle_v6(const Endpoint& endpoint) {
  MangledAddress mangled;
  std::copy(endpoint.address.bytes.begin(), endpoint.address.bytes.end(), mangled.bytes.begin());
  mangled.bytes[16] = static_cast<std::uint8_t>(endpoint.port);
  mangled.bytes[17] = static_cast<std::uint8_t>(endpoint.port >> 8U);
  mangled.length = v6_length;
  return mangled;
}

}  // namespace

MangledAddress mangle(const Endpoint& endpoint, std::uint32_t tm) {
  const auto v4 = as_v4(endpoint.address);
  if (!v4) return mangle_v6(endpoint);
  // Bits from 49: address + tm (33 bits); from 17: tm; from 0: port + low half of tm (17 bits).
  const std::uint64_t sum = std::uint64_t{__builtin_bswap32(*v4)} + tm;
  const std::uint64_t port = std::uint64_t{endpoint.port} + (tm & 0xffffU);
  const std::uint64_t low = sum << 49U | std::uint64_t{tm} << 17U | port;
  const std::uint64_t high = sum >> 15U;
  MangledAddress mangled;
  for (std::size_t i = 0; i < 16; ++i) {
    mangled.bytes.at(i) = static_cast<std::uint8_t>((i < 8 ? low : high) >> (i % 8 * 8));
    if (mangled.bytes.at(i) != 0) mangled.length = static_cast<std::uint8_t>(i + 1);
  }
  return mangled;
}

MangledAddress mangle(const Endpoint& endpoint, WallTime time) {
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
  return mangle(endpoint, static_cast<std::uint32_t>(microseconds));
}

Endpoint unmangle(Bytes mangled) {
  Endpoint endpoint{.address = Address::from_v4(0), .port = 0};
  if (mangled.size() == v6_length) {
    std::copy_n(mangled.begin(), 16, endpoint.address.bytes.begin());
    endpoint.port = static_cast<std::uint16_t>(little_endian(mangled.subspan(16)));
    return endpoint;
  }
  if (mangled.size() > 16) return endpoint;
  const auto half = std::min<std::size_t>(mangled.size(), 8);
  const auto low = little_endian(mangled.first(half));
  const auto high = little_endian(mangled.subspan(half));
  const auto tm = static_cast<std::uint32_t>(low >> 17U);
  const auto v4 = static_cast<std::uint32_t>(low >> 49U | high << 15U) - tm;  // wraps
  endpoint.address = Address::from_v4(__builtin_bswap32(v4));
  endpoint.port = static_cast<std::uint16_t>(low - tm);  // only its low half counts
  return endpoint;
}

bool is_no_endpoint(const Endpoint& endpoint) {
  return endpoint.port == 0 && (endpoint.address == Address{} || endpoint.address == Address::from_v4(0));
}

}  // namespace gatehouse::rustdesk
