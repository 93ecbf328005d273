#include "store/tokens.h"

#include "store/columns.h"

namespace gatehouse::store {

std::vector<TokenRow> read_tokens(SQLite::Database& database) {
  SQLite::Statement select(database, "SELECT name, role, hash, author, created, expires FROM api_tokens ORDER BY name");
  std::vector<TokenRow> rows;
  while (select.executeStep()) {
    RowReader reader(select);
    auto& row = rows.emplace_back();
    row.name = reader.text();
    row.role = reader.text();
    row.hash = reader.blob<32>();
    row.author = reader.text();
    row.created = reader.time();
    row.expires = reader.maybe_time();
  }
  return rows;
}

bool insert_token(SQLite::Database& database, const TokenRow& token) {
  SQLite::Statement insert(database,
                           "INSERT INTO api_tokens(name, role, hash, author, created, expires) "
                           "VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(name) DO NOTHING");
  Binder(insert)
      .text(token.name)
      .text(token.role)
      .blob(token.hash)
      .text(token.author)
      .time(token.created)
      .time(token.expires);
  return execute(insert) == 1;
}

std::vector<std::string> delete_tokens(SQLite::Database& database, const std::vector<std::string>& names) {
  SQLite::Statement remove(database, "DELETE FROM api_tokens WHERE name = ?");
  std::vector<std::string> removed;
  for (const auto& name : names) {
    Binder(remove).text(name);
    if (execute(remove) == 1) removed.push_back(name);
  }
  return removed;
}

}  // namespace gatehouse::store
