#include "store/visits.h"

#include <string>

#include "store/columns.h"

namespace gatehouse::store {

VisitStatements::VisitStatements(SQLite::Database& database)
    : open_(database,
            "INSERT INTO visits(id, user_name, source, started, first_session, sessions) VALUES(?, ?, ?, ?, ?, 1) "
            "ON CONFLICT(id) DO UPDATE SET sessions = sessions + 1"),
      end_(database, "UPDATE visits SET ended = max(started, ?), end_reason = ? WHERE id = ? AND ended IS NULL") {}

void VisitStatements::open(const SessionRow& session) {
  if (session.visit == 0) return;
  Binder(open_)
      .number(session.visit)
      .text(session.user)
      .address(session.client.address)
      .time(session.started)
      .number(session.id);
  execute(open_);
}

void VisitStatements::end(const SessionEnd& end) {
  if (!end.visit_over) return;
  Binder(end_).time(end.ended).number(static_cast<std::uint16_t>(end.reason)).number(end.visit);
  execute(end_);
}

void close_open_visits(SQLite::Database& database, WallTime time) {
  SQLite::Statement close(database, "UPDATE visits SET ended = max(started, ?), end_reason = ? WHERE ended IS NULL");
  Binder(close).time(time).number(static_cast<std::uint16_t>(policy::EndReason::service_restart));
  execute(close);
}

std::uint64_t last_visit_id(SQLite::Database& database) {
  return static_cast<std::uint64_t>(database.execAndGet("SELECT coalesce(max(id), 0) FROM visits").getInt64());
}

std::vector<VisitRow> read_visits(SQLite::Database& database, const VisitQuery& query) {
  std::string text = "SELECT id, user_name, source, started, ended, sessions, end_reason FROM visits WHERE 1";
  if (query.only_open) text += " AND ended IS NULL";
  if (query.user) text += " AND user_name = ?";
  SQLite::Statement select(database, text + " ORDER BY id DESC LIMIT ?");
  Binder binder(select);
  if (query.user) binder.text(*query.user);
  binder.number(static_cast<std::uint64_t>(row_limit(query.limit)));
  std::vector<VisitRow> rows;
  while (select.executeStep()) {
    RowReader reader(select);
    auto& row = rows.emplace_back();
    row.id = reader.number();
    row.user = reader.text();
    row.source = reader.address();
    row.started = reader.time();
    row.ended = reader.maybe_time();
    row.sessions = reader.number();
    row.end_reason = static_cast<policy::EndReason>(reader.number());
  }
  return rows;
}

}  // namespace gatehouse::store
