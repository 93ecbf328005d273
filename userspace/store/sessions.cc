#include "store/sessions.h"

#include <string>

#include "store/columns.h"

namespace gatehouse::store {

SessionStatements::SessionStatements(SQLite::Database& database)
    : open_(database,
            "INSERT INTO sessions(id, user_name, server_name, service_name, grant_name, protocol, client, client_port, "
            "proxy, proxy_port, backend, backend_port, policy_version, visit_id, started) "
            "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(id) DO NOTHING"),
      end_(database,
           "UPDATE sessions SET ended = ?, bytes_from_client = ?, bytes_to_client = ?, peak_rate = ?, end_reason = ?, "
           "end_detail = ? "
           "WHERE id = ? AND ended IS NULL") {}

bool SessionStatements::open(const SessionRow& row) {
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
  return static_cast<std::uint64_t>(database.execAndGet("SELECT coalesce(max(id), 0) FROM sessions").getInt64());
}

std::vector<SessionRow> read_sessions(SQLite::Database& database, const SessionQuery& query) {
  SQLite::Statement select(
      database,
      std::string("SELECT id, user_name, server_name, service_name, grant_name, protocol, client, client_port, proxy, "
                  "proxy_port, backend, backend_port, policy_version, visit_id, started, ended, bytes_from_client, "
                  "bytes_to_client, peak_rate, end_reason, end_detail FROM sessions ") +
          (query.only_open ? "WHERE ended IS NULL " : "") + "ORDER BY id DESC LIMIT ?");
  select.bind(1, row_limit(query.limit));
  std::vector<SessionRow> rows;
  while (select.executeStep()) {
    RowReader reader(select);
    auto& row = rows.emplace_back();
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
  }
  return rows;
}

}  // namespace gatehouse::store
