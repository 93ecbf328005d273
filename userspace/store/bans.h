// The statements of the tables `bans` (what is wanted now, at most one ban a network) and `ban_history` (every ban that
// was added, removed or expired, for ever). The writing functions run inside the caller's transaction.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/time.h"
#include "store/records.h"

namespace gatehouse::store {

// Ids are never given twice, and grow in the order of `bans`.
std::vector<std::uint64_t> insert_bans(SQLite::Database& database, std::span<const BanRow> bans,
                                       const std::string& author, WallTime now);
// The networks with a live ban, which has then gone.
std::vector<Prefix> delete_bans(SQLite::Database& database, std::span<const Prefix> networks, const std::string& author,
                                WallTime now);
// Moves what has expired from the one table to the other.
void expire_bans(SQLite::Database& database, WallTime now);

std::vector<policy::Ban> read_live_bans(SQLite::Database& database, WallTime now);
std::vector<BanRow> read_bans(SQLite::Database& database, WallTime now, std::size_t limit);  // live, newest first

}  // namespace gatehouse::store
