// Who is inside: the open sessions and the visit of each user, over all loops. A visit begins with a user's first
// session and is over with the last; its number is the store's.
//
// Threads: any; a lock is held for a look-up in a table of the users inside.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "store/store.h"

namespace gatehouse::gate {

class Presence {
 public:
  explicit Presence(store::Store& store) : store_(store) {}
  ~Presence() = default;
  Presence(const Presence&) = delete;
  Presence& operator=(const Presence&) = delete;

  struct Entry {
    std::uint64_t visit = 0;
    std::uint32_t open_before = 0;  // sessions of the user, this one not counted
  };
  enum class Place : bool { taken, not_taken };  // of the sessions that limits count
  // Counts one session more: to be called before it is decided whether there is room for it, so that two loops cannot
  // both take the last place.
  Entry enter(const std::string& user, Place place = Place::taken);
  // Later, for what entered without; returns what Entry::open_before is.
  std::uint32_t take_place(const std::string& user);
  // What entered has gone: the session of `end`, or (id 0) what did not become one. What the store has to be told, if
  // anything: that end, the end of the visit, or both.
  std::optional<store::SessionEnd> leave(const std::string& user, const store::SessionEnd& end,
                                         Place place = Place::taken);
  [[nodiscard]] std::uint32_t sessions_of(const std::string& user) const;

 private:
  struct Inside {
    std::uint64_t visit = 0;
    std::uint32_t open = 0;
    std::uint32_t places = 0;               // of these
    std::optional<store::SessionEnd> last;  // of the visit, without its session
  };
  store::Store& store_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Inside> inside_;
};

}  // namespace gatehouse::gate
