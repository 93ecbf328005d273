// What the verbs share that add and lift bans, whatever the bans are of (ban, device): lists, the end of a ban, and the
// two requests with what is told of them.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/ban_lines.h"
#include "cli/context.h"
#include "policy/ban_target.h"

namespace gatehouse::cli {

inline constexpr std::array named_kinds{policy::BanKind::user, policy::BanKind::server, policy::BanKind::device};

// --for, --until, --permanent.
struct BanEnd {
  std::string duration;
  std::string until;
  bool permanent = false;
};
void add_end_options(CLI::App& verb, BanEnd& end);
// nullopt: never. The exit code is the error.
std::expected<std::optional<WallTime>, int> end_of(const Context& context, const BanEnd& end);

// All lines of all files ("-" is the standard input); the exit code is the error. With a fault in any line there are
// none.
std::expected<std::vector<BanLine>, int> read_ban_lists(const Context& context, const std::vector<std::string>& files,
                                                        bool needs_reason, const TargetParser& parse = any_target);

// `reason` and `end`: of what has none of its own; every target and line has a reason then. The exit code.
int add_bans(const Context& context, const std::vector<policy::BanTarget>& targets, std::vector<BanLine> lines,
             const std::string& reason, const std::optional<WallTime>& end);
// The lines' targets alone count.
int remove_bans(const Context& context, const std::vector<policy::BanTarget>& targets,
                const std::vector<BanLine>& lines, const std::vector<std::uint64_t>& ids);

// What a ban of an answer is of: "192.0.2.0/24", "user:bob", escaped.
std::string shown_target(const nlohmann::json& ban);

}  // namespace gatehouse::cli
