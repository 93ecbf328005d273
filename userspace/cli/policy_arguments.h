// What the verbs that change the policy take on the command line, beyond single values of the format. Pure: `now` comes
// from the caller.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/time.h"
#include "policy/document.h"

namespace gatehouse::cli {

// An end: a time ("2026-12-24T18:00:00Z", "2026-12-24"), a duration from now ("1w3d"), a weekday ("friday", "fri": the
// end of the next such day, today counted; "friday 17:00") on the clock of `zone`, or "permanent" (no end). It must be
// to come.
Result<std::optional<WallTime>> parse_end(std::string_view text, WallTime now, const std::string& zone);

// --until and --for, of which at most one is given; neither: no end. --for takes a duration or "permanent".
struct EndOptions {
  std::string until;
  std::string duration;
  std::string zone;  // of weekdays; empty: UTC
};
Result<std::optional<WallTime>> parse_end(const EndOptions& options, WallTime now);

Result<std::vector<Prefix>> parse_networks(const std::vector<std::string>& texts);

// {"mon-fri"} and "08:00-18:00" (either may be left out) in `zone` as a schedule of one rule.
Result<policy::Schedule> parse_week(const std::vector<std::string>& weekdays, const std::string& hours,
                                    const std::string& zone);
// What to call it: "mon-fri-08.00-18.00".
std::string name_of_week(const std::vector<std::string>& weekdays, const std::string& hours);

// "ssh:22" or "https:443:8443": the protocol, the port on the proxy IP and, if it is another, that of the server.
struct RelaySpec {
  std::string protocol;
  std::uint16_t port = 0;
  std::uint16_t backend_port = 0;
};
Result<RelaySpec> parse_relay(std::string_view text);

// A protocol's name, and a kind's, as the format has them.
Result<std::string> parse_protocol_word(const std::string& text);

}  // namespace gatehouse::cli
