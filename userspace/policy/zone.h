// The clock on the wall of a time zone: what it shows at a moment, and when it first shows a time. Read from the
// machine's time zone database (/usr/share/zoneinfo) once, into a table; what is asked afterwards is arithmetic.
//
// A clock that is set back shows an hour twice, one that is set forward leaves an hour out. Here it only ever moves
// forward: while an hour is shown again, it stands at the last millisecond before it was set back, and at an hour that
// is left out it jumps. So every time of every day is reached exactly once, and what opens at one time and closes at a
// later one is open without a gap in between.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace gatehouse::policy {

// Milliseconds since 1970-01-01T00:00 of the clock on the wall.
using LocalTime = std::chrono::local_time<std::chrono::milliseconds>;

class Zone {
 public:
  // A name of the IANA database, like Europe/Warsaw. Each is read once in a process and kept.
  static Result<std::shared_ptr<const Zone>> find(std::string_view name);

  [[nodiscard]] LocalTime clock(WallTime time) const;
  // The first moment at which the clock shows `local` or more.
  [[nodiscard]] WallTime first_showing(LocalTime local) const;

 private:
  // From `begin` on the clock is `offset` ahead of UTC; before, it had shown everything earlier than `shown`.
  struct Period {
    std::int64_t begin = 0;
    std::int64_t offset = 0;
    std::int64_t shown = 0;
  };
  static Zone read(std::string_view name);  // throws where there is none
  void add(std::int64_t begin, std::int64_t offset);
  void extrapolate();

  std::vector<Period> periods_;  // never empty; the first is from before all time
};

}  // namespace gatehouse::policy
