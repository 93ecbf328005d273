// A schedule's rule as people write it: `{weekdays: [mon-fri], time: "08:00-18:00"}`.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "policy/schedule.h"

namespace gatehouse::policy {

// One entry of a list each: "mon", "fri-mon" (over the end of the week); "15", "1-7"; "3", "dec", "nov-feb". As bits of
// ScheduleRule.
Result<std::uint8_t> parse_weekdays(std::string_view text);
Result<std::uint32_t> parse_days(std::string_view text);
Result<std::uint16_t> parse_months(std::string_view text);

struct DailyTime {
  std::uint16_t from = 0;
  std::uint16_t to = 0;
};
// "08:00-18:00"; "22:00-06:00" ends on the next day; the end may be 24:00.
Result<DailyTime> parse_daily_time(std::string_view text);

// The rule as a YAML map on one line, without what is not restricted.
std::string text_of(const ScheduleRule& rule);

}  // namespace gatehouse::policy
