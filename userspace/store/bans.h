// The statements of the tables `bans` (what is wanted now, at most one ban of each target) and `ban_history` (every ban
// that was added, and how it ended: removed, expired or replaced by a newer one; for ever). The writing functions run
// inside the caller's transaction.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/time.h"
#include "store/records.h"

namespace gatehouse::store {

// Ids are never given twice, and grow in the order of `bans`.
std::vector<std::uint64_t> insert_bans(SQLite::Database& database, std::span<const BanRow> bans,
                                       const std::string& author, WallTime now);
// The targets with a live ban, which has then gone.
std::vector<policy::BanTarget> delete_bans(SQLite::Database& database, std::span<const policy::BanTarget> targets,
                                           const std::string& author, WallTime now);
// Moves what has expired from the one table to the other, at most `most`, those that ended first first.
ExpiredBans expire_bans(SQLite::Database& database, WallTime now, std::size_t most);

LiveBans read_live_bans(SQLite::Database& database, WallTime now);
// Live, newest first.
std::vector<BanRow> read_bans(SQLite::Database& database, WallTime now, const BanQuery& query);
// Live ones; in order of `ids`.
std::vector<BanRow> read_bans_with_ids(SQLite::Database& database, std::span<const std::uint64_t> ids, WallTime now);
// Live ones of names of this kind behind `after`, in the order of the names' bytes.
std::vector<BanRow> read_bans_by_name(SQLite::Database& database, WallTime now, policy::BanKind kind,
                                      const std::string& after, std::size_t limit);
Page<BanEvent> read_ban_history(SQLite::Database& database, const BanHistoryQuery& query);  // newest first

}  // namespace gatehouse::store
