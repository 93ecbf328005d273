// Networks as the sorted, disjoint intervals that an nftables interval set wants: overlapping and adjacent ones are
// merged.
#pragma once

#include <span>
#include <vector>

#include "base/address.h"

namespace gatehouse::kernel {

struct AddressInterval {
  Address first;
  Address last;  // inclusive

  friend auto operator<=>(const AddressInterval&, const AddressInterval&) = default;
};

enum class AddressFamily { ipv4, ipv6 };

// Of the prefixes, those of one family.
std::vector<AddressInterval> merged_intervals(std::span<const Prefix> prefixes, AddressFamily family);

// The address behind `address`; nothing for the last one of its family.
std::optional<Address> next_address(const Address& address, AddressFamily family);

// `intervals` as merged_intervals() gives them.
bool covers(std::span<const AddressInterval> intervals, const Address& address);

}  // namespace gatehouse::kernel
