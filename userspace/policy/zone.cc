#include "policy/zone.h"

#include <date/tz.h>

#include <algorithm>
#include <limits>
#include <map>
#include <mutex>

namespace gatehouse::policy {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year;

constexpr std::int64_t before_all_time = std::numeric_limits<std::int64_t>::min() / 4;
// Debian's files list the changes of a clock up to this year one by one, and leave later ones to a rule that the
// library does not read.
constexpr int last_listed_year = 2037;
constexpr int last_year = 2100;

std::int64_t milliseconds_of(std::chrono::sys_days day) {
  return std::chrono::milliseconds(day.time_since_epoch()).count();
}

int year_of(std::int64_t milliseconds) {
  const WallTime time{Duration(milliseconds)};
  return static_cast<int>(std::chrono::year_month_day(std::chrono::floor<days>(time)).year());
}

}  // namespace

Result<std::shared_ptr<const Zone>> Zone::find(std::string_view name) {
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<const Zone>, std::less<>> known;
  const std::lock_guard lock(mutex);
  if (const auto at = known.find(name); at != known.end()) return at->second;
  try {
    auto zone = std::make_shared<const Zone>(read(name));
    return known.emplace(name, std::move(zone)).first->second;
  } catch (const std::exception&) {
    return failure("there is no time zone '" + std::string(name) + "' in this machine's database",
                   "write a name of the IANA database like Europe/Warsaw or UTC, and see that the package tzdata is "
                   "installed");
  }
}

Zone Zone::read(std::string_view name) {
  const auto* source = date::locate_zone(std::string(name));
  Zone zone;
  auto info = source->get_info(sys_days(year(1970) / 1 / 1));
  zone.periods_.push_back({before_all_time, std::chrono::milliseconds(info.offset).count(), before_all_time});
  while (info.end < sys_days(year(last_year) / 1 / 1)) {
    info = source->get_info(info.end);
    zone.add(std::chrono::milliseconds(info.begin.time_since_epoch()).count(),
             std::chrono::milliseconds(info.offset).count());
  }
  zone.extrapolate();
  return zone;
}

void Zone::add(std::int64_t begin, std::int64_t offset) {
  const auto& last = periods_.back();
  if (last.offset == offset) return;  // only the zone's abbreviation changed
  periods_.push_back({begin, offset, std::max(last.shown, begin + last.offset)});
}

// Later years repeat the listed years in which the days from March on have the same weekdays: that is what rules like
// "the last Sunday of October" depend on.
void Zone::extrapolate() {
  if (periods_.size() == 1 || year_of(periods_.back().begin) != last_listed_year) return;
  const auto listed = periods_;
  const auto march = [](int y) { return sys_days(year(y) / 3 / 1); };
  for (int later = last_listed_year + 1; later < last_year; ++later) {
    int like = last_listed_year;
    while ((march(later) - march(like)).count() % 7 != 0) --like;
    const std::int64_t shift = milliseconds_of(march(later)) - milliseconds_of(march(like));
    for (const auto& period : listed) {
      if (period.begin != before_all_time && year_of(period.begin) == like) add(period.begin + shift, period.offset);
    }
  }
}

LocalTime Zone::clock(WallTime time) const {
  const std::int64_t moment = time.time_since_epoch().count();
  const auto after = std::upper_bound(periods_.begin() + 1, periods_.end(), moment,
                                      [](std::int64_t at, const Period& period) { return at < period.begin; });
  const auto& period = *(after - 1);
  return LocalTime(std::chrono::milliseconds(std::max(moment + period.offset, period.shown - 1)));
}

WallTime Zone::first_showing(LocalTime local) const {
  const std::int64_t wanted = local.time_since_epoch().count();
  // The first period before whose end more than that is shown.
  const auto after = std::upper_bound(periods_.begin() + 1, periods_.end(), wanted,
                                      [](std::int64_t at, const Period& period) { return at < period.shown; });
  const auto& period = *(after - 1);
  return WallTime(std::chrono::milliseconds(std::max(period.begin, wanted - period.offset)));
}

}  // namespace gatehouse::policy
