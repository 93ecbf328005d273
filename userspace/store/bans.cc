#include "store/bans.h"

#include "store/columns.h"

namespace gatehouse::store {

std::vector<std::uint64_t> insert_bans(SQLite::Database& database, std::span<const BanRow> bans,
                                       const std::string& author, WallTime now) {
  // REPLACE: the network's ban of before goes, the new one gets a new id.
  SQLite::Statement insert(database,
                           "INSERT OR REPLACE INTO bans(address, prefix_length, expires, reason, author, created) "
                           "VALUES(?, ?, ?, ?, ?, ?)");
  SQLite::Statement record(database,
                           "INSERT INTO ban_history(ban_id, event, address, prefix_length, expires, reason, author, "
                           "time) VALUES(?, 'added', ?, ?, ?, ?, ?, ?)");
  std::vector<std::uint64_t> ids;
  ids.reserve(bans.size());
  for (const auto& row : bans) {
    Binder(insert).prefix(row.ban.network).time(row.ban.expires).text(row.reason).text(row.author).time(row.created);
    execute(insert);
    const auto id = static_cast<std::uint64_t>(database.getLastInsertRowid());
    Binder(record).number(id).prefix(row.ban.network).time(row.ban.expires).text(row.reason).text(author).time(now);
    execute(record);
    ids.push_back(id);
  }
  return ids;
}

std::vector<Prefix> delete_bans(SQLite::Database& database, std::span<const Prefix> networks, const std::string& author,
                                WallTime now) {
  SQLite::Statement record(
      database,
      "INSERT INTO ban_history(ban_id, event, address, prefix_length, expires, reason, author, time) "
      "SELECT id, 'removed', address, prefix_length, expires, reason, ?3, ?4 FROM bans "
      "WHERE address = ?1 AND prefix_length = ?2 AND (expires IS NULL OR expires > ?4)");
  SQLite::Statement remove(database, "DELETE FROM bans WHERE address = ? AND prefix_length = ?");
  std::vector<Prefix> removed;
  for (const auto& network : networks) {
    Binder(record).prefix(network).text(author).time(now);
    if (execute(record) == 0) continue;
    Binder(remove).prefix(network);
    execute(remove);
    removed.push_back(network);
  }
  return removed;
}

void expire_bans(SQLite::Database& database, WallTime now) {
  SQLite::Statement record(
      database,
      "INSERT INTO ban_history(ban_id, event, address, prefix_length, expires, reason, author, time) "
      "SELECT id, 'expired', address, prefix_length, expires, reason, '', expires FROM bans WHERE expires <= ? "
      "ORDER BY expires, id");
  Binder(record).time(now);
  if (execute(record) == 0) return;
  SQLite::Statement remove(database, "DELETE FROM bans WHERE expires <= ?");
  Binder(remove).time(now);
  execute(remove);
}

std::vector<policy::Ban> read_live_bans(SQLite::Database& database, WallTime now) {
  SQLite::Statement select(database,
                           "SELECT id, address, prefix_length, expires FROM bans "
                           "WHERE expires IS NULL OR expires > ? ORDER BY id");
  Binder(select).time(now);
  std::vector<policy::Ban> bans;
  while (select.executeStep()) {
    RowReader reader(select);
    auto& ban = bans.emplace_back();
    ban.id = reader.number();
    ban.network = reader.prefix();
    ban.expires = reader.maybe_time();
  }
  return bans;
}

std::vector<BanRow> read_bans(SQLite::Database& database, WallTime now, std::size_t limit) {
  SQLite::Statement select(database,
                           "SELECT id, address, prefix_length, expires, reason, author, created FROM bans "
                           "WHERE expires IS NULL OR expires > ? ORDER BY id DESC LIMIT ?");
  Binder(select).time(now).number(static_cast<std::uint64_t>(row_limit(limit)));
  std::vector<BanRow> rows;
  while (select.executeStep()) {
    RowReader reader(select);
    auto& row = rows.emplace_back();
    row.ban.id = reader.number();
    row.ban.network = reader.prefix();
    row.ban.expires = reader.maybe_time();
    row.reason = reader.text();
    row.author = reader.text();
    row.created = reader.time();
  }
  return rows;
}

}  // namespace gatehouse::store
