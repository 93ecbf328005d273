// The statements of the table `api_tokens`.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <string>
#include <vector>

#include "store/records.h"

namespace gatehouse::store {

std::vector<TokenRow> read_tokens(SQLite::Database& database);         // by name
bool insert_token(SQLite::Database& database, const TokenRow& token);  // false: the name is taken
std::vector<std::string> delete_tokens(SQLite::Database& database,
                                       const std::vector<std::string>& names);  // that were there

}  // namespace gatehouse::store
