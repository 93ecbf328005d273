// The sign of life: one row that a living daemon touches, so that the next one knows whether it died and when at the
// latest.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>

#include "base/time.h"

namespace gatehouse::store {

// For the writer; prepared once.
class LifeStatements {
 public:
  explicit LifeStatements(SQLite::Database& database);
  void touch(WallTime time);
  void end(WallTime time);  // an orderly end

 private:
  SQLite::Statement touch_;
  SQLite::Statement end_;
};

// Takes over from the daemon before, in one transaction: closes what it left open with the time of its last sign of
// life, writes an audit row "daemon_died" where it did not end in order, and begins a life of its own. How many
// sessions it had left open.
std::uint64_t begin_life(SQLite::Database& database, WallTime time);

}  // namespace gatehouse::store
