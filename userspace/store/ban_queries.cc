// The reading statements of the tables of bans.
#include "store/ban_columns.h"
#include "store/bans.h"
#include "store/listing.h"
#include "store/networks.h"

namespace gatehouse::store {
namespace {

// A condition on kind and target with its values, for both tables. A network of `bans` is looked for by the order of
// addresses and by the few prefixes that can cover it, for which there is an index; told by itself, or SQLite would
// rather walk through all of them from the newest on.
class TargetFilter {
 public:
  enum class Table { bans, history };
  TargetFilter(const BanQuery& query, Table table) : query_(query), table_(table) {
    if (!query.target) return;
    if (const auto* network = std::get_if<Prefix>(&*query.target)) {
      last_ = last_of(*network);
      for (unsigned length = 0; length < network->length; ++length) {
        covering_.push_back(Prefix::covering(network->address, static_cast<std::uint8_t>(length)));
      }
    }
  }

  [[nodiscard]] std::string condition() const {
    std::string text;
    if (query_.kind) text += " AND kind = ?";
    if (!query_.target) return text;
    if (std::holds_alternative<policy::NamedTarget>(*query_.target)) return text + " AND name = ? AND kind = ?";
    const std::string inside = "address >= ? AND address <= ? AND prefix_length >= ?";
    std::string prefixes = "VALUES (NULL, NULL)";
    for (std::size_t i = 0; i < covering_.size(); ++i) prefixes += ", (?, ?)";
    if (table_ == Table::history) {
      return text + " AND (" + inside + " OR (address, prefix_length) IN (" + prefixes + "))";
    }
    return text + " AND id IN (SELECT id FROM bans WHERE " + inside + " UNION ALL SELECT bans.id FROM (" + prefixes +
           ") AS covering CROSS JOIN bans ON address = covering.column1 AND prefix_length = covering.column2)";
  }

  void bind(Binder& binder) const {
    if (query_.kind) binder.number(static_cast<std::uint64_t>(*query_.kind));
    if (!query_.target) return;
    const auto* network = std::get_if<Prefix>(&*query_.target);
    if (network == nullptr) {
      bind_key(binder, *query_.target);
      return;
    }
    binder.address(network->address).address(last_).number(network->length);
    for (const auto& each : covering_) binder.prefix(each);
  }

 private:
  const BanQuery& query_;
  Table table_;
  Address last_;
  std::vector<Prefix> covering_;
};

BanRow read_ban(SQLite::Statement& select) {
  RowReader reader(select);
  BanRow row;
  row.id = reader.number();
  row.target = read_target(reader);
  row.expires = reader.maybe_time();
  row.reason = reader.text();
  row.author = reader.text();
  row.created = reader.time();
  return row;
}

BanEvent ban_event_of(SQLite::Statement& select, int first_column) {
  RowReader reader(select, first_column);
  BanEvent event;
  event.id = reader.number();
  event.ban_id = reader.number();
  event.event = reader.text();
  event.target = read_target(reader);
  event.expires = reader.maybe_time();
  event.reason = reader.text();
  event.author = reader.text();
  event.time = reader.time();
  return event;
}

constexpr const char* select_live =
    "SELECT id, kind, address, prefix_length, name, expires, reason, author, created FROM bans "
    "WHERE (expires IS NULL OR expires > ?)";

}  // namespace

LiveBans read_live_bans(SQLite::Database& database, WallTime now) {
  SQLite::Statement select(database,
                           "SELECT id, expires, kind, address, prefix_length, name FROM bans "
                           "WHERE expires IS NULL OR expires > ? ORDER BY id");
  Binder(select).time(now);
  LiveBans bans;
  while (select.executeStep()) {
    RowReader reader(select);
    const auto id = reader.number();
    const auto expires = reader.maybe_time();
    auto target = read_target(reader);
    if (const auto* network = std::get_if<Prefix>(&target)) {
      bans.networks.push_back({id, *network, expires});
    } else {
      auto& named = std::get<policy::NamedTarget>(target);
      bans.names.push_back({id, named.subject, std::move(named.name), expires});
    }
  }
  return bans;
}

std::vector<BanRow> read_bans(SQLite::Database& database, WallTime now, const BanQuery& query) {
  const TargetFilter filter(query, TargetFilter::Table::bans);
  SQLite::Statement select(database, select_live + filter.condition() + " ORDER BY id DESC LIMIT ?");
  Binder binder(select);
  binder.time(now);
  filter.bind(binder);
  binder.number(static_cast<std::uint64_t>(row_limit(query.limit)));
  std::vector<BanRow> rows;
  while (select.executeStep()) rows.push_back(read_ban(select));
  return rows;
}

std::vector<BanRow> read_bans_with_ids(SQLite::Database& database, std::span<const std::uint64_t> ids, WallTime now) {
  SQLite::Statement select(database, std::string(select_live) + " AND id = ?");
  std::vector<BanRow> rows;
  for (const auto id : ids) {
    Binder(select).time(now).number(id);
    if (select.executeStep()) rows.push_back(read_ban(select));
    select.reset();
  }
  return rows;
}

std::vector<BanRow> read_bans_by_name(SQLite::Database& database, WallTime now, policy::BanKind kind,
                                      const std::string& after, std::size_t limit) {
  SQLite::Statement select(database, std::string(select_live) + " AND name > ? AND kind = ? ORDER BY name LIMIT ?");
  Binder(select)
      .time(now)
      .text(after)
      .number(static_cast<std::uint64_t>(kind))
      .number(static_cast<std::uint64_t>(row_limit(limit)));
  std::vector<BanRow> rows;
  while (select.executeStep()) rows.push_back(read_ban(select));
  return rows;
}

Page<BanEvent> read_ban_history(SQLite::Database& database, const BanHistoryQuery& query) {
  Listing events("ban_history", "id, ban_id, event, kind, address, prefix_length, name, expires, reason, author, time",
                 "time");
  const TargetFilter filter(query, TargetFilter::Table::history);
  const bool by_name = query.target && std::holds_alternative<policy::NamedTarget>(*query.target);
  if (auto condition = filter.condition(); !condition.empty()) {
    events.only(
        "true" + condition, [&](Binder& binder) { filter.bind(binder); }, by_name ? "ban_history_by_name" : nullptr);
  }
  return read_page(database, events, query, {}, ban_event_of);
}

}  // namespace gatehouse::store
