#include "cli/policy_arguments.h"

#include <array>
#include <cctype>

#include "policy/loader_values.h"
#include "policy/schedule_text.h"

namespace gatehouse::cli {
namespace {

using namespace std::chrono;

constexpr std::array<std::string_view, 7> weekdays{"monday", "tuesday",  "wednesday", "thursday",
                                                   "friday", "saturday", "sunday"};  // as ISO 8601 counts

// 1 to 7, by the full name or its first three letters.
std::optional<unsigned> iso_weekday(std::string_view text) {
  std::string lower;
  for (const char c : text) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (unsigned i = 0; i < weekdays.size(); ++i) {
    if (lower == weekdays.at(i) || lower == weekdays.at(i).substr(0, 3)) return i + 1;
  }
  return std::nullopt;
}

// "17:00" and "24:00", as minutes.
std::optional<minutes> parse_clock(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto two_digits = [&](std::size_t at) -> std::optional<int> {
    if (text[at] < '0' || text[at] > '9' || text[at + 1] < '0' || text[at + 1] > '9') return std::nullopt;
    return (text[at] - '0') * 10 + (text[at + 1] - '0');
  };
  const auto hour = two_digits(0);
  const auto minute = two_digits(3);
  if (!hour || !minute || *minute > 59 || *hour > 24 || (*hour == 24 && *minute > 0)) return std::nullopt;
  return hours(*hour) + minutes(*minute);
}

// Nothing where it is no weekday.
std::optional<Result<WallTime>> weekday_end(std::string_view text, WallTime now, const std::string& zone_name) {
  const auto gap = text.find(' ');
  const auto wanted = iso_weekday(text.substr(0, gap));
  if (!wanted) return std::nullopt;
  const auto clock = gap == std::string_view::npos ? minutes(24 * 60) : parse_clock(text.substr(gap + 1));
  if (!clock) {
    return failure("'" + std::string(text.substr(gap + 1)) + "' is not a time of day", "write it like 'friday 17:00'");
  }
  const auto zone = policy::Zone::find(zone_name.empty() ? "UTC" : zone_name);
  if (!zone) return std::unexpected(zone.error());
  auto day = floor<days>((*zone)->clock(now));
  while (weekday(day).iso_encoding() != *wanted) day += days(1);
  auto end = (*zone)->first_showing(day + *clock);
  if (end <= now) end = (*zone)->first_showing(day + days(7) + *clock);
  return end;
}

}  // namespace

Result<std::optional<WallTime>> parse_end(std::string_view text, WallTime now, const std::string& zone) {
  if (text == "permanent") return std::nullopt;
  std::optional<WallTime> end;
  if (const auto day = weekday_end(text, now, zone)) {
    if (!*day) return std::unexpected(day->error());
    end = **day;
  } else if (const auto duration = parse_duration(text)) {
    end = now + *duration;
  } else if (const auto time = policy::parse_policy_time(text)) {
    end = *time;
  } else {
    return failure(
        "'" + std::string(text) + "' is not an end",
        "write a time (2026-12-24T18:00:00Z), a date, a duration from now (1w3d), a weekday (friday, 'friday "
        "17:00') or permanent");
  }
  if (*end <= now) return failure("'" + std::string(text) + "' has passed", "name a moment to come");
  return end;
}

Result<std::optional<WallTime>> parse_end(const EndOptions& options, WallTime now) {
  if (!options.until.empty()) return parse_end(options.until, now, options.zone);
  if (options.duration.empty() || options.duration == "permanent") return std::nullopt;
  const auto duration = parse_duration(options.duration);
  if (!duration) {
    return failure(duration.error().what, duration.error().mend + ", or permanent");
  }
  return now + *duration;
}

Result<std::vector<Prefix>> parse_networks(const std::vector<std::string>& texts) {
  std::vector<Prefix> networks;
  for (const auto& text : texts) {
    const auto network = parse_network(text);
    if (!network) return std::unexpected(network.error());
    networks.push_back(*network);
  }
  return networks;
}

Result<policy::Schedule> parse_week(const std::vector<std::string>& weekdays_wanted, const std::string& hours_wanted,
                                    const std::string& zone) {
  if (zone.empty()) return failure("weekdays and hours of which time zone?", "give --zone, like Europe/Warsaw or UTC");
  if (const auto found = policy::Zone::find(zone); !found) return std::unexpected(found.error());
  policy::ScheduleRule rule;
  if (!weekdays_wanted.empty()) rule.weekdays = 0;
  for (const auto& text : weekdays_wanted) {
    const auto days_of = policy::parse_weekdays(text);
    if (!days_of) return std::unexpected(days_of.error());
    rule.weekdays |= *days_of;
  }
  if (!hours_wanted.empty()) {
    const auto time = policy::parse_daily_time(hours_wanted);
    if (!time) return std::unexpected(time.error());
    rule.from = time->from;
    rule.to = time->to;
  }
  return policy::Schedule{.zone = zone, .rules = {rule}, .description = {}};
}

std::string name_of_week(const std::vector<std::string>& weekdays_wanted, const std::string& hours_wanted) {
  std::string name;
  for (const auto& text : weekdays_wanted) name += (name.empty() ? "" : "-") + text;
  if (!hours_wanted.empty()) name += (name.empty() ? "" : "-") + hours_wanted;
  for (char& c : name) {
    if (c == ':') c = '.';
  }
  return name;
}

Result<RelaySpec> parse_relay(std::string_view text) {
  const auto bad = [&] {
    return failure("'" + std::string(text) + "' is not a protocol with its port",
                   "write it like ssh:22, or https:443:8443 where the server has another port");
  };
  const auto first = text.find(':');
  if (first == std::string_view::npos) return bad();
  const auto second = text.find(':', first + 1);
  const auto protocol = parse_protocol_word(std::string(text.substr(0, first)));
  if (!protocol) return std::unexpected(protocol.error());
  const auto port = parse_port(text.substr(first + 1, second == std::string_view::npos ? second : second - first - 1));
  if (!port) return bad();
  const auto backend_port = second == std::string_view::npos ? port : parse_port(text.substr(second + 1));
  if (!backend_port) return bad();
  return RelaySpec{*protocol, *port, *backend_port};
}

Result<std::string> parse_protocol_word(const std::string& text) {
  if (text.empty()) return failure("the protocol is empty", "write a word like rdp, ssh or vnc");
  return policy::parse_protocol(text);
}

}  // namespace gatehouse::cli
