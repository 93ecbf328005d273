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
Result<DenyMode> parse_deny_mode(std::string_view text);
Result<Front> parse_front(std::string_view text);
Result<CredentialSource> parse_credential_source(std::string_view text);
Result<CertificateCheck> parse_certificate_check(std::string_view text);
// SHA-256, with or without colons; given back as hexadecimal with colons, small.
Result<std::string> parse_fingerprint(std::string_view text);
Result<std::string> parse_absolute_path(std::string_view text);
Result<WallTime> parse_policy_time(std::string_view text);
Result<Duration> parse_at_most(std::string_view text, Duration most);
Result<std::uint32_t> parse_session_limit(std::string_view text);
Result<Recording> parse_recording(std::string_view text);
// One channel, or "all".
Result<Channels> parse_channel(std::string_view text);
// The name of a dynamic channel (MS-RDPEDYC 2.2.2.1), or the beginning of some and a *.
Result<std::string> parse_dynamic_channel(std::string_view text);

}  // namespace gatehouse::policy
