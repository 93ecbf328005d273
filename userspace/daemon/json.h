// Small conversions shared by the operations: how values look in the API's JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "admin/operations.h"
#include "base/time.h"

namespace gatehouse::daemon {

inline nlohmann::json json_of(std::optional<WallTime> time) {
  return time ? nlohmann::json(format_time(*time)) : nlohmann::json(nullptr);
}

inline std::unexpected<admin::Fault> fault(int status, Error error) {
  return std::unexpected(admin::Fault{status, std::move(error), {}});
}
// The store or the kernel would not: 503, for it may work later.
inline std::unexpected<admin::Fault> unavailable(Error error) {
  return fault(503, std::move(error));
}

}  // namespace gatehouse::daemon
