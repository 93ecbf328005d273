// Longest-prefix match over the 16-byte address form, for read-mostly tables: one hash table for each prefix length in
// use, asked from the longest to the shortest. Flat in the number of entries; its cost is the number of different
// lengths of the address's family.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/address.h"
#include "policy/address_mask.h"
#include "policy/flat_index.h"

namespace gatehouse::policy {

template <typename Value>
class PrefixMap {
 public:
  struct Entry {
    Prefix prefix;
    Value value{};
  };

  PrefixMap() = default;

  // Of two entries with the same prefix the later wins.
  explicit PrefixMap(const std::vector<Entry>& entries) {
    for (const auto& entry : entries) {
      auto& level = level_of(entry.prefix.length);
      level.index.insert(entry.prefix.address, entry.value);
      (entry.prefix.is_v4() ? level.has_v4 : level.has_v6) = true;
    }
  }

  [[nodiscard]] std::size_t size() const {
    std::size_t size = 0;
    for (const auto& level : levels_) size += level.index.size();
    return size;
  }

  // The longest prefix that covers `address`.
  [[nodiscard]] std::optional<Entry> find(const Address& address) const {
    const bool v4 = address.is_v4();
    for (const auto& level : levels_) {
      if (!level.concerns(v4)) continue;
      const Address network = masked(address, level.length);
      if (const auto* value = level.index.find(network)) return Entry{{network, level.length}, *value};
    }
    return std::nullopt;
  }

  // Starts to load what find() will read of the longest few lengths.
  void prefetch(const Address& address) const {
    const bool v4 = address.is_v4();
    std::size_t left = 8;
    for (const auto& level : levels_) {
      if (!level.concerns(v4)) continue;
      level.index.prefetch(masked(address, level.length));
      if (--left == 0) return;
    }
  }

 private:
  struct Level {
    std::uint8_t length = 0;
    bool has_v4 = false;
    bool has_v6 = false;
    FlatIndex<Address, Value> index;

    // Below 96 bits an IPv6 prefix may cover the IPv4-mapped range.
    [[nodiscard]] bool concerns(bool v4) const { return v4 ? has_v4 || length < 96 : has_v6; }
  };

  Level& level_of(std::uint8_t length) {
    auto at = std::find_if(levels_.begin(), levels_.end(), [&](const Level& level) { return level.length <= length; });
    if (at == levels_.end() || at->length != length) {
      at = levels_.insert(at, Level{});
      at->length = length;
    }
    return *at;
  }

  std::vector<Level> levels_;  // longest first
};

}  // namespace gatehouse::policy
