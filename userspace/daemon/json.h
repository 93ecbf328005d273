// Small conversions shared by the operations: how values look in the API's JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "admin/operations.h"
#include "base/time.h"
#include "store/records.h"

namespace gatehouse::daemon {

inline nlohmann::json json_of(std::optional<WallTime> time) {
  return time ? nlohmann::json(format_time(*time)) : nlohmann::json(nullptr);
}

// {NAME: rows, next, complete}
template <typename Row>
nlohmann::json page_of(const char* name, nlohmann::json rows, const store::Page<Row>& page) {
  return {{name, std::move(rows)}, {"next", page.next}, {"complete", page.complete}};
}

inline std::unexpected<admin::Fault> fault(int status, Error error) {
  return std::unexpected(admin::Fault{status, std::move(error), {}});
}
// The store or the kernel would not: 503, for it may work later.
inline std::unexpected<admin::Fault> unavailable(Error error) {
  return fault(503, std::move(error));
}

}  // namespace gatehouse::daemon
