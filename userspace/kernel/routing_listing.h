// Policy rules and routes as the kernel has them, by rtnetlink: for routes.h and the doctor.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace gatehouse::kernel {

struct ListedPolicyRule {
  int family = 0;  // AF_INET, AF_INET6
  std::uint32_t priority = 0;
  std::uint32_t mark = 0;
  std::uint32_t mask = 0;
  std::uint32_t table = 0;
  std::uint8_t action = 0;  // FR_ACT_*
  bool only_mark = true;    // nothing but the mark narrows it

  // "2726: fwmark 0x6a7e lookup 27262", as `ip rule` writes it.
  [[nodiscard]] std::string text() const;
};

struct ListedRoute {
  int family = 0;
  std::uint32_t table = 0;
  std::uint8_t type = 0;  // RTN_*
  std::uint8_t prefix_length = 0;
  unsigned interface = 0;
};

// A family that the kernel does not have gives none.
Result<std::vector<ListedPolicyRule>> list_policy_rules(int family);
Result<std::vector<ListedRoute>> list_routes(int family, std::uint32_t table);

}  // namespace gatehouse::kernel
