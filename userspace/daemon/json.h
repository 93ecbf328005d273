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

// As GET /v1/audit has them.
inline nlohmann::json json_of(const store::AuditRow& row) {
  return {{"id", row.id},
          {"time", format_time(row.time)},
          {"action", row.action},
          {"author", row.author},
          {"user", row.user},
          {"service", row.service},
          {"source", row.source ? nlohmann::json(row.source->text()) : nlohmann::json(nullptr)},
          {"destination", row.destination ? nlohmann::json(row.destination->text()) : nlohmann::json(nullptr)},
          {"reason", row.reason ? nlohmann::json(policy::name(*row.reason)) : nlohmann::json(nullptr)},
          {"session_id", row.session_id},
          {"detail", row.detail}};
}

// {subject, network | user | server | device}
inline nlohmann::json json_of_target(const policy::BanTarget& target) {
  const std::string kind(policy::name(policy::kind_of(target)));
  return {{"subject", kind}, {kind, policy::name_of(target)}};
}

// As GET /v1/bans has them.
inline nlohmann::json json_of(const store::BanRow& row) {
  auto ban = json_of_target(row.target);
  ban["id"] = row.id;
  ban["reason"] = row.reason;
  ban["author"] = row.author;
  ban["created"] = format_time(row.created);
  ban["expires"] = json_of(row.expires);
  return ban;
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
