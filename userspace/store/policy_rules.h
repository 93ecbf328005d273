// The statements of what decides over users and servers: groups, schedules, maintenance, grants and denials.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include "policy/document.h"

namespace gatehouse::store {

// Users, servers and services must be there; inside the caller's transaction.
void insert_rules(SQLite::Database& database, const policy::Document& document);
void delete_rules(SQLite::Database& database);
void read_rules(SQLite::Database& database, policy::Document& document);

}  // namespace gatehouse::store
