// The statements of the table `sessions`.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <vector>

#include "base/time.h"
#include "store/records.h"

namespace gatehouse::store {

// Prepared once, for the way of every connection. Writing the same thing twice does no harm.
class SessionStatements {
 public:
  explicit SessionStatements(SQLite::Database& database);
  bool open(const SessionRow& row);  // false: it was there already
  void end(const SessionEnd& end);   // the first end of a session counts

 private:
  SQLite::Statement open_;
  SQLite::Statement end_;
  SQLite::Statement go_on_;
};

// Ends every open session as service_restart at `time` (or at its own start, where that is later). How many there were.
std::uint64_t close_open_sessions(SQLite::Database& database, WallTime time);

// 0: none. Of the audit as well, whose newest rows may name connections that became no session.
std::uint64_t last_session_id(SQLite::Database& database);
Page<SessionRow> read_sessions(SQLite::Database& database, const SessionQuery& query);

}  // namespace gatehouse::store
