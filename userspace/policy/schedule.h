// When a schedule is open. A rule names days (weekday, day of the month and month must all fit) and a time of day; a
// schedule is open while any of its rules is. A time range that ends where it begins or before ends on the next day and
// belongs to the day on which it began. All in the time of the schedule's zone (zone.h says what happens when a clock
// is set).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policy/zone.h"

namespace gatehouse::policy {

inline constexpr std::uint8_t every_weekday = 0x7f;      // bit 0: Monday
inline constexpr std::uint32_t every_day = 0xfffffffeU;  // bit 1: the first of the month
inline constexpr std::uint16_t every_month = 0x1ffe;     // bit 1: January
inline constexpr std::uint16_t minutes_of_day = 24 * 60;

struct ScheduleRule {
  std::uint8_t weekdays = every_weekday;
  std::uint32_t days = every_day;
  std::uint16_t months = every_month;
  std::uint16_t from = 0;             // minutes of the day
  std::uint16_t to = minutes_of_day;  // half-open; not after `from`: on the next day

  [[nodiscard]] bool overnight() const { return to <= from; }
  // Whether it has a day at all: the 31st of April has none.
  [[nodiscard]] bool ever_open() const;
  friend auto operator<=>(const ScheduleRule&, const ScheduleRule&) = default;
};

// How far a schedule is followed. What is open (or closed) longer is said to be so up to there: ask again then.
inline constexpr Duration schedule_sight = std::chrono::days(400);

class CompiledSchedule {
 public:
  CompiledSchedule(std::shared_ptr<const Zone> zone, std::vector<ScheduleRule> rules);

  [[nodiscard]] bool always_open() const { return always_open_; }
  [[nodiscard]] bool open(WallTime time) const;
  // Up to when it is open without a gap; `time` itself where it is closed then, WallTime::max() where it never closes.
  [[nodiscard]] WallTime open_until(WallTime time) const;
  // The first moment after `time` at which it opens or opens anew. Where it does not within sight: the end of sight.
  [[nodiscard]] WallTime next_opening(WallTime time) const;

 private:
  std::shared_ptr<const Zone> zone_;
  std::vector<ScheduleRule> rules_;
  bool always_open_ = false;
};

}  // namespace gatehouse::policy
