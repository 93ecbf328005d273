#include "store/audit_cut.h"

#include <algorithm>

#include "store/columns.h"

namespace gatehouse::store {

std::optional<Cut> read_cut(SQLite::Database& database) {
  SQLite::Statement select(database, "SELECT position, hash, audit_id FROM audit_cut WHERE id = 1");
  if (!select.executeStep()) return std::nullopt;
  RowReader reader(select);
  Cut cut;
  cut.place.position = reader.number();
  cut.place.hash = reader.blob<std::tuple_size_v<ChainHash>>();
  cut.audit_id = reader.number();
  return cut;
}

void write_cut(SQLite::Database& database, const Cut& cut) {
  SQLite::Statement put(database,
                        "INSERT INTO audit_cut(id, position, hash, audit_id) VALUES(1, ?, ?, ?) ON CONFLICT(id) DO "
                        "UPDATE SET position = excluded.position, hash = excluded.hash, audit_id = excluded.audit_id");
  Binder(put).number(cut.place.position).blob(cut.place.hash).number(cut.audit_id);
  execute(put);
}

std::string told(const ChainPlace& cut) {
  return "the chain begins after position " + std::to_string(cut.position) + ", " + text_of(cut.hash);
}

std::string fault_of_cut(SQLite::Database& database, const Cut& cut) {
  SQLite::Statement select(database,
                           "SELECT audit.action, audit.detail FROM audit_chain JOIN audit ON audit.id = audit_id "
                           "WHERE audit_id = ? AND position > ?");
  Binder(select).number(cut.audit_id).number(cut.place.position);
  const auto beginning = "the chain is said to begin after position " + std::to_string(cut.place.position) + ", and ";
  if (!select.executeStep()) {
    return beginning + "the audit row " + std::to_string(cut.audit_id) + ", which is to say so, is not in it";
  }
  RowReader reader(select);
  const bool is_about_retention = reader.text() == retention_action;
  if (!is_about_retention || !reader.text().ends_with(told(cut.place))) {
    return beginning + "the audit row " + std::to_string(cut.audit_id) + " does not say so";
  }
  return {};
}

}  // namespace gatehouse::store
