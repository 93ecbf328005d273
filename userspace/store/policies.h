// The statements of the policy in force (one table a thing, with its lists beside it) and of
// `policy_versions`, which keeps the text of every policy there ever was.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <string>

#include "base/time.h"
#include "policy/document.h"

namespace gatehouse::store {

std::uint64_t current_policy_version(SQLite::Database& database);  // 0: none yet
policy::Document read_policy(SQLite::Database& database);

// Inside the caller's transaction: `document` instead of all there is, as version `version`. A name in it that points
// to nothing is a broken constraint.
void replace_policy(SQLite::Database& database, const policy::Document& document, std::uint64_t version,
                    const std::string& author, WallTime time);

}  // namespace gatehouse::store
