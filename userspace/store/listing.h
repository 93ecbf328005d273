// Pages of the tables that grow by ids (sessions, visits, audit, history of bans), with any filters, at a bounded cost:
// a page walks through the ids, along an index where one of the filters has it, looks at no more than a given number of
// rows and says where the next page begins. Times are turned into ids first: ids are given out in the order of time,
// but for a clock that was set back, for which a day is allowed.
//
// Threads: one, that of the connection. Errors: SQLite::Exception.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "store/columns.h"
#include "store/records.h"

namespace gatehouse::store {

inline constexpr std::size_t most_looked_at = 5'000;  // of one page: some milliseconds

// Ids, without both ends.
struct IdRange {
  std::uint64_t after = 0;
  std::uint64_t before = INT64_MAX;
};

class Listing {
 public:
  using Bind = std::function<void(Binder&)>;
  // `columns` begins with the id. The texts are names and never what somebody asked.
  Listing(const char* table, const char* columns, const char* time_column)
      : table_(table), columns_(columns), time_column_(time_column) {}

  // What is bound must live until read() is over; what `bind` owns does. The first condition with an index leads:
  // that index must have the ids in order for it.
  void only(std::string condition, Bind bind, const char* index = nullptr);
  void equal(const char* column, const std::optional<std::string>& value);
  void within(const char* column, const std::optional<Prefix>& network, const char* index_for_hosts);
  void between(const std::optional<WallTime>& since, const std::optional<WallTime>& until);

  // `take` reads a row from its second column on. At most `limit` rows are taken and `looks` are looked at.
  struct Wanted {
    IdRange ids{};
    bool oldest_first = false;
    std::size_t limit = 100;
    std::size_t looks = most_looked_at;
  };
  struct End {
    std::uint64_t next = 0;
    bool complete = true;
  };
  using Take = std::function<void(SQLite::Statement&)>;
  End read(SQLite::Database& database, Wanted wanted, const Take& take) const;

 private:
  struct Condition {
    std::string text;
    Bind bind;
    const char* index = nullptr;
  };
  IdRange narrowed(SQLite::Database& database, IdRange ids) const;

  const char* table_;
  const char* columns_;
  const char* time_column_;
  std::vector<Condition> conditions_;
  std::optional<WallTime> since_;
  std::optional<WallTime> until_;
};

// A whole page; `row_of(statement, first_column)` reads one row.
template <typename Query, typename RowOf>
auto read_page(SQLite::Database& database, const Listing& listing, const Query& query, Listing::Wanted wanted,
               RowOf row_of) {
  Page<decltype(row_of(std::declval<SQLite::Statement&>(), 1))> page;
  if (query.before_id > 0) wanted.ids.before = std::min(wanted.ids.before, query.before_id);
  wanted.limit = query.limit;
  const auto end = listing.read(database, wanted, [&](SQLite::Statement& row) { page.rows.push_back(row_of(row, 1)); });
  page.next = end.next;
  page.complete = end.complete;
  return page;
}

}  // namespace gatehouse::store
