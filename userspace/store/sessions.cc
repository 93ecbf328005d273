#include "store/sessions.h"

#include <algorithm>
#include <string>

#include "store/columns.h"
#include "store/listing.h"

namespace gatehouse::store {
namespace {

SessionRow session_row_of(SQLite::Statement& select, int first_column) {
  RowReader reader(select, first_column);
  SessionRow row;
  row.id = reader.number();
  row.user = reader.text();
  row.server = reader.text();
  row.service = reader.text();
  row.grant = reader.text();
  row.protocol = reader.text();
  row.client = reader.endpoint();
  row.proxy = reader.endpoint();
  row.backend = reader.endpoint();
  row.policy_version = reader.number();
  row.visit = reader.number();
  row.started = reader.time();
  row.ended = reader.maybe_time();
  row.bytes_from_client = reader.number();
  row.bytes_to_client = reader.number();
  row.peak_rate = reader.number();
  row.end_reason = static_cast<policy::EndReason>(reader.number());
  row.end_detail = reader.text();
  return row;
}

}  // namespace

SessionStatements::SessionStatements(SQLite::Database& database)
    : open_(database,
            "INSERT INTO sessions(id, user_name, server_name, service_name, grant_name, protocol, client, client_port, "
            "proxy, proxy_port, backend, backend_port, policy_version, visit_id, started) "
            "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(id) DO NOTHING"),
      end_(database,
           "UPDATE sessions SET ended = ?, bytes_from_client = ?, bytes_to_client = ?, peak_rate = ?, end_reason = ?, "
           "end_detail = ? "
           "WHERE id = ? AND ended IS NULL"),
      go_on_(database, "UPDATE sessions SET ended = NULL, end_reason = 0, end_detail = '' WHERE id = ?") {}

bool SessionStatements::open(const SessionRow& row) {
  if (row.continues) {
    Binder(go_on_).number(row.id);
    if (execute(go_on_) > 0) return false;
    // Retention has removed it meanwhile.
  }
  Binder(open_)
      .number(row.id)
      .text(row.user)
      .text(row.server)
      .text(row.service)
      .text(row.grant)
      .text(row.protocol)
      .endpoint(row.client)
      .endpoint(row.proxy)
      .endpoint(row.backend)
      .number(row.policy_version)
      .number(row.visit)
      .time(row.started);
  return execute(open_) > 0;
}

void SessionStatements::end(const SessionEnd& end) {
  Binder(end_)
      .time(end.ended)
      .number(end.bytes_from_client)
      .number(end.bytes_to_client)
      .number(end.peak_rate)
      .number(static_cast<std::uint16_t>(end.reason))
      .text(end.detail)
      .number(end.id);
  execute(end_);
}

std::uint64_t close_open_sessions(SQLite::Database& database, WallTime time) {
  const std::string detail = "the daemon died";
  SQLite::Statement close(
      database, "UPDATE sessions SET ended = max(started, ?), end_reason = ?, end_detail = ? WHERE ended IS NULL");
  Binder(close).time(time).number(static_cast<std::uint16_t>(policy::EndReason::service_restart)).text(detail);
  return static_cast<std::uint64_t>(execute(close));
}

std::uint64_t last_session_id(SQLite::Database& database) {
  const auto most = [&](const char* query) {
    return static_cast<std::uint64_t>(database.execAndGet(query).getInt64());
  };
  return std::max(most("SELECT coalesce(max(id), 0) FROM sessions"),
                  most("SELECT coalesce(max(session_id), 0) FROM (SELECT session_id FROM audit ORDER BY id DESC LIMIT "
                       "100000)"));
}

Page<SessionRow> read_sessions(SQLite::Database& database, const SessionQuery& query) {
  Listing rows("sessions",
               "id, user_name, server_name, service_name, grant_name, protocol, client, client_port, proxy, "
               "proxy_port, backend, backend_port, policy_version, visit_id, started, ended, bytes_from_client, "
               "bytes_to_client, peak_rate, end_reason, end_detail",
               "started");
  if (query.only_open) rows.only("ended IS NULL", [](Binder&) {}, "sessions_open");
  rows.within("client", query.source, "sessions_by_client");
  if (query.user) {
    rows.only("user_name = ?", [&](Binder& binder) { binder.text(*query.user); }, "sessions_by_user");
  }
  rows.within("backend", query.backend, nullptr);
  rows.equal("server_name", query.server);
  rows.equal("service_name", query.service);
  if (query.reason) {
    rows.only("end_reason = ?",
              [number = static_cast<std::uint64_t>(*query.reason)](Binder& binder) { binder.number(number); });
  }
  rows.between(query.since, query.until);
  return read_page(database, rows, query,
                   {.ids = {.after = query.after_id.value_or(0)}, .oldest_first = query.after_id.has_value()},
                   session_row_of);
}

}  // namespace gatehouse::store
