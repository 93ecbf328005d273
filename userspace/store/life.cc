#include "store/life.h"

#include <string>

#include "store/audit.h"
#include "store/columns.h"
#include "store/sessions.h"
#include "store/visits.h"

namespace gatehouse::store {

LifeStatements::LifeStatements(SQLite::Database& database)
    : touch_(database, "UPDATE life SET alive = ? WHERE id = 1"),
      end_(database, "UPDATE life SET running = 0, alive = ? WHERE id = 1") {}

void LifeStatements::touch(WallTime time) {
  Binder(touch_).time(time);
  execute(touch_);
}

void LifeStatements::end(WallTime time) {
  Binder(end_).time(time);
  execute(end_);
}

std::uint64_t begin_life(SQLite::Database& database, WallTime time) {
  SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
  bool died = false;
  WallTime alive = time;
  {
    SQLite::Statement select(database, "SELECT running, alive FROM life WHERE id = 1");
    if (!select.executeStep()) throw DamagedRow("the sign of life is missing");
    RowReader reader(select);
    died = reader.truth();
    alive = reader.time();
  }
  const auto closed = close_open_sessions(database, alive);
  close_open_visits(database, alive);
  if (died) {
    AuditRow row;
    row.id = last_audit_id(database) + 1;
    row.time = time;
    row.action = "daemon_died";
    row.detail = "last sign of life " + format_time(alive) + ", " + std::to_string(closed) + " sessions were open";
    AuditStatements audit(database);
    audit.add(row);
    audit.seal();
  }
  SQLite::Statement begin(database, "UPDATE life SET running = 1, alive = ? WHERE id = 1");
  Binder(begin).time(time);
  execute(begin);
  transaction.commit();
  return closed;
}

}  // namespace gatehouse::store
