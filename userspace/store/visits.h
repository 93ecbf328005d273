// The statements of the table `visits`.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <vector>

#include "base/time.h"
#include "store/records.h"

namespace gatehouse::store {

// Prepared once, for the way of every connection.
class VisitStatements {
 public:
  explicit VisitStatements(SQLite::Database& database);
  // Of each session once: the first one that comes to be written opens the visit, which counts them.
  void open(const SessionRow& session);
  // Where it is over with this end.
  void end(const SessionEnd& end);

 private:
  SQLite::Statement open_;
  SQLite::Statement end_;
};

// Ends every open visit as service_restart at `time`.
void close_open_visits(SQLite::Database& database, WallTime time);

std::uint64_t last_visit_id(SQLite::Database& database);  // 0: none
Page<VisitRow> read_visits(SQLite::Database& database, const VisitQuery& query);

}  // namespace gatehouse::store
