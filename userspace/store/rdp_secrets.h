// The statements of the tables `rdp_accounts` and `rdp_credentials`.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <vector>

#include "store/records.h"

namespace gatehouse::store {

std::vector<RdpAccountRow> read_rdp_accounts(SQLite::Database& database);  // by name
void replace_rdp_account(SQLite::Database& database, const RdpAccountRow& row);
bool delete_rdp_account(SQLite::Database& database, const std::string& name);  // false: there was none

std::vector<RdpCredentialRow> read_rdp_credentials(SQLite::Database& database);  // by server and user
void replace_rdp_credential(SQLite::Database& database, const RdpCredentialRow& row);
bool delete_rdp_credential(SQLite::Database& database, const std::string& server, const std::string& user);

}  // namespace gatehouse::store
