// Retention: what is older than it shall be kept, or more than there shall be, is removed, the oldest first, in pieces.
// Of sessions and visits only those that are over; the newest of each stays, for ids go on from it. Of the audit the
// beginning of its chain, as far as it is what was written, which then begins behind it (store/audit_cut.h). Each piece
// is told by a row of the audit (action "retention_removed") in the same transaction. Bans, their history and the
// versions of the policy stay.
//
// What is due waits until it is worth a row: it is overdue by a hundredth of its age (an hour at most), or a piece is
// full. Of rows that are too many a hundredth more goes than must. Otherwise each row that comes or grows old would
// have another written that tells of it.
//
// Threads: one, that of the connection. Errors: SQLite::Exception, DamagedRow.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "store/audit_chain.h"
#include "store/records.h"

namespace gatehouse::store {

inline constexpr std::size_t most_removed = 2'000;        // of a kind in one transaction: sessions wait for it
inline constexpr std::size_t most_ids_looked_at = 5'000;  // of sessions or visits, from the first on
// Of a kind, where size is what it is about: so many stay, and fewer than that beyond them are not worth a row.
inline constexpr std::uint64_t kept_in_any_case = 1'000;
inline constexpr std::uint64_t least_by_size = 100;

// What is to be removed of one kind.
struct Piece {
  std::uint64_t rows = 0;
  WallTime from;
  WallTime until;
  std::vector<std::uint64_t> ids{};  // of sessions and visits
  ChainPlace last{};                 // of the audit
};

struct RetentionPlan {
  Piece sessions;
  Piece visits;
  Piece audit;
  std::string audit_stays{};  // why rows of the audit are not removed that are due
  [[nodiscard]] std::uint64_t rows() const { return sessions.rows + visits.rows + audit.rows; }
};

// The next pieces: looks at a bounded number of rows.
RetentionPlan plan_retention(SQLite::Database& database, const RetentionRules& rules, WallTime now);

// Removes them, inside the transaction in which they were planned, which also writes a row of the audit with this
// detail; with `audit_id` as its id.
void remove_planned(SQLite::Database& database, const RetentionPlan& plan, std::uint64_t audit_id);
std::string detail_of(const RetentionPlan& plan);

// Bytes of the pages in use, without those that are free for what comes, and without the log.
std::uint64_t size_in_use(SQLite::Database& database);

}  // namespace gatehouse::store
