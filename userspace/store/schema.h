// The file's layout and how it got there: an ordered list of steps, each leading to the next PRAGMA user_version in one
// transaction. A step that was released is never changed; a new layout is a new step at the end.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <filesystem>
#include <span>

#include "base/result.h"

namespace gatehouse::store {

struct SchemaStep {
  int version;  // that it leads to: 1, 2, 3, ... without a gap
  const char* statements;
  void (*then)(SQLite::Database&) = nullptr;  // what cannot be said in SQL, in the same transaction
};

std::span<const SchemaStep> schema_steps();

// How long either connection waits for another program (a backup, a shell) to let go of the file.
inline constexpr int busy_timeout_ms = 1000;
// Neither is used by two threads at once: SQLite need not lock at each call.
inline const int one_thread_at_a_time = SQLite::OPEN_NOMUTEX;

// Opens for writing, made (mode 0600) where there is none: refuses what is damaged, is another program's, or is newer
// than the last step, and leaves the file as it was then; otherwise takes the steps that are missing and sets the
// connection up (WAL).
Result<SQLite::Database> open_database(const std::filesystem::path& file,
                                       std::span<const SchemaStep> steps = schema_steps());

}  // namespace gatehouse::store
