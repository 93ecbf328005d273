#include "store/audit.h"

#include <chrono>
#include <string>

#include "store/columns.h"

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

std::vector<AuditRow> read_audit(SQLite::Database& database, const AuditQuery& query, WallTime now) {
  const bool following = query.after_id > 0;
  std::optional<std::uint64_t> last;
  if (following) last = complete_up_to(database, query.after_id, now);

  std::string text = std::string("SELECT ") + audit_columns + " FROM audit WHERE id > ?";
  if (last) text += " AND id <= ?";
  if (query.since) text += " AND time >= ?";
  if (query.action) text += " AND action = ?";
  if (query.user) text += " AND user_name = ?";
  if (query.source) text += " AND source = ?";
  if (query.reason) text += " AND reason = ?";
  text += following ? " ORDER BY id LIMIT ?" : " ORDER BY id DESC LIMIT ?";

  SQLite::Statement select(database, text);
  Binder binder(select);
  binder.number(query.after_id);
  if (last) binder.number(*last);
  if (query.since) binder.time(*query.since);
  if (query.action) binder.text(*query.action);
  if (query.user) binder.text(*query.user);
  if (query.source) binder.address(*query.source);
  if (query.reason) binder.number(static_cast<std::uint16_t>(*query.reason));
  binder.number(static_cast<std::uint64_t>(row_limit(query.limit)));

  std::vector<AuditRow> rows;
  while (select.executeStep()) rows.push_back(audit_row_of(select));
  return rows;
}

}  // namespace gatehouse::store
