#include "store/bans.h"

#include <sqlite3.h>

#include <algorithm>
#include <numeric>

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

constexpr std::size_t many_rows = 10'000;

// The places of the bans in the order in which they are best inserted: many in that of the index, whose pages are then
// filled one after the other. What stands twice keeps its order, for the later one counts.
std::vector<std::uint32_t> order_of(std::span<const BanRow> bans) {
  std::vector<std::uint32_t> order(bans.size());
  std::iota(order.begin(), order.end(), 0U);
  if (bans.size() >= many_rows) {
    std::ranges::stable_sort(order, {},
                             [&](std::uint32_t place) -> const policy::BanTarget& { return bans[place].target; });
  }
  return order;
}

// SQLite's usual 2 MiB would have it read and write the pages of the index over and over while a long list comes in.
class RoomForMany {
 public:
  RoomForMany(SQLite::Database& database, std::size_t rows) : database_(database), many_(rows >= many_rows) {
    if (many_) database_.exec("PRAGMA cache_size = -65536");
  }
  ~RoomForMany() {
    if (!many_) return;
    database_.tryExec("PRAGMA cache_size = -2000");
    sqlite3_db_release_memory(database_.getHandle());
  }
  RoomForMany(const RoomForMany&) = delete;
  RoomForMany& operator=(const RoomForMany&) = delete;
  RoomForMany(RoomForMany&&) = delete;
  RoomForMany& operator=(RoomForMany&&) = delete;

 private:
  SQLite::Database& database_;
  bool many_;
};

// Adds bans one by one, and then writes down that they were added. What one replaces is put into the history first,
// with how it ended.
class Adding {
 public:
  Adding(SQLite::Database& database, const std::string& author, WallTime now)
      : database_(database),
        author_(author),
        now_(now),
        insert_(database,
                "INSERT INTO bans(id, kind, address, prefix_length, name, expires, reason, author, created) "
                "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"),
        copy_(database_,
              "INSERT INTO ban_history(ban_id, event, kind, address, prefix_length, name, expires, reason, author, "
              "time) SELECT id, 'added', kind, address, prefix_length, name, expires, reason, ?, ? FROM bans "
              "WHERE id > ? ORDER BY id") {
    // The number is given here and not by SQLite, which would use one up for an insertion that does nothing.
    SQLite::Statement select(database_, "SELECT seq FROM sqlite_sequence WHERE name = 'bans'");
    if (select.executeStep()) last_id_ = RowReader(select).number();
    recorded_ = last_id_;
  }

  std::uint64_t add(const BanRow& row) {
    const auto id = last_id_ + 1;
    if (!inserted(id, row)) {
      record();  // it may be one of those
      make_room(row.target);
      inserted(id, row);
    }
    return last_id_ = id;
  }

  // All at once, for many: SQLite copies rows faster than it takes them.
  void record() {
    Binder(copy_).text(author_).time(now_).number(recorded_);
    execute(copy_);
    recorded_ = last_id_;
  }

 private:
  bool inserted(std::uint64_t id, const BanRow& row) {
    Binder binder(insert_);
    binder.number(id);
    bind_target(binder, row.target).time(row.expires).text(row.reason).text(row.author).time(row.created);
    return execute(insert_) != 0;
  }

  void make_room(const policy::BanTarget& target) {
    if (!replacing_) replacing_.emplace(database_);
    static const std::string replaced = "replaced";
    auto& expire = replacing_->expire.of(target);
    Binder over(expire);
    bind_key(over, target).time(now_);
    if (execute(expire) == 0) {
      auto& replace = replacing_->replace.of(target);
      Binder live(replace);
      live.text(replaced).text(author_).time(now_);
      bind_key(live, target);
      execute(replace);
    }
    auto& remove = replacing_->remove.of(target);
    Binder gone(remove);
    bind_key(gone, target);
    execute(remove);
  }

  // Most lists need none of these.
  struct Replacing {
    explicit Replacing(SQLite::Database& database)
        : expire(
              database,
              "INSERT INTO ban_history(ban_id, event, kind, address, prefix_length, name, expires, reason, author, "
              "time) SELECT id, 'expired', kind, address, prefix_length, name, expires, reason, '', expires FROM bans "
              "WHERE ",
              "address = ?1 AND prefix_length = ?2", "name = ?1 AND kind = ?2", " AND expires <= ?3"),
          replace(database, record_of_live, is_network, is_name, ""),
          remove(database, "DELETE FROM bans WHERE ", "address = ?1 AND prefix_length = ?2", "name = ?1 AND kind = ?2",
                 "") {}
    TargetStatement expire;
    TargetStatement replace;
    TargetStatement remove;
  };

  SQLite::Database& database_;
  const std::string& author_;
  WallTime now_;
  SQLite::Statement insert_;
  SQLite::Statement copy_;
  std::optional<Replacing> replacing_;
  std::uint64_t last_id_ = 0;
  std::uint64_t recorded_ = 0;
};

}  // namespace

std::vector<std::uint64_t> insert_bans(SQLite::Database& database, std::span<const BanRow> bans,
                                       const std::string& author, WallTime now) {
  const RoomForMany room(database, bans.size());
  Adding adding(database, author, now);
  std::vector<std::uint64_t> ids(bans.size());
  for (const auto place : order_of(bans)) ids[place] = adding.add(bans[place]);
  adding.record();
  return ids;
}

std::vector<policy::BanTarget> delete_bans(SQLite::Database& database, std::span<const policy::BanTarget> targets,
                                           const std::string& author, WallTime now) {
  static const std::string event = "removed";
  TargetStatement record(database, record_of_live, is_network, is_name, " AND (expires IS NULL OR expires > ?3)");
  TargetStatement remove(database, "DELETE FROM bans WHERE ", "address = ? AND prefix_length = ?",
                         "name = ? AND kind = ?", "");
  const RoomForMany room(database, targets.size());
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
