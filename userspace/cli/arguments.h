// What operators write on the command line and in lists, beyond what the parser of options knows. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "base/time.h"

namespace gatehouse::cli {

// "2026-11-23T18:00:00Z", or a duration that counts back from `now` ("2h": two hours ago).
Result<WallTime> parse_since(std::string_view text, WallTime now);

// --for (which may say "permanent"), --until; none of them means permanent. `until` must be to come.
Result<std::optional<WallTime>> parse_ban_end(const std::string& duration, const std::string& until, WallTime now);

// Of a view that is drawn anew, 100 ms to 1 h.
Result<Duration> parse_interval(std::string_view text);

// A session's number, 1 and up; no sign, no fraction.
Result<std::uint64_t> parse_session_id(std::string_view text);

// A version of the policy: 0, before anything was applied, and up.
Result<std::uint64_t> parse_version(std::string_view text);

}  // namespace gatehouse::cli
