// Networks as conditions on columns of addresses: a network is what lies from its first address to its last one.
#pragma once

#include "base/address.h"

namespace gatehouse::store {

inline Address last_of(const Prefix& network) {
  Address last = network.address;
  for (unsigned bit = network.length; bit < 128; ++bit) {
    last.bytes.at(bit / 8) = static_cast<std::uint8_t>(last.bytes.at(bit / 8) | 0x80U >> (bit % 8));
  }
  return last;
}

}  // namespace gatehouse::store
