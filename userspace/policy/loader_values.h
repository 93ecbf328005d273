// Single values of the policy's text, and what is wrong with those that cannot be taken.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "policy/vocabulary.h"

namespace gatehouse::policy {

inline constexpr Duration longest_idle_timeout = std::chrono::weeks(52);

bool is_name(std::string_view text);
Result<std::string> parse_protocol(std::string_view text);
Result<Kind> parse_kind(std::string_view text);
Result<SourceMode> parse_source_mode(std::string_view text);
Result<ProxyProtocol> parse_proxy_protocol(std::string_view text);
Result<WallTime> parse_policy_time(std::string_view text);
Result<Duration> parse_at_most(std::string_view text, Duration most);
Result<std::uint32_t> parse_session_limit(std::string_view text);
// One channel, or "all".
Result<Channels> parse_channel(std::string_view text);
// The name of a dynamic channel (MS-RDPEDYC 2.2.2.1), or the beginning of some and a *.
Result<std::string> parse_dynamic_channel(std::string_view text);

}  // namespace gatehouse::policy
