#include "store/rdp_secrets.h"

#include "store/columns.h"

namespace gatehouse::store {

std::vector<RdpAccountRow> read_rdp_accounts(SQLite::Database& database) {
  SQLite::Statement select(database, "SELECT name, user_name, sealed, author, created FROM rdp_accounts ORDER BY name");
  std::vector<RdpAccountRow> rows;
  while (select.executeStep()) {
    RowReader reader(select);
    auto& row = rows.emplace_back();
    row.name = reader.text();
    row.user = reader.text();
    row.sealed = reader.bytes();
    row.author = reader.text();
    row.created = reader.time();
  }
  return rows;
}

void replace_rdp_account(SQLite::Database& database, const RdpAccountRow& row) {
  SQLite::Statement replace(
      database, "INSERT OR REPLACE INTO rdp_accounts(name, user_name, sealed, author, created) VALUES(?, ?, ?, ?, ?)");
  Binder(replace).text(row.name).text(row.user).bytes(row.sealed).text(row.author).time(row.created);
  execute(replace);
}

bool delete_rdp_account(SQLite::Database& database, const std::string& name) {
  SQLite::Statement remove(database, "DELETE FROM rdp_accounts WHERE name = ?");
  Binder(remove).text(name);
  return execute(remove) == 1;
}

std::vector<RdpCredentialRow> read_rdp_credentials(SQLite::Database& database) {
  SQLite::Statement select(database,
                           "SELECT server_name, user_name, login, domain, sealed, author, created FROM rdp_credentials "
                           "ORDER BY server_name, user_name");
  std::vector<RdpCredentialRow> rows;
  while (select.executeStep()) {
    RowReader reader(select);
    auto& row = rows.emplace_back();
    row.server = reader.text();
    row.user = reader.text();
    row.login = reader.text();
    row.domain = reader.text();
    row.sealed = reader.bytes();
    row.author = reader.text();
    row.created = reader.time();
  }
  return rows;
}

void replace_rdp_credential(SQLite::Database& database, const RdpCredentialRow& row) {
  SQLite::Statement replace(database,
                            "INSERT OR REPLACE INTO rdp_credentials(server_name, user_name, login, domain, sealed, "
                            "author, created) VALUES(?, ?, ?, ?, ?, ?, ?)");
  Binder(replace)
      .text(row.server)
      .text(row.user)
      .text(row.login)
      .text(row.domain)
      .bytes(row.sealed)
      .text(row.author)
      .time(row.created);
  execute(replace);
}

bool delete_rdp_credential(SQLite::Database& database, const std::string& server, const std::string& user) {
  SQLite::Statement remove(database, "DELETE FROM rdp_credentials WHERE server_name = ? AND user_name = ?");
  Binder(remove).text(server).text(user);
  return execute(remove) == 1;
}

}  // namespace gatehouse::store
