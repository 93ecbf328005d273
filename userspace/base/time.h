// Wall-clock time and durations as people write them. Times are UTC milliseconds; nothing here reads a clock but now().
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gatehouse {

using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;
using Duration = std::chrono::milliseconds;

WallTime now();

// Nanoseconds of CLOCK_BOOTTIME: what bpf_ktime_get_boot_ns() returns, and the unit of every expiry in a kernel map.
std::uint64_t boot_time_ns();
// The boot-time instant of `time`; 0 for "never" (nullopt). An instant that has passed gives 1: expired, never "for
// ever".
std::uint64_t to_boot_time_ns(std::optional<WallTime> time);
WallTime from_boot_time_ns(std::uint64_t boot_ns);

// RFC 3339 in UTC: "2026-11-23T18:00:00Z" (with ".123" when there are milliseconds).
std::string format_time(WallTime time);
// RFC 3339 with "Z" or an offset; a bare date ("2026-11-23") is its midnight in UTC. Anything else is refused.
Result<WallTime> parse_time(std::string_view text);

// "30s", "1.5h", "1w3d", "250ms": numbers with ms, s, m, h, d or w, each unit once, largest first, more than zero in
// all. No bare numbers, no signs, no months: what cannot be read one way only is refused. "permanent" is the caller's
// word.
Result<Duration> parse_duration(std::string_view text);
std::string format_duration(Duration duration);  // "1h30m", "250ms", "0s"

}  // namespace gatehouse
