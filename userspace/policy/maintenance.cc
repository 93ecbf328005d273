#include "policy/maintenance.h"

#include <algorithm>
#include <numeric>

namespace gatehouse::policy {

MaintenanceTable::MaintenanceTable(std::vector<CompiledMaintenance> entries, std::size_t servers,
                                   const std::vector<std::vector<std::uint32_t>>& servers_of)
    : of_servers_(servers) {
  std::vector<std::uint32_t> order(entries.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return entries[a].end != entries[b].end ? entries[a].end > entries[b].end : entries[a].name < entries[b].name;
  });
  for (const auto index : order) {
    const auto place = static_cast<std::uint32_t>(entries_.size());
    if (entries[index].of_gate) gate_.push_back(place);
    for (const auto server : servers_of[index]) of_servers_.at(server).push_back(place);
    entries_.push_back(std::move(entries[index]));
  }
}

// visit(entry) for those that are not over and count for the user, the gate's first.
template <typename Visit>
void MaintenanceTable::each(const Asked& asked, Visit&& visit) const {
  for (const auto* places : {&gate_, &of_servers_[asked.server]}) {
    for (const auto place : *places) {
      const auto& entry = entries_[place];
      if (entry.end <= asked.time) break;  // so are all that follow
      if (!std::binary_search(entry.exempt.begin(), entry.exempt.end(), asked.user)) visit(entry);
    }
  }
}

const CompiledMaintenance* MaintenanceTable::find(const Asked& asked) const {
  const CompiledMaintenance* found = nullptr;
  each(asked, [&](const CompiledMaintenance& entry) {
    if (asked.time < entry.from(asked.live)) return;
    const bool begun = entry.start <= asked.time;
    if (found == nullptr || (found->of_gate == entry.of_gate && begun && found->start > asked.time)) found = &entry;
  });
  return found;
}

WallTime MaintenanceTable::covered_until(const Asked& asked) const {
  WallTime until = asked.time;
  for (bool further = true; further;) {
    further = false;
    each(asked, [&](const CompiledMaintenance& entry) {
      if (entry.from(asked.live) > until || entry.end <= until) return;
      until = entry.end;
      further = true;
    });
  }
  return until;
}

WallTime MaintenanceTable::next_start(const Asked& asked) const {
  WallTime next = WallTime::max();
  each(asked, [&](const CompiledMaintenance& entry) {
    if (entry.start > asked.time) next = std::min(next, entry.start);
  });
  return next;
}

}  // namespace gatehouse::policy
