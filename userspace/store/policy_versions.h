// The policies there ever were: what replace_policy() has kept of each (policies.h). Only reads.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "store/records.h"

namespace gatehouse::store {

std::optional<PolicyVersion> read_policy_version(SQLite::Database& database, std::uint64_t version);
// Without their texts, newest first; only those before `before`, if it is not 0.
std::vector<PolicyVersion> read_policy_versions(SQLite::Database& database, std::uint64_t before, std::size_t limit);

}  // namespace gatehouse::store
