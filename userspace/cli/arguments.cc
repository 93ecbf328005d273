#include "cli/arguments.h"

#include <charconv>

namespace gatehouse::cli {
namespace {

std::optional<std::uint64_t> whole_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

Result<WallTime> parse_since(std::string_view text, WallTime now) {
  if (const auto duration = parse_duration(text)) return now - *duration;
  auto time = parse_time(text);
  if (!time) {
    return failure("'" + std::string(text) + "' is neither a time nor a duration",
                   "write it like 2026-11-23T18:00:00Z or 2h");
  }
  return time;
}

Result<std::optional<WallTime>> parse_ban_end(const std::string& duration, const std::string& until, WallTime now) {
  if (duration == "permanent") return std::nullopt;
  if (!duration.empty()) {
    const auto parsed = parse_duration(duration);
    if (!parsed) return std::unexpected(parsed.error());
    return now + *parsed;
  }
  if (until.empty()) return std::nullopt;
  const auto parsed = parse_time(until);
  if (!parsed) return std::unexpected(parsed.error());
  if (*parsed <= now) return failure("'" + until + "' has passed", "name a moment to come");
  return *parsed;
}

Result<Duration> parse_interval(std::string_view text) {
  const auto interval = parse_duration(text);
  if (!interval || *interval < std::chrono::milliseconds(100) || *interval > std::chrono::hours(1)) {
    return failure("--interval: '" + std::string(text) + "' will not do", "write a duration from 100ms to 1h");
  }
  return interval;
}

Result<std::uint64_t> parse_session_id(std::string_view text) {
  const auto id = whole_number(text);
  if (!id || *id == 0) {
    return failure("'" + std::string(text) + "' is not a session id",
                   "write the number that `gatehouse sessions` shows");
  }
  return *id;
}

Result<std::uint64_t> parse_version(std::string_view text) {
  if (const auto version = whole_number(text)) return *version;
  return failure("'" + std::string(text) + "' is not a version of the policy",
                 "write a number that `gatehouse policy history` shows");
}

}  // namespace gatehouse::cli
