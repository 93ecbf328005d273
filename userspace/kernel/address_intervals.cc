#include "kernel/address_intervals.h"

#include <algorithm>

namespace gatehouse::kernel {
namespace {

Address last_of(const Prefix& prefix) {
  Address last = prefix.address;
  for (unsigned bit = prefix.length; bit < 128; ++bit) {
    last.bytes.at(bit / 8) = static_cast<std::uint8_t>(last.bytes.at(bit / 8) | (0x80U >> (bit % 8)));
  }
  return last;
}

}  // namespace

std::optional<Address> next_address(const Address& address, AddressFamily family) {
  const std::size_t first_byte = family == AddressFamily::ipv4 ? 12 : 0;
  Address next = address;
  for (std::size_t index = 16; index > first_byte; --index) {
    std::uint8_t& byte = next.bytes.at(index - 1);
    byte = static_cast<std::uint8_t>(byte + 1);
    if (byte != 0) return next;
  }
  return std::nullopt;
}

std::vector<AddressInterval> merged_intervals(std::span<const Prefix> prefixes, AddressFamily family) {
  std::vector<AddressInterval> intervals;
  for (const Prefix& prefix : prefixes) {
    if (prefix.is_v4() != (family == AddressFamily::ipv4)) continue;
    intervals.push_back({.first = Prefix::covering(prefix.address, prefix.length).address, .last = last_of(prefix)});
  }
  std::ranges::sort(intervals);
  std::vector<AddressInterval> merged;
  for (const AddressInterval& interval : intervals) {
    if (!merged.empty()) {
      const auto behind = next_address(merged.back().last, family);
      if (!behind || interval.first <= *behind) {
        merged.back().last = std::max(merged.back().last, interval.last);
        continue;
      }
    }
    merged.push_back(interval);
  }
  return merged;
}

bool covers(std::span<const AddressInterval> intervals, const Address& address) {
  auto behind = std::ranges::upper_bound(intervals, address, {}, &AddressInterval::first);
  return behind != intervals.begin() && address <= std::prev(behind)->last;
}

}  // namespace gatehouse::kernel
