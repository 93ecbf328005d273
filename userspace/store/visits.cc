#include "store/visits.h"

#include <string>

#include "store/columns.h"
#include "store/listing.h"

namespace gatehouse::store {
namespace {

constexpr std::size_t most_looked_at_with_sessions = 500;  // each visit may have many

VisitRow visit_row_of(SQLite::Statement& select, int first_column) {
  RowReader reader(select, first_column);
  VisitRow row;
  row.id = reader.number();
  row.user = reader.text();
  row.source = reader.address();
  row.started = reader.time();
  row.ended = reader.maybe_time();
  row.sessions = reader.number();
  row.end_reason = static_cast<policy::EndReason>(reader.number());
  return row;
}

}  // namespace

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

Page<VisitRow> read_visits(SQLite::Database& database, const VisitQuery& query) {
  Listing rows("visits", "id, user_name, source, started, ended, sessions, end_reason", "started");
  if (query.only_open) rows.only("ended IS NULL", [](Binder&) {}, "visits_open");
  if (query.user) {
    rows.only("user_name = ?", [&](Binder& binder) { binder.text(*query.user); }, "visits_by_user");
  }
  rows.within("source", query.source, nullptr);
  const bool by_sessions = query.server || query.service;
  if (by_sessions) {
    std::string one = "EXISTS(SELECT 1 FROM sessions WHERE visit_id = visits.id";
    if (query.server) one += " AND server_name = ?";
    if (query.service) one += " AND service_name = ?";
    rows.only(one + ")", [&](Binder& binder) {
      if (query.server) binder.text(*query.server);
      if (query.service) binder.text(*query.service);
    });
  }
  if (query.reason) {
    rows.only("end_reason = ?",
              [number = static_cast<std::uint64_t>(*query.reason)](Binder& binder) { binder.number(number); });
  }
  rows.between(query.since, query.until);
  return read_page(database, rows, query,
                   {.ids = {.after = query.after_id.value_or(0)},
                    .oldest_first = query.after_id.has_value(),
                    .looks = by_sessions ? most_looked_at_with_sessions : most_looked_at},
                   visit_row_of);
}

}  // namespace gatehouse::store
