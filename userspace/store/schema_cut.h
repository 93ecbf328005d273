// The step of the schema that brings the cut of the audit's chain (store/schema.cc lists the steps).
#pragma once

namespace gatehouse::store {

// Where the audit's chain begins: behind the last row that retention removed, `audit_id` being the row that says so.
// Without a row here it begins at its first.
inline constexpr const char* cut_layout = R"sql(
CREATE TABLE audit_cut(
  id INTEGER PRIMARY KEY CHECK(id = 1),
  position INTEGER NOT NULL,
  hash BLOB NOT NULL,
  audit_id INTEGER NOT NULL
) STRICT;
)sql";

}  // namespace gatehouse::store
