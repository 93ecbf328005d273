// Lists of bans as people keep them and as others publish them. Pure.
//
// One ban a line: a target ("192.0.2.7", "2001:db8::/32", "user:bob", "server:win1", "device:123456789"), then, behind
// blanks, a comma or a semicolon, its own end ("for=2h", "expires=2026-12-01T00:00:00Z") and its own reason, both if
// wanted. A line that begins with # or ; is a comment, and so is what follows a # that stands alone. So plain lists
// work, those with "address # comment" (FireHOL), with "address ; reason" (Spamhaus DROP), with "address,reason"; and
// "ALL: address", as hosts.deny has it.
#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/strict_yaml.h"
#include "base/time.h"
#include "policy/ban_target.h"

namespace gatehouse::cli {

struct BanLine {
  policy::BanTarget target;
  std::string reason;               // empty: the line has none
  std::optional<WallTime> expires;  // nullopt: the line has no end of its own
};

using TargetParser = std::function<Result<policy::BanTarget>(std::string_view)>;
Result<policy::BanTarget> any_target(std::string_view text);  // policy::parse_ban_target()

// Every fault is listed; with any there is no list. `needs_reason`: a line without its own reason is a fault. `parse`:
// what is taken for a target.
std::expected<std::vector<BanLine>, Issues> parse_ban_lines(const std::string& file, std::string_view text,
                                                            bool needs_reason, WallTime now,
                                                            const TargetParser& parse = any_target);

}  // namespace gatehouse::cli
