#include "store/listing.h"

#include <chrono>
#include <utility>

#include "store/networks.h"

namespace gatehouse::store {
namespace {

constexpr std::chrono::hours clock_set_back{24};  // at most

struct Moment {
  std::uint64_t id = 0;
  WallTime time;
};

// The row of the largest id up to `id`, or of the smallest from it on, inside the range.
class Moments {
 public:
  Moments(SQLite::Database& database, const std::string& table, const std::string& time_column)
      : last_(database,
              "SELECT id, " + time_column + " FROM " + table + " WHERE id <= ? AND id > ? ORDER BY id DESC LIMIT 1"),
        first_(database,
               "SELECT id, " + time_column + " FROM " + table + " WHERE id >= ? AND id < ? ORDER BY id LIMIT 1") {}
  std::optional<Moment> last_up_to(std::uint64_t id, std::uint64_t after) { return found(last_, id, after); }
  std::optional<Moment> first_from(std::uint64_t id, std::uint64_t before) { return found(first_, id, before); }

 private:
  static std::optional<Moment> found(SQLite::Statement& select, std::uint64_t from, std::uint64_t end) {
    select.reset();
    Binder(select).number(from).number(end);
    if (!select.executeStep()) return std::nullopt;
    RowReader reader(select);
    const auto id = reader.number();
    return Moment{id, reader.time()};
  }
  SQLite::Statement last_;
  SQLite::Statement first_;
};

}  // namespace

void Listing::only(std::string condition, Bind bind, const char* index) {
  conditions_.push_back({std::move(condition), std::move(bind), index});
}

void Listing::equal(const char* column, const std::optional<std::string>& value) {
  if (!value) return;
  only(std::string(column) + " = ?", [&text = *value](Binder& binder) { binder.text(text); });
}

void Listing::within(const char* column, const std::optional<Prefix>& network, const char* index_for_hosts) {
  if (!network) return;
  const std::string name(column);
  if (network->is_host()) {
    only(name + " = ?", [host = network->address](Binder& binder) { binder.address(host); }, index_for_hosts);
    return;
  }
  only(name + " >= ? AND " + name + " <= ?",
       [first = network->address, last = last_of(*network)](Binder& binder) { binder.address(first).address(last); });
}

void Listing::between(const std::optional<WallTime>& since, const std::optional<WallTime>& until) {
  since_ = since;
  until_ = until;
  const std::string name(time_column_);
  if (since) only(name + " >= ?", [time = *since](Binder& binder) { binder.time(time); });
  if (until) only(name + " < ?", [time = *until](Binder& binder) { binder.time(time); });
}

// By halving. An end only moves to where every row beyond it is certainly out of the time that is wanted, so that a
// clock that went back costs some rows more to look at and none that is wanted.
IdRange Listing::narrowed(SQLite::Database& database, IdRange ids) const {
  if (!since_ && !until_) return ids;
  Moments moments(database, table_, time_column_);
  const auto largest = moments.last_up_to(ids.before - 1, ids.after);
  if (!largest) return ids;
  ids.before = largest->id + 1;
  if (since_) {
    auto high = ids.before;
    while (ids.after + 1 < high) {
      const auto middle = ids.after + (high - ids.after) / 2;
      const auto row = moments.last_up_to(middle, ids.after);
      if (!row || row->time + clock_set_back < *since_) {
        ids.after = middle;
      } else {
        high = row->id;
      }
    }
  }
  if (until_) {
    auto low = ids.after;
    while (low + 1 < ids.before) {
      const auto middle = low + (ids.before - low) / 2;
      const auto row = moments.first_from(middle, ids.before);
      if (!row || row->time >= *until_ + clock_set_back) {
        ids.before = middle;
      } else {
        low = row->id;
      }
    }
  }
  return ids;
}

Listing::End Listing::read(SQLite::Database& database, Wanted wanted, const Take& take) const {
  wanted.ids = narrowed(database, wanted.ids);
  const Condition* leading = nullptr;
  std::string matches;
  for (const auto& condition : conditions_) {
    if (leading == nullptr && condition.index != nullptr) {
      leading = &condition;
    } else {
      matches += (matches.empty() ? "(" : " AND (") + condition.text + ")";
    }
  }
  std::string text = "SELECT " + (matches.empty() ? "1" : matches) + ", " + columns_ + " FROM " + table_;
  if (leading != nullptr) text += std::string(" INDEXED BY ") + leading->index;
  text += " WHERE id > ? AND id < ?";
  if (leading != nullptr) text += " AND (" + leading->text + ")";
  text += wanted.oldest_first ? " ORDER BY id LIMIT ?" : " ORDER BY id DESC LIMIT ?";

  SQLite::Statement select(database, text);
  Binder binder(select);
  for (const auto& condition : conditions_) {
    if (&condition != leading) condition.bind(binder);
  }
  binder.number(wanted.ids.after).number(wanted.ids.before);
  if (leading != nullptr) leading->bind(binder);
  binder.number(wanted.looks + 1);  // one more tells whether that was all

  End end{.next = wanted.oldest_first ? wanted.ids.after : wanted.ids.before, .complete = true};
  std::size_t taken = 0;
  for (std::size_t seen = 0; select.executeStep(); ++seen) {
    if (seen == wanted.looks || taken == wanted.limit) {
      end.complete = false;
      break;
    }
    end.next = static_cast<std::uint64_t>(select.getColumn(1).getInt64());
    if (select.getColumn(0).getInt() == 0) continue;
    take(select);
    ++taken;
  }
  return end;
}

}  // namespace gatehouse::store
