#include "store/policy_versions.h"

#include <limits>

#include "store/columns.h"

namespace gatehouse::store {
namespace {

constexpr std::uint64_t largest_version = std::numeric_limits<std::int64_t>::max();  // the store's integers are signed

}  // namespace

std::optional<PolicyVersion> read_policy_version(SQLite::Database& database, std::uint64_t version) {
  if (version > largest_version) return std::nullopt;
  SQLite::Statement select(database, "SELECT version, author, applied_at, text FROM policy_versions WHERE version = ?");
  Binder(select).number(version);
  if (!select.executeStep()) return std::nullopt;
  RowReader reader(select);
  PolicyVersion found;
  found.version = reader.number();
  found.author = reader.text();
  found.applied_at = reader.time();
  found.text = reader.text();
  return found;
}

std::vector<PolicyVersion> read_policy_versions(SQLite::Database& database, std::uint64_t before, std::size_t limit) {
  SQLite::Statement select(database,
                           "SELECT version, author, applied_at FROM policy_versions WHERE version < ? "
                           "ORDER BY version DESC LIMIT ?");
  Binder(select)
      .number(before == 0 || before > largest_version ? largest_version : before)
      .number(static_cast<std::uint64_t>(row_limit(limit)));
  std::vector<PolicyVersion> versions;
  while (select.executeStep()) {
    RowReader reader(select);
    PolicyVersion one;
    one.version = reader.number();
    one.author = reader.text();
    one.applied_at = reader.time();
    versions.push_back(std::move(one));
  }
  return versions;
}

}  // namespace gatehouse::store
