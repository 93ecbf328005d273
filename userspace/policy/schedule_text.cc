#include "policy/schedule_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <vector>

namespace gatehouse::policy {
namespace {

constexpr std::array<std::string_view, 7> weekday_words{"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
constexpr std::array<std::string_view, 12> month_words{"jan", "feb", "mar", "apr", "may", "jun",
                                                       "jul", "aug", "sep", "oct", "nov", "dec"};

std::optional<unsigned> number_of(std::string_view text) {
  if (text.empty() || text.size() > 2) return std::nullopt;
  unsigned number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + static_cast<unsigned>(c - '0');
  }
  return number;
}

std::optional<unsigned> place_in(std::span<const std::string_view> words, std::string_view text) {
  const auto at = std::find(words.begin(), words.end(), text);
  if (at == words.end()) return std::nullopt;
  return static_cast<unsigned>(at - words.begin());
}

// "a" or "a-b" of things that are numbered from `least` to `most`; nullopt: something else. A range over the end goes
// on at the beginning, where it may.
template <typename NumberOf>
std::optional<std::uint32_t> bits_of(std::string_view text, unsigned least, unsigned most, bool may_wrap,
                                     NumberOf&& number) {
  const auto dash = text.find('-');
  const auto first = number(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : number(text.substr(dash + 1));
  if (!first || !last || *first < least || *first > most || *last < least || *last > most) return std::nullopt;
  if (*last < *first && !may_wrap) return std::nullopt;
  std::uint32_t bits = 0;
  for (unsigned at = *first;; at = at == most ? least : at + 1) {
    bits |= 1U << at;
    if (at == *last) return bits;
  }
}

// Runs of set bits as "a" and "a-b", in the words of `name`.
template <typename Name>
std::string text_of_bits(std::uint32_t bits, unsigned least, unsigned most, Name&& name) {
  std::string text;
  for (unsigned at = least; at <= most; ++at) {
    if ((bits >> at & 1U) == 0) continue;
    const unsigned first = at;
    while (at < most && (bits >> (at + 1) & 1U) != 0) ++at;
    text += (text.empty() ? "" : ", ") + name(first);
    if (at > first) text += "-" + name(at);
  }
  return "[" + text + "]";
}

std::optional<std::uint16_t> minutes_of(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto hour = number_of(text.substr(0, 2));
  const auto minute = number_of(text.substr(3, 2));
  if (!hour || !minute || *minute > 59 || *hour > 24 || (*hour == 24 && *minute > 0)) return std::nullopt;
  return static_cast<std::uint16_t>(*hour * 60 + *minute);
}

}  // namespace

Result<std::uint8_t> parse_weekdays(std::string_view text) {
  const auto bits = bits_of(text, 0, 6, true, [](std::string_view word) { return place_in(weekday_words, word); });
  if (bits) return static_cast<std::uint8_t>(*bits);
  return failure("'" + std::string(text) + "' is not a weekday", "write mon, tue, wed, thu, fri, sat, sun, or mon-fri");
}

Result<std::uint32_t> parse_days(std::string_view text) {
  if (const auto bits = bits_of(text, 1, 31, false, number_of)) return *bits;
  return failure("'" + std::string(text) + "' is not a day of the month", "write 1 to 31, or a range like 1-7");
}

Result<std::uint16_t> parse_months(std::string_view text) {
  const auto bits = bits_of(text, 1, 12, true, [](std::string_view word) {
    const auto place = place_in(month_words, word);
    return place ? std::optional(*place + 1) : number_of(word);
  });
  if (bits) return static_cast<std::uint16_t>(*bits);
  return failure("'" + std::string(text) + "' is not a month", "write 1 to 12, or jan to dec, or a range like oct-mar");
}

Result<DailyTime> parse_daily_time(std::string_view text) {
  const auto dash = text.find('-');
  const auto from = minutes_of(text.substr(0, dash));
  const auto to = dash == std::string_view::npos ? std::nullopt : minutes_of(text.substr(dash + 1));
  if (!from || !to || *from == minutes_of_day) {
    return failure("'" + std::string(text) + "' is not a time range", "write it like 08:00-18:00 or 22:00-06:00");
  }
  if (*from == *to || *to == 0) {
    return failure("'" + std::string(text) + (*to == 0 ? "' ends at 00:00" : "' ends when it begins"),
                   "write 24:00 for the end of the day; a whole day is 00:00-24:00");
  }
  return DailyTime{*from, *to};
}

std::string text_of(const ScheduleRule& rule) {
  std::vector<std::string> parts;
  if (rule.weekdays != every_weekday) {
    parts.push_back("weekdays: " +
                    text_of_bits(rule.weekdays, 0, 6, [](unsigned at) { return std::string(weekday_words.at(at)); }));
  }
  if (rule.days != every_day) {
    parts.push_back("days: " + text_of_bits(rule.days, 1, 31, [](unsigned at) { return std::to_string(at); }));
  }
  if (rule.months != every_month) {
    parts.push_back("months: " +
                    text_of_bits(rule.months, 1, 12, [](unsigned at) { return std::string(month_words.at(at - 1)); }));
  }
  if (rule.from != 0 || rule.to != minutes_of_day) {
    parts.push_back(
        fmt::format("time: \"{:02}:{:02}-{:02}:{:02}\"", rule.from / 60, rule.from % 60, rule.to / 60, rule.to % 60));
  }
  std::string text;
  for (const auto& part : parts) text += (text.empty() ? "" : ", ") + part;
  return "{" + text + "}";
}

}  // namespace gatehouse::policy
