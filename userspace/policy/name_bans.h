// The bans of users, servers and devices, which are known by name, beside those of addresses. Immutable and shared like
// them: a changed table takes over all of the old one but the shards that hold the changed names. Text (reason, author)
// stays in the store.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/time.h"

namespace gatehouse::policy {

enum class Subject : std::uint8_t { user, server, device };

struct NameBan {
  std::uint64_t id = 0;  // of the same numbers as Ban::id
  Subject subject = Subject::user;
  std::string name;                 // the user's or server's; of a device its id, uuid or public key
  std::optional<WallTime> expires;  // nullopt: permanent. Half-open: at that moment it bans no longer
  friend bool operator==(const NameBan&, const NameBan&) = default;
};

class NameBans {
 public:
  NameBans() = default;
  // One ban a name; of two the later in `bans` counts.
  explicit NameBans(std::span<const NameBan> bans);

  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::size_t size() const { return size_; }  // expired ones included
  [[nodiscard]] std::vector<NameBan> list() const;          // any order; expired ones included
  // The live ban of this name at `time`; it lives as long as this table. No allocation.
  [[nodiscard]] const NameBan* find(Subject subject, std::string_view name, WallTime time) const;

  // A table with the bans of these names taken out (only subject and name of `removed` count) and then `added` put in.
  [[nodiscard]] NameBans with(std::span<const NameBan> added, std::span<const NameBan> removed) const;

  // The bans that are not in `old`, and those of `old` whose names have none here. As cheap as the parts that the two
  // do not share. Each name once.
  [[nodiscard]] std::vector<NameBan> differing_from(const NameBans& old) const;

 private:
  // By the hash of subject and name, so that a name can be asked for without copying it.
  using Shard = std::unordered_multimap<std::uint64_t, NameBan>;
  static constexpr std::size_t fan_out = 64;  // nodes, and shards of a node
  using Node = std::array<std::shared_ptr<const Shard>, fan_out>;

  struct Change;
  void apply(std::vector<Change> changes);
  void apply_to(Shard& shard, std::span<const Change> changes);
  [[nodiscard]] const Shard* shard_of(std::uint64_t key) const;

  std::array<std::shared_ptr<const Node>, fan_out> nodes_;
  std::size_t size_ = 0;
};

}  // namespace gatehouse::policy
