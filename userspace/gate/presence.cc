#include "gate/presence.h"

namespace gatehouse::gate {

Presence::Entry Presence::enter(const std::string& user, Place place) {
  const std::lock_guard lock(mutex_);
  auto& inside = inside_[user];
  if (inside.open++ == 0) inside.visit = store_.next_visit_id();
  const Entry entry{inside.visit, inside.places};
  if (place == Place::taken) ++inside.places;
  return entry;
}

std::uint32_t Presence::take_place(const std::string& user) {
  const std::lock_guard lock(mutex_);
  return inside_[user].places++;
}

std::optional<store::SessionEnd> Presence::leave(const std::string& user, const store::SessionEnd& end, Place place) {
  const bool was_session = end.id != 0;
  std::optional<store::SessionEnd> told;
  if (was_session) told = end;
  const std::lock_guard lock(mutex_);
  const auto found = inside_.find(user);
  if (found == inside_.end()) return told;
  auto& inside = found->second;
  if (was_session) inside.last = store::SessionEnd{.visit = end.visit, .ended = end.ended, .reason = end.reason};
  if (place == Place::taken) --inside.places;
  if (--inside.open > 0) return told;
  // The last one out may be one that was never let in: then the visit was over with the session before.
  if (!told) told = inside.last;
  if (told) told->visit_over = true;
  inside_.erase(found);
  return told;
}

std::uint32_t Presence::sessions_of(const std::string& user) const {
  const std::lock_guard lock(mutex_);
  const auto found = inside_.find(user);
  return found == inside_.end() ? 0 : found->second.places;
}

}  // namespace gatehouse::gate
