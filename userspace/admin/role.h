// What somebody who asks over the API may do. Each role may do what those before it may.
//
//   nobody    who has shown nothing yet: gets the page that asks for a token, and nothing else
//   viewer    sees everything but recordings: status, policy, sessions, visits, bans, audit; may have a decision
//             explained
//   operator  also bans, lifts bans, ends sessions and watches recordings
//   admin     also changes policy and tokens, reloads and restarts
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace gatehouse::admin {

enum class Role : std::uint8_t { nobody = 0, viewer = 1, operating = 2, admin = 3 };

// That a token can have.
inline constexpr std::array all_roles{Role::viewer, Role::operating, Role::admin};

std::string_view name(Role role);  // "viewer", "operator", "admin"; "nobody"
Result<Role> parse_role(std::string_view text);

}  // namespace gatehouse::admin
