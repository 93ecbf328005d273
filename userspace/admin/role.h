// What somebody who asks over the API may do. Each role may do what those before it may.
//
//   viewer    sees everything: status, policy, sessions, visits, bans, audit; may have a decision explained
//   operator  also bans, lifts bans and ends sessions
//   admin     also changes policy and tokens, reloads and restarts
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace gatehouse::admin {

enum class Role : std::uint8_t { viewer = 1, operating = 2, admin = 3 };

inline constexpr std::array all_roles{Role::viewer, Role::operating, Role::admin};

std::string_view name(Role role);  // "viewer", "operator", "admin"
Result<Role> parse_role(std::string_view text);

}  // namespace gatehouse::admin
