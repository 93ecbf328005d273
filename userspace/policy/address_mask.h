// The network part of an address, for the tables that are asked on the way of every connection.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "base/address.h"

namespace gatehouse::policy {

namespace mask_detail {
constexpr std::array<std::array<std::uint8_t, 16>, 129> make_masks() {
  std::array<std::array<std::uint8_t, 16>, 129> masks{};
  for (unsigned length = 0; length <= 128; ++length) {
    for (unsigned bit = 0; bit < length; ++bit) {
      masks[length][bit / 8] = static_cast<std::uint8_t>(masks[length][bit / 8] | (0x80U >> (bit % 8)));
    }
  }
  return masks;
}
inline constexpr auto masks = make_masks();
}  // namespace mask_detail

// Prefix::covering(address, length).address without its loop; length is at most 128.
inline Address masked(const Address& address, std::uint8_t length) {
  std::array<std::uint64_t, 2> bits{};
  std::array<std::uint64_t, 2> mask{};
  std::memcpy(bits.data(), address.bytes.data(), 16);
  std::memcpy(mask.data(), mask_detail::masks[length].data(), 16);
  bits[0] &= mask[0];
  bits[1] &= mask[1];
  Address result;
  std::memcpy(result.bytes.data(), bits.data(), 16);
  return result;
}

}  // namespace gatehouse::policy
