// The statements of the table `audit`: only ever added to, but for what retention removes (store/retention.h).
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <vector>

#include "base/time.h"
#include "store/audit_chain.h"
#include "store/records.h"

namespace gatehouse::store {

// Prepared once, for the way of every connection. Adding the same row twice does no harm. Each row is chained; see
// AuditChain for begin(), seal() and committed().
class AuditStatements {
 public:
  explicit AuditStatements(SQLite::Database& database);
  void begin() { chain_.begin(); }
  void add(const AuditRow& row);
  void seal() { chain_.seal(); }
  void committed() { chain_.committed(); }

 private:
  SQLite::Statement add_;
  AuditChain chain_;
};

// The columns that audit_row_of() reads, in its order.
inline constexpr const char* audit_columns =
    "audit.id, audit.time, audit.action, audit.author, audit.user_name, audit.service_name, audit.source, "
    "audit.destination, audit.destination_port, audit.reason, audit.session_id, audit.detail";
AuditRow audit_row_of(SQLite::Statement& select, int first_column = 0);

std::uint64_t last_audit_id(SQLite::Database& database);  // 0: none

// Ids are handed out before their rows are written, so a row may come into the table after one with a larger id. For
// who follows (by after_id) the answer ends before a gap that may still close, which is one right before a row of the
// last second, and is complete with that for now.
Page<AuditRow> read_audit(SQLite::Database& database, const AuditQuery& query, WallTime now);

}  // namespace gatehouse::store
