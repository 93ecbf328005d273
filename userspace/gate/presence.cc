#include "gate/presence.h"

namespace gatehouse::gate {

Presence::Entry Presence::enter(const std::string& user) {
  const std::lock_guard lock(mutex_);
  auto& inside = inside_[user];
  if (inside.open == 0) inside.visit = store_.next_visit_id();
  return {inside.visit, inside.open++};
}

std::optional<std::uint64_t> Presence::leave(const std::string& user, bool opened) {
  const std::lock_guard lock(mutex_);
  const auto found = inside_.find(user);
  if (found == inside_.end()) return std::nullopt;
  if (opened) ++found->second.sessions;
  if (--found->second.open > 0) return std::nullopt;
  const auto sessions = found->second.sessions;
  inside_.erase(found);
  return sessions;
}

std::uint32_t Presence::sessions_of(const std::string& user) const {
  const std::lock_guard lock(mutex_);
  const auto found = inside_.find(user);
  return found == inside_.end() ? 0 : found->second.open;
}

}  // namespace gatehouse::gate
