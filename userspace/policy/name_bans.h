// The bans of users, servers and devices, which are known by name, beside those of addresses. Immutable and shared like
// them; text (reason, author) stays in the store.
#pragma once

#include <cstdint>
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

  [[nodiscard]] bool empty() const { return bans_.empty(); }
  [[nodiscard]] std::size_t size() const { return bans_.size(); }  // expired ones included
  [[nodiscard]] std::vector<NameBan> list() const;                 // any order; expired ones included
  // The live ban of this name at `time`; it lives as long as this table. No allocation.
  [[nodiscard]] const NameBan* find(Subject subject, std::string_view name, WallTime time) const;

  // A table with the bans of these names taken out (only subject and name of `removed` count) and then `added` put in.
  [[nodiscard]] NameBans with(std::span<const NameBan> added, std::span<const NameBan> removed) const;

 private:
  void put(const NameBan& ban);
  void take_out(Subject subject, std::string_view name);

  // By the hash of subject and name, so that a name can be asked for without copying it.
  std::unordered_multimap<std::uint64_t, NameBan> bans_;
};

}  // namespace gatehouse::policy
