// What the readers of requests (requests.h) share: limits, and the reading of single parameters.
#pragma once

#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "admin/json_input.h"
#include "admin/query.h"
#include "admin/requests.h"

namespace gatehouse::admin {

inline constexpr std::size_t longest_name = 256;
inline constexpr std::size_t longest_reason = 1024;
inline constexpr std::uint64_t largest_id = std::numeric_limits<std::int64_t>::max();  // the store's are signed

inline constexpr std::uint64_t longest_seconds = 100ULL * 365 * 86'400;

inline std::string indexed(std::string_view name, std::size_t index) {
  return std::string(name) + "[" + std::to_string(index) + "]";
}

template <typename T>
Result<T> finished(T&& value, const std::optional<Error>& fault) {
  if (fault) return std::unexpected(*fault);
  return std::forward<T>(value);
}

inline Result<std::uint64_t> parse_number(std::string_view text, std::uint64_t least, std::uint64_t most) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < least || number > most) {
    return failure("'" + std::string(text) + "' is not a number that fits",
                   "write a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return number;
}

// One parameter through `parse`; its error gets the parameter's name.
template <typename Parse>
auto parameter(const Query& query, std::string_view name, std::optional<Error>& fault, Parse&& parse)
    -> std::optional<typename decltype(parse(std::string_view{}))::value_type> {
  const auto value = query.value(name);
  if (!value || fault) return std::nullopt;
  const auto complain = [&](const Error& error) {
    fault = Error{"query parameter " + std::string(name) + ": " + error.what, error.mend};
  };
  if (auto checked = check_line(*value, longest_name); !checked) {
    complain(checked.error());
    return std::nullopt;
  }
  auto result = parse(std::string_view(*value));
  if (!result) {
    complain(result.error());
    return std::nullopt;
  }
  return std::move(*result);
}

inline Result<WallTime> parse_future(std::string_view text, WallTime now) {
  auto time = parse_time(text);
  if (time && *time <= now) return failure("'" + std::string(text) + "' has passed", "name a moment to come");
  return time;
}

// Text as people write it, or seconds as the answers of the API have them.
inline std::optional<Duration> read_duration(ObjectReader& reader) {
  const auto* value = reader.member("duration", false);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return reader.parsed("duration", parse_duration);
  const auto seconds = reader.number("duration", 1, longest_seconds);
  if (!seconds) return std::nullopt;
  return std::chrono::seconds(*seconds);
}

// The moment when it ends, as `expires` or `duration`: one of them, or none for ever.
inline std::optional<WallTime> read_expiry(ObjectReader& reader, WallTime now) {
  auto end = reader.parsed("expires", [&](std::string_view text) { return parse_future(text, now); });
  if (const auto duration = read_duration(reader)) {
    if (end) reader.complain("duration", {"stands beside expires", "send one of them, or none for ever"});
    end = now + *duration;
  }
  return end;
}

inline std::optional<std::size_t> limit_of(const Query& query, std::optional<Error>& fault) {
  return parameter(query, "limit", fault, [](std::string_view text) { return parse_number(text, 1, most_rows); });
}

// 1 and up.
inline std::optional<std::uint64_t> id_before(const Query& query, std::optional<Error>& fault) {
  return parameter(query, "before", fault, [](std::string_view text) { return parse_number(text, 1, largest_id); });
}

}  // namespace gatehouse::admin
