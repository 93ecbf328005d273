#include "store/audit.h"

#include <chrono>
#include <string>

#include "store/columns.h"
#include "store/listing.h"

namespace gatehouse::store {
namespace {

constexpr std::chrono::seconds gap_may_close{1};
constexpr std::int64_t no_reason = -1;  // in the column, which has no null

// Up to which id the table is complete for a follower who has seen `after`; nullopt: wholly.
std::optional<std::uint64_t> complete_up_to(SQLite::Database& database, std::uint64_t after, WallTime now) {
  SQLite::Statement recent(database, "SELECT id, time FROM audit WHERE id > ? ORDER BY id DESC");
  Binder(recent).number(after);
  std::optional<std::uint64_t> limit;
  std::optional<std::uint64_t> above;  // the row seen before, whose id is larger
  while (recent.executeStep()) {
    RowReader reader(recent);
    const auto id = reader.number();
    const auto time = reader.time();
    if (above && *above != id + 1) limit = id;
    if (time > now || now - time >= gap_may_close) return limit;
    above = id;
  }
  if (above && *above != after + 1) limit = after;
  return limit;
}

}  // namespace

AuditRow audit_row_of(SQLite::Statement& select, int first_column) {
  RowReader reader(select, first_column);
  AuditRow row;
  row.id = reader.number();
  row.time = reader.time();
  row.action = reader.text();
  row.author = reader.text();
  row.user = reader.text();
  row.service = reader.text();
  row.source = reader.maybe_address();
  row.destination = reader.maybe_endpoint();
  const auto reason = static_cast<std::int64_t>(reader.number());
  if (reason != no_reason) row.reason = static_cast<policy::Reason>(reason);
  row.session_id = reader.number();
  row.detail = reader.text();
  return row;
}

AuditStatements::AuditStatements(SQLite::Database& database)
    : add_(database,
           "INSERT INTO audit(id, time, action, author, user_name, service_name, source, destination, "
           "destination_port, reason, session_id, detail) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
           "ON CONFLICT(id) DO NOTHING"),
      chain_(database) {}

void AuditStatements::add(const AuditRow& row) {
  Binder binder(add_);
  binder.number(row.id).time(row.time).text(row.action).text(row.author).text(row.user).text(row.service);
  if (row.source) {
    binder.address(*row.source);
  } else {
    binder.null();
  }
  if (row.destination) {
    binder.endpoint(*row.destination);
  } else {
    binder.null().null();
  }
  binder.number(static_cast<std::uint64_t>(row.reason ? static_cast<std::int64_t>(*row.reason) : no_reason))
      .number(row.session_id)
      .text(row.detail);
  if (execute(add_) > 0) chain_.append(row);
}

std::uint64_t last_audit_id(SQLite::Database& database) {
  return static_cast<std::uint64_t>(database.execAndGet("SELECT coalesce(max(id), 0) FROM audit").getInt64());
}

Page<AuditRow> read_audit(SQLite::Database& database, const AuditQuery& query, WallTime now) {
  Listing rows("audit", audit_columns, "time");
  rows.within("source", query.source, "audit_by_source");
  if (query.user) {
    rows.only("user_name = ? AND user_name <> ''", [&](Binder& binder) { binder.text(*query.user); }, "audit_by_user");
  }
  if (query.reason) {
    const auto number = static_cast<std::uint64_t>(*query.reason);
    const bool denied = number > 0;  // others are not in the index
    rows.only(
        denied ? "reason = ? AND reason > 0" : "reason = ?", [number](Binder& binder) { binder.number(number); },
        denied ? "audit_by_reason" : nullptr);
  }
  rows.equal("action", query.action);
  rows.equal("service_name", query.service);
  if (query.server) {
    rows.only(
        "service_name IN (SELECT name FROM services WHERE server_name = ?) OR EXISTS(SELECT 1 FROM sessions "
        "WHERE sessions.id = audit.session_id AND sessions.server_name = ?)",
        [&](Binder& binder) { binder.text(*query.server).text(*query.server); });
  }
  rows.between(query.since, query.until);

  Listing::Wanted wanted{.oldest_first = query.after_id.has_value()};
  if (query.after_id) {
    wanted.ids.after = *query.after_id;
    if (const auto last = complete_up_to(database, *query.after_id, now)) wanted.ids.before = *last + 1;
  }
  return read_page(database, rows, query, wanted, audit_row_of);
}

}  // namespace gatehouse::store
