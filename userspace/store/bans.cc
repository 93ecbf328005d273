#include "store/bans.h"

#include "store/ban_columns.h"

namespace gatehouse::store {
namespace {

// Columns of a ban, as they go from the one table to the other.
constexpr std::string_view record_of_live =
    "INSERT INTO ban_history(ban_id, event, kind, address, prefix_length, name, expires, reason, author, time) "
    "SELECT id, ?1, kind, address, prefix_length, name, expires, reason, ?2, ?3 FROM bans WHERE ";
constexpr std::string_view is_network = "address = ?4 AND prefix_length = ?5";
constexpr std::string_view is_name = "name = ?4 AND kind = ?5";

std::string joined(std::string_view left, std::string_view right) {
  return std::string(left) + std::string(right);
}

// One statement for networks and one for names: only so does each use its index.
class TargetStatement {
 public:
  TargetStatement(SQLite::Database& database, std::string_view before, std::string_view network, std::string_view name,
                  std::string_view after)
      : network_(database, joined(before, network).append(after)),
        name_(database, joined(before, name).append(after)) {}

  SQLite::Statement& of(const policy::BanTarget& target) {
    return std::holds_alternative<Prefix>(target) ? network_ : name_;
  }

 private:
  SQLite::Statement network_;
  SQLite::Statement name_;
};

// Adds one ban. What it replaces is put into the history first, with how it ended.
class Adding {
 public:
  explicit Adding(SQLite::Database& database)
      : database_(database),
        insert_(database,
                "INSERT INTO bans(id, kind, address, prefix_length, name, expires, reason, author, created) "
                "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"),
        record_(database,
                "INSERT INTO ban_history(ban_id, event, kind, address, prefix_length, name, expires, reason, author, "
                "time) VALUES(?, 'added', ?, ?, ?, ?, ?, ?, ?, ?)") {
    // The number is given here and not by SQLite, which would use one up for an insertion that does nothing.
    SQLite::Statement select(database_, "SELECT seq FROM sqlite_sequence WHERE name = 'bans'");
    if (select.executeStep()) last_id_ = RowReader(select).number();
  }

  std::uint64_t add(const BanRow& row, const std::string& author, WallTime now) {
    const auto id = ++last_id_;
    if (!inserted(id, row)) {
      make_room(row.target, author, now);
      inserted(id, row);
    }
    Binder binder(record_);
    binder.number(id);
    bind_target(binder, row.target).time(row.expires).text(row.reason).text(author).time(now);
    execute(record_);
    return id;
  }

 private:
  bool inserted(std::uint64_t id, const BanRow& row) {
    Binder binder(insert_);
    binder.number(id);
    bind_target(binder, row.target).time(row.expires).text(row.reason).text(row.author).time(row.created);
    return execute(insert_) != 0;
  }

  void make_room(const policy::BanTarget& target, const std::string& author, WallTime now) {
    static const std::string replaced = "replaced";
    TargetStatement expire(
        database_,
        "INSERT INTO ban_history(ban_id, event, kind, address, prefix_length, name, expires, reason, "
        "author, time) SELECT id, 'expired', kind, address, prefix_length, name, expires, reason, "
        "'', expires FROM bans WHERE ",
        "address = ?1 AND prefix_length = ?2", "name = ?1 AND kind = ?2", " AND expires <= ?3");
    TargetStatement remove(database_, "DELETE FROM bans WHERE ", "address = ?1 AND prefix_length = ?2",
                           "name = ?1 AND kind = ?2", "");
    TargetStatement record(database_, record_of_live, is_network, is_name, "");
    Binder over(expire.of(target));
    bind_key(over, target).time(now);
    if (execute(expire.of(target)) == 0) {
      Binder live(record.of(target));
      live.text(replaced).text(author).time(now);
      bind_key(live, target);
      execute(record.of(target));
    }
    Binder gone(remove.of(target));
    bind_key(gone, target);
    execute(remove.of(target));
  }

  SQLite::Database& database_;
  SQLite::Statement insert_;
  SQLite::Statement record_;
  std::uint64_t last_id_ = 0;
};

}  // namespace

std::vector<std::uint64_t> insert_bans(SQLite::Database& database, std::span<const BanRow> bans,
                                       const std::string& author, WallTime now) {
  Adding adding(database);
  std::vector<std::uint64_t> ids;
  ids.reserve(bans.size());
  for (const auto& row : bans) ids.push_back(adding.add(row, author, now));
  return ids;
}

std::vector<policy::BanTarget> delete_bans(SQLite::Database& database, std::span<const policy::BanTarget> targets,
                                           const std::string& author, WallTime now) {
  static const std::string event = "removed";
  TargetStatement record(database, record_of_live, is_network, is_name, " AND (expires IS NULL OR expires > ?3)");
  TargetStatement remove(database, "DELETE FROM bans WHERE ", "address = ? AND prefix_length = ?",
                         "name = ? AND kind = ?", "");
  std::vector<policy::BanTarget> removed;
  for (const auto& target : targets) {
    Binder live(record.of(target));
    live.text(event).text(author).time(now);
    bind_key(live, target);
    if (execute(record.of(target)) == 0) continue;
    Binder gone(remove.of(target));
    bind_key(gone, target);
    execute(remove.of(target));
    removed.push_back(target);
  }
  return removed;
}

ExpiredBans expire_bans(SQLite::Database& database, WallTime now, std::size_t most) {
  ExpiredBans expired;
  std::vector<std::uint64_t> ids;
  {
    SQLite::Statement select(database,
                             "SELECT id, kind, address, prefix_length, name FROM bans WHERE expires <= ? "
                             "ORDER BY expires, id LIMIT ?");
    Binder(select).time(now).number(static_cast<std::uint64_t>(row_limit(most)));
    while (select.executeStep()) {
      RowReader reader(select);
      ids.push_back(reader.number());
      expired.targets.push_back(read_target(reader));
    }
  }
  SQLite::Statement record(
      database,
      "INSERT INTO ban_history(ban_id, event, kind, address, prefix_length, name, expires, reason, author, time) "
      "SELECT id, 'expired', kind, address, prefix_length, name, expires, reason, '', expires FROM bans WHERE id = ?");
  SQLite::Statement remove(database, "DELETE FROM bans WHERE id = ?");
  for (const auto id : ids) {
    Binder(record).number(id);
    execute(record);
    Binder(remove).number(id);
    execute(remove);
  }
  SQLite::Statement next(database, "SELECT min(expires) FROM bans WHERE expires IS NOT NULL");
  if (next.executeStep()) expired.next = RowReader(next).maybe_time();
  return expired;
}

}  // namespace gatehouse::store
