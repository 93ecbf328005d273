// The statements of the table `audit`: only ever added to.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <vector>

#include "base/time.h"
#include "store/records.h"

namespace gatehouse::store {

// Prepared once, for the way of every connection. Adding the same row twice does no harm.
class AuditStatements {
 public:
  explicit AuditStatements(SQLite::Database& database);
  void add(const AuditRow& row);

 private:
  SQLite::Statement add_;
};

std::uint64_t last_audit_id(SQLite::Database& database);  // 0: none

// Ids are handed out before their rows are written, so a row may come into the table after one with a larger id. For
// who follows (by after_id) the answer ends before a gap that may still close, which is one right before a row of the
// last second.
std::vector<AuditRow> read_audit(SQLite::Database& database, const AuditQuery& query, WallTime now);

}  // namespace gatehouse::store
