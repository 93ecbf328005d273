// The cut: where the audit's chain begins once retention has removed its oldest rows. It has the position and the hash
// of the last row that was removed, so that the chain goes on from there as if that row still stood. A row of the audit
// (action "retention_removed") that comes behind the cut names both at the end of its detail: without it the cut proves
// nothing, for it is outside of the chain.
//
// Threads: one, that of the connection. Errors: SQLite::Exception, DamagedRow.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <optional>
#include <string>

#include "store/audit_chain.h"

namespace gatehouse::store {

inline constexpr const char* retention_action = "retention_removed";

struct Cut {
  ChainPlace place;
  std::uint64_t audit_id = 0;  // the row that tells it
};

std::optional<Cut> read_cut(SQLite::Database& database);  // nullopt: nothing was ever removed
void write_cut(SQLite::Database& database, const Cut& cut);

// "the chain begins after position 4711, 5f1d...": how the row that tells it ends.
std::string told(const ChainPlace& cut);

// Whether the row that is said to tell the cut stands in the chain behind it and does: what is wrong, or nothing. That
// the row is as it was written is for who walks along the chain.
std::string fault_of_cut(SQLite::Database& database, const Cut& cut);

}  // namespace gatehouse::store
