#include "store/retention.h"

#include <algorithm>
#include <chrono>

#include "store/audit_cut.h"
#include "store/columns.h"

namespace gatehouse::store {
namespace {

constexpr Duration most_overdue = std::chrono::hours(1);
constexpr int part_overdue = 100;  // of the age
constexpr std::uint64_t part_of_rows = 100;

std::uint64_t number_from(SQLite::Database& database, const std::string& query) {
  return static_cast<std::uint64_t>(database.execAndGet(query).getInt64());
}

void take_in(Piece& piece, WallTime time) {
  piece.from = piece.rows == 0 ? time : std::min(piece.from, time);
  piece.until = piece.rows == 0 ? time : std::max(piece.until, time);
  ++piece.rows;
}

// What has reached its age, and whether that is long enough ago to be worth a row.
class Age {
 public:
  Age(const std::optional<Duration>& most, WallTime now) {
    if (!most) return;
    due_ = now - *most;
    overdue_ = *due_ - std::min(most_overdue, *most / part_overdue);
  }
  [[nodiscard]] bool is_due(WallTime time) const { return due_ && time < *due_; }
  [[nodiscard]] bool is_overdue(WallTime time) const { return due_ && time < overdue_; }
  [[nodiscard]] bool any() const { return due_.has_value(); }

 private:
  std::optional<WallTime> due_;
  WallTime overdue_;
};

// How many of a table may go for the sake of the size. Counts no further than it must.
std::uint64_t spare_by_size(SQLite::Database& database, const std::string& table) {
  const auto most = std::to_string(kept_in_any_case + most_removed);
  const auto rows = number_from(database, "SELECT count(*) FROM (SELECT 1 FROM " + table + " LIMIT " + most + ")");
  return rows >= kept_in_any_case + least_by_size ? rows - kept_in_any_case : 0;
}

// Ended ones among the first ids: where those are all open, or not old enough, the rest waits for them.
Piece plan_ended(SQLite::Database& database, const std::string& table, const Age& age, bool by_size) {
  Piece piece;
  if (!age.any() && !by_size) return piece;
  const auto spare = by_size ? spare_by_size(database, table) : 0;
  SQLite::Statement first(database, "SELECT id, ended FROM " + table + " WHERE id < (SELECT max(id) FROM " + table +
                                        ") ORDER BY id LIMIT ?");
  Binder(first).number(most_ids_looked_at);
  bool worth_it = spare > 0;
  while (piece.rows < most_removed && first.executeStep()) {
    RowReader reader(first);
    const auto id = reader.number();
    const auto ended = reader.maybe_time();
    if (!ended || (!age.is_due(*ended) && piece.rows >= spare)) continue;
    worth_it = worth_it || age.is_overdue(*ended);
    take_in(piece, *ended);
    piece.ids.push_back(id);
  }
  return worth_it || piece.rows == most_removed ? piece : Piece{};
}

// How many rows of the audit may go whatever their age, where one more comes that tells of it.
std::uint64_t spare_of_audit(std::uint64_t rows, const RetentionRules& rules, bool row_comes, bool by_size) {
  std::uint64_t spare = 0;
  if (rules.audit_rows && rows + (row_comes ? 1 : 0) > *rules.audit_rows) {
    spare = rows + 1 - *rules.audit_rows + *rules.audit_rows / part_of_rows;
  }
  if (by_size && rows >= kept_in_any_case + least_by_size) spare = std::max(spare, rows - kept_in_any_case);
  return spare;
}

void plan_audit(SQLite::Database& database, const RetentionRules& rules, const Age& age, bool by_size,
                RetentionPlan& plan) {
  const auto cut = read_cut(database);
  const auto begin = cut ? cut->place : ChainPlace{};
  const auto end = number_from(database, "SELECT coalesce(max(position), 0) FROM audit_chain");
  if (end <= begin.position) return;
  const bool row_comes = plan.rows() > 0;  // about sessions or visits
  const auto spare = spare_of_audit(end - begin.position, rules, row_comes, by_size);
  if (spare == 0 && !age.any()) return;
  if (cut) plan.audit_stays = fault_of_cut(database, *cut);
  if (!plan.audit_stays.empty()) return;

  Piece piece;
  bool worth_it = spare > 0;
  bool has_news = false;
  ChainWalk walk(database, begin, most_removed);
  while (const auto row = walk.next()) {
    if (!age.is_due(row->time) && piece.rows >= spare) break;
    worth_it = worth_it || age.is_overdue(row->time);
    has_news = has_news || row->action != retention_action;
    take_in(piece, row->time);
    piece.last = walk.place();
  }
  if (!walk.fault().empty()) {
    plan.audit_stays =
        "its chain is broken after position " + std::to_string(walk.place().position) + ": " + walk.fault();
  }
  if (!worth_it && piece.rows < most_removed) return;
  // Rows that only say what was removed go with others, for each removal writes one of them; or many at once.
  if (has_news || piece.rows == most_removed) plan.audit = std::move(piece);
}

void remove_ended(SQLite::Database& database, const std::string& table, const Piece& piece) {
  SQLite::Statement statement(database, "DELETE FROM " + table + " WHERE id = ?");
  for (const auto id : piece.ids) {
    Binder(statement).number(id);
    execute(statement);
  }
}

void remove_audit(SQLite::Database& database, const Piece& piece, std::uint64_t audit_id) {
  SQLite::Statement rows(database,
                         "DELETE FROM audit WHERE id IN (SELECT audit_id FROM audit_chain WHERE position <= ?)");
  Binder(rows).number(piece.last.position);
  execute(rows);
  SQLite::Statement links(database, "DELETE FROM audit_chain WHERE position <= ?");
  Binder(links).number(piece.last.position);
  execute(links);
  write_cut(database, {.place = piece.last, .audit_id = audit_id});
}

}  // namespace

std::uint64_t size_in_use(SQLite::Database& database) {
  return (number_from(database, "PRAGMA page_count") - number_from(database, "PRAGMA freelist_count")) *
         number_from(database, "PRAGMA page_size");
}

RetentionPlan plan_retention(SQLite::Database& database, const RetentionRules& rules, WallTime now) {
  const bool by_size = rules.store_size && size_in_use(database) > *rules.store_size;
  const Age of_sessions(rules.sessions, now);
  RetentionPlan plan;
  plan.sessions = plan_ended(database, "sessions", of_sessions, by_size);
  plan.visits = plan_ended(database, "visits", of_sessions, by_size);
  plan_audit(database, rules, Age(rules.audit, now), by_size, plan);
  return plan;
}

void remove_planned(SQLite::Database& database, const RetentionPlan& plan, std::uint64_t audit_id) {
  remove_ended(database, "sessions", plan.sessions);
  remove_ended(database, "visits", plan.visits);
  if (plan.audit.rows > 0) remove_audit(database, plan.audit, audit_id);
}

std::string detail_of(const RetentionPlan& plan) {
  std::string detail;
  const auto tell = [&](const char* kind, const Piece& piece) {
    if (piece.rows == 0) return;
    detail += (detail.empty() ? "" : "; ") + std::string(kind) + ": " + std::to_string(piece.rows) +
              (piece.rows == 1 ? " row" : " rows") + " of " + format_time(piece.from) + " until " +
              format_time(piece.until);
  };
  tell("sessions", plan.sessions);
  tell("visits", plan.visits);
  tell("audit", plan.audit);
  if (plan.audit.rows > 0) detail += "; " + told(plan.audit.last);
  return detail;
}

}  // namespace gatehouse::store
