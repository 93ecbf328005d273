#include "base/time.h"

#include <fmt/core.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <ctime>

namespace gatehouse {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t milliseconds;
};
constexpr std::array<Unit, 6> units{
    {{"w", 604'800'000}, {"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::optional<int> fixed_digits(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return std::nullopt;
  int value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (!is_digit(text[i])) return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

std::unexpected<Error> bad_time(std::string_view text) {
  return failure("'" + std::string(text) + "' is not a time", "write it like 2026-11-23T18:00:00Z or 2026-11-23");
}

std::unexpected<Error> bad_duration(std::string_view text) {
  return failure("'" + std::string(text) + "' is not a duration", "write it like 30s, 15m, 1.5h, 2d or 1w3d");
}

}  // namespace

WallTime now() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

std::uint64_t boot_time_ns() {
  timespec ts{};
  ::clock_gettime(CLOCK_BOOTTIME, &ts);
  return static_cast<std::uint64_t>(ts.tv_sec) * 1'000'000'000ULL + static_cast<std::uint64_t>(ts.tv_nsec);
}

std::uint64_t to_boot_time_ns(std::optional<WallTime> time) {
  if (!time) return 0;
  // Far-away times must not overflow the nanoseconds: a century ahead is as good as any later moment.
  constexpr std::int64_t century_ms = 100LL * 365 * 86'400'000;
  const std::int64_t ahead_ms = std::min<std::int64_t>((*time - now()).count(), century_ms);
  if (ahead_ms <= 0) return 1;
  return boot_time_ns() + static_cast<std::uint64_t>(ahead_ms) * 1'000'000ULL;
}

WallTime from_boot_time_ns(std::uint64_t boot_ns) {
  const auto difference = static_cast<std::int64_t>(boot_ns - boot_time_ns());
  return now() + std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::nanoseconds(difference));
}

std::string format_time(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto millis = (time - seconds).count();
  const auto days = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(days);
  const std::chrono::hh_mm_ss clock(seconds - days);
  const auto text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                                clock.hours().count(), clock.minutes().count(), clock.seconds().count());
  return millis == 0 ? text + "Z" : text + fmt::format(".{:03}Z", millis);
}

Result<WallTime> parse_time(std::string_view text) {
  const auto year = fixed_digits(text, 0, 4);
  const auto month = fixed_digits(text, 5, 2);
  const auto day = fixed_digits(text, 8, 2);
  if (!year || !month || !day || text[4] != '-' || text[7] != '-') return bad_time(text);
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok())
    return failure("'" + std::string(text) + "' names a day that does not exist", "check the month and the day");
  WallTime time = std::chrono::sys_days(date);
  if (text.size() == 10) return time;

  const auto hour = fixed_digits(text, 11, 2);
  const auto minute = fixed_digits(text, 14, 2);
  const auto second = fixed_digits(text, 17, 2);
  if ((text[10] != 'T' && text[10] != ' ') || !hour || !minute || !second || text[13] != ':' || text[16] != ':')
    return bad_time(text);
  if (*hour > 23 || *minute > 59 || *second > 59) return bad_time(text);
  time += std::chrono::hours(*hour) + std::chrono::minutes(*minute) + std::chrono::seconds(*second);
  std::size_t at = 19;
  if (at < text.size() && text[at] == '.') {
    int scale = 100;
    std::size_t digits = 0;
    for (++at; at < text.size() && is_digit(text[at]); ++at, ++digits) {
      time += std::chrono::milliseconds((text[at] - '0') * scale);
      scale /= 10;
    }
    if (digits == 0 || digits > 9) return bad_time(text);
  }
  if (at + 1 == text.size() && text[at] == 'Z') return time;
  if (at + 6 == text.size() && (text[at] == '+' || text[at] == '-') && text[at + 3] == ':') {
    const auto offset_hours = fixed_digits(text, at + 1, 2);
    const auto offset_minutes = fixed_digits(text, at + 4, 2);
    if (offset_hours && offset_minutes && *offset_hours <= 23 && *offset_minutes <= 59) {
      const auto offset = std::chrono::hours(*offset_hours) + std::chrono::minutes(*offset_minutes);
      return text[at] == '+' ? time - offset : time + offset;
    }
  }
  return failure("'" + std::string(text) + "' has no time zone", "end it with Z (UTC) or an offset like +01:00");
}

Result<Duration> parse_duration(std::string_view text) {
  constexpr double most_ms = 100.0 * 365 * 86'400'000;
  double total = 0;
  std::size_t at = 0;
  std::size_t next_unit = 0;
  while (at < text.size()) {
    const std::size_t number_at = at;
    double value = 0;
    while (at < text.size() && is_digit(text[at])) value = value * 10 + (text[at++] - '0');
    if (at == number_at) return bad_duration(text);
    if (at < text.size() && text[at] == '.') {
      const std::size_t fraction_at = ++at;
      double scale = 0.1;
      for (; at < text.size() && is_digit(text[at]); ++at, scale /= 10) value += (text[at] - '0') * scale;
      if (at == fraction_at) return bad_duration(text);
    }
    const std::size_t unit_at = at;
    while (at < text.size() && !is_digit(text[at]) && text[at] != '.') ++at;
    const auto name = text.substr(unit_at, at - unit_at);
    std::size_t unit = next_unit;
    while (unit < units.size() && units.at(unit).name != name) ++unit;
    if (unit == units.size()) return bad_duration(text);
    total += value * static_cast<double>(units.at(unit).milliseconds);
    next_unit = unit + 1;
  }
  if (total > most_ms)
    return failure("'" + std::string(text) + "' is longer than a century",
                   "write a shorter duration, or permanent where that is allowed");
  const Duration duration(std::llround(total));
  if (duration <= Duration::zero()) return bad_duration(text);
  return duration;
}

std::string format_duration(Duration duration) {
  if (duration == Duration::zero()) return "0s";
  std::string text = duration < Duration::zero() ? "-" : "";
  std::int64_t rest = std::abs(duration.count());
  for (const auto& unit : units) {
    if (rest >= unit.milliseconds) {
      text += std::to_string(rest / unit.milliseconds) + std::string(unit.name);
      rest %= unit.milliseconds;
    }
  }
  return text;
}

}  // namespace gatehouse
