#include "cli/arguments.h"

#include <charconv>

namespace gatehouse::cli {
namespace {

constexpr std::string_view white = " \t\r";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(white);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(white) - first + 1);
}

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

std::expected<std::vector<BanLine>, Issues> parse_ban_lines(const std::string& file, std::string_view text,
                                                            bool needs_reason) {
  std::vector<BanLine> lines;
  Issues issues;
  for (int number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    const auto line = trimmed(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (line.empty() || line.front() == '#') continue;
    const auto gap = line.find_first_of(white);
    const auto network = parse_network(line.substr(0, gap));
    const auto reason = gap == std::string_view::npos ? std::string_view{} : trimmed(line.substr(gap));
    if (!network) issues.add(file, number, network.error().what, network.error().mend);
    if (needs_reason && reason.empty())
      issues.add(file, number, "the ban has no reason", "write it behind the network, or give --reason");
    if (network) lines.push_back({*network, std::string(reason)});
  }
  if (!issues.empty()) return std::unexpected(std::move(issues));
  return lines;
}

}  // namespace gatehouse::cli
