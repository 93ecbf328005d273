// The bans, as the decision engine asks them: of addresses and networks here, of names beside them. Immutable and
// shared: a changed table takes over all of the old one but the small parts that hold the changed bans, so that one
// more ban costs the same with ten bans and with a million, every time. Text (reason, author) stays in the store.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/address.h"
#include "base/time.h"
#include "policy/name_bans.h"

namespace gatehouse::policy {

struct Ban {
  std::uint64_t id = 0;
  Prefix network;
  std::optional<WallTime> expires;  // nullopt: permanent. Half-open: at that moment it covers no longer
  friend bool operator==(const Ban&, const Ban&) = default;
};

// Any thread may read; a copy is cheap and shares everything.
class BanTable {
 public:
  BanTable();  // empty
  // One ban a network; of two for the same network the later in `bans` counts.
  explicit BanTable(std::span<const Ban> bans);

  // The live ban that covers `address` at `time`: a host's own first, then the longest network; expired ones are passed
  // over. Flat in the number of bans; no lock, no allocation.
  [[nodiscard]] std::optional<Ban> find(const Address& address, WallTime time) const;
  // From when on no ban that is here covers `address`: the end of the last of those that cover it at `time`. nullopt:
  // never. `time` itself where none covers it. As cheap as find().
  [[nodiscard]] std::optional<WallTime> covered_until(const Address& address, WallTime time) const;
  // Starts to load what the other two will read first of a table of hosts.
  void prefetch(const Address& address) const;
  [[nodiscard]] std::size_t size() const;       // expired ones included
  [[nodiscard]] std::vector<Ban> list() const;  // any order; expired ones included

  // A table with the bans of `removed` taken out and then `added` put in (replacing one of the same network): what is
  // in both is banned.
  [[nodiscard]] std::shared_ptr<const BanTable> with(std::span<const Ban> added, std::span<const Prefix> removed) const;

  // Those of users, servers and devices.
  [[nodiscard]] const NameBans& names() const { return *names_; }
  // A table with these bans of names instead, and the same of addresses.
  [[nodiscard]] std::shared_ptr<const BanTable> with_names(NameBans names) const;

 private:
  struct Shard;
  struct Node;
  struct Change;
  struct Slot;
  static constexpr std::size_t fan_out = 64;      // nodes of a table, and shards of a node
  static constexpr std::size_t class_count = 13;  // of prefix lengths that are kept together (bans.cc)

  // A copy with these changes, which belong to the shards of this node.
  std::shared_ptr<const Node> changed_node(const Node* old, std::span<const Change> changes);
  void apply(std::span<const Ban> added, std::span<const Prefix> removed);
  Shard changed(const Node* old, std::size_t shard, std::span<const Change> changes);
  void count(const Prefix& network, int difference);
  void list_classes();
  template <typename Visit>
  void each_covering(const Address& address, WallTime time, Visit&& visit) const;

  // The classes that an address of a family must ask, longest prefixes first.
  struct ClassList {
    std::array<std::uint8_t, class_count> classes{};
    std::size_t size = 0;
  };
  std::array<std::shared_ptr<const Node>, fan_out> nodes_;
  std::array<std::uint32_t, class_count> counts_{};
  std::uint32_t wider_than_v4_ = 0;  // IPv6 networks that hold all of the IPv4-mapped range, like ::/0
  ClassList v4_classes_;
  ClassList v6_classes_;
  std::size_t size_ = 0;
  std::shared_ptr<const NameBans> names_;
};

}  // namespace gatehouse::policy
