// The policy route that delivers marked packets locally, for both families, by rtnetlink:
//   rule: fwmark <mark> lookup <table>, priority <priority>      route: local default dev lo table <table>
// A family that this kernel was built or booted without is left out: it has no packets to deliver.
// Threads: control thread. Errors say which part the kernel refused, and what to do.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace gatehouse::kernel {

struct PolicyRoute {
  std::uint32_t mark = 0;
  std::uint32_t table = 0;     // not main, local or default: those are everybody's
  std::uint32_t priority = 0;  // before the main table's 32766
};

Result<void> add_policy_route(const PolicyRoute& route);     // idempotent; brings lo up if it is down
Result<void> remove_policy_route(const PolicyRoute& route);  // absent is fine; other routes of the table stay
Result<bool> policy_route_is_intact(const PolicyRoute& route);

}  // namespace gatehouse::kernel
