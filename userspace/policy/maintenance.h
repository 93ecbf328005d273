// When the gate or a server is in maintenance, and for whom that does not count.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/time.h"

namespace gatehouse::policy {

struct CompiledMaintenance {
  std::string name;
  bool of_gate = true;
  WallTime start;
  WallTime end;  // half-open
  Duration grace = Duration::zero();
  std::vector<std::uint32_t> exempt;  // indexes of users, sorted

  // The moment from which on it turns away: those who come anew are turned away by its grace already.
  [[nodiscard]] WallTime from(bool live) const { return live ? start : start - grace; }
};

class MaintenanceTable {
 public:
  // `servers_of(i)`: the indexes of the servers that entry i is for.
  MaintenanceTable() = default;
  MaintenanceTable(std::vector<CompiledMaintenance> entries, std::size_t servers,
                   const std::vector<std::vector<std::uint32_t>>& servers_of);

  [[nodiscard]] bool gate_has_any() const { return !gate_.empty(); }
  [[nodiscard]] bool server_has_any(std::uint32_t server) const { return !of_servers_.at(server).empty(); }

  struct Asked {
    std::uint32_t user = 0;
    std::uint32_t server = 0;
    WallTime time;
    bool live = false;  // about a session that is open
  };
  // The entry that turns this user away: the gate's before the server's, one that has begun before one in its grace, of
  // several the one that ends last, then the first by name. nullptr: none.
  [[nodiscard]] const CompiledMaintenance* find(const Asked& asked) const;
  // Up to when some entry turns this user away without a gap; `asked.time` where none does then.
  [[nodiscard]] WallTime covered_until(const Asked& asked) const;
  // When the next one begins that will turn away a session that is open; max: none.
  [[nodiscard]] WallTime next_start(const Asked& asked) const;

 private:
  template <typename Visit>
  void each(const Asked& asked, Visit&& visit) const;

  std::vector<CompiledMaintenance> entries_;            // latest end first, then by name
  std::vector<std::uint32_t> gate_;                     // places in entries_, rising
  std::vector<std::vector<std::uint32_t>> of_servers_;  // the same
};

}  // namespace gatehouse::policy
