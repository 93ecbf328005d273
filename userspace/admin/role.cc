#include "admin/role.h"

#include <string>

namespace gatehouse::admin {

std::string_view name(Role role) {
  switch (role) {
    case Role::nobody:
      return "nobody";
    case Role::viewer:
      return "viewer";
    case Role::operating:
      return "operator";
    case Role::admin:
      return "admin";
  }
  return "none";
}

Result<Role> parse_role(std::string_view text) {
  for (const auto role : all_roles) {
    if (name(role) == text) return role;
  }
  return failure("'" + std::string(text) + "' is no role", "write viewer, operator or admin");
}

}  // namespace gatehouse::admin
