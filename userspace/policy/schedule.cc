#include "policy/schedule.h"

#include <algorithm>
#include <array>
#include <bitset>

namespace gatehouse::policy {
namespace {

using std::chrono::days;
using std::chrono::local_days;
using std::chrono::minutes;

struct Window {
  LocalTime begin;
  LocalTime end;
};

bool fits(const ScheduleRule& rule, local_days day) {
  const std::chrono::weekday weekday(day);
  if ((rule.weekdays >> (weekday.iso_encoding() - 1) & 1U) == 0) return false;
  if (rule.days == every_day && rule.months == every_month) return true;
  const std::chrono::year_month_day date(day);
  return (rule.days >> static_cast<unsigned>(date.day()) & 1U) != 0 &&
         (rule.months >> static_cast<unsigned>(date.month()) & 1U) != 0;
}

Window window_of(const ScheduleRule& rule, local_days day) {
  return {day + minutes(rule.from), day + minutes(rule.to) + days(rule.overnight() ? 1 : 0)};
}

// The end of the windows that hold `time`, one of this day or one that began the day before; `time` where none does.
LocalTime covered_until(const ScheduleRule& rule, LocalTime time) {
  const auto today = std::chrono::floor<days>(time);
  LocalTime until = time;
  for (const auto day : {today - days(1), today}) {
    if (day != today && !rule.overnight()) continue;
    const auto window = window_of(rule, day);
    if (window.begin <= until && until < window.end && fits(rule, day)) until = window.end;
  }
  return until;
}

bool covers_every_minute(const std::vector<ScheduleRule>& rules) {
  std::bitset<minutes_of_day> covered;
  for (const auto& rule : rules) {
    if (rule.weekdays != every_weekday || rule.days != every_day || rule.months != every_month) continue;
    for (unsigned at = rule.from; at < rule.to + (rule.overnight() ? minutes_of_day : 0U); ++at) {
      covered.set(at % minutes_of_day);
    }
  }
  return covered.all();
}

}  // namespace

bool ScheduleRule::ever_open() const {
  constexpr std::array<unsigned, 13> longest{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if ((weekdays & every_weekday) == 0) return false;
  for (unsigned month = 1; month <= 12; ++month) {
    const auto of_month = static_cast<std::uint32_t>((std::uint64_t{2} << longest.at(month)) - 2);
    if ((months >> month & 1U) != 0 && (days & of_month) != 0) return true;
  }
  return false;
}

CompiledSchedule::CompiledSchedule(std::shared_ptr<const Zone> zone, std::vector<ScheduleRule> rules)
    : zone_(std::move(zone)), rules_(std::move(rules)), always_open_(covers_every_minute(rules_)) {}

bool CompiledSchedule::open(WallTime time) const {
  if (always_open_) return true;
  const LocalTime clock = zone_->clock(time);
  return std::any_of(rules_.begin(), rules_.end(),
                     [&](const ScheduleRule& rule) { return covered_until(rule, clock) > clock; });
}

WallTime CompiledSchedule::open_until(WallTime time) const {
  if (always_open_) return WallTime::max();
  const LocalTime clock = zone_->clock(time);
  const LocalTime sight = clock + schedule_sight;
  LocalTime until = clock;
  for (bool further = true; further && until < sight;) {
    const LocalTime reached = until;
    for (const auto& rule : rules_) until = covered_until(rule, until);
    // Where the clock is set forward, a window that begins in what is left out follows on without a gap.
    if (until == reached && until > clock) until = zone_->clock(zone_->first_showing(until));
    further = until > reached;
  }
  return until == clock ? time : zone_->first_showing(until);
}

WallTime CompiledSchedule::next_opening(WallTime time) const {
  if (always_open_) return time + schedule_sight;
  const LocalTime clock = zone_->clock(time);
  const auto today = std::chrono::floor<days>(clock);
  const auto last = today + std::chrono::floor<days>(schedule_sight);
  LocalTime opening = clock + schedule_sight;
  for (const auto& rule : rules_) {
    for (auto day = today; day <= last; day += days(1)) {
      const LocalTime begin = window_of(rule, day).begin;
      if (begin >= opening) break;
      // A window that is left out when the clock is set forward opens and closes at once: it does not open.
      if (begin > clock && fits(rule, day) &&
          zone_->first_showing(begin) < zone_->first_showing(window_of(rule, day).end)) {
        opening = begin;
        break;
      }
    }
  }
  return zone_->first_showing(opening);
}

}  // namespace gatehouse::policy
