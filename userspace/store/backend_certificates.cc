#include "store/backend_certificates.h"

#include "store/columns.h"

namespace gatehouse::store {

std::vector<BackendCertificateRow> read_backend_certificates(SQLite::Database& database) {
  SQLite::Statement select(database,
                           "SELECT server_name, fingerprint, since FROM backend_certificates ORDER BY server_name");
  std::vector<BackendCertificateRow> rows;
  while (select.executeStep()) {
    RowReader reader(select);
    auto& row = rows.emplace_back();
    row.server = reader.text();
    row.fingerprint = reader.text();
    row.since = reader.time();
  }
  return rows;
}

void replace_backend_certificate(SQLite::Database& database, const BackendCertificateRow& row) {
  SQLite::Statement replace(
      database, "INSERT OR REPLACE INTO backend_certificates(server_name, fingerprint, since) VALUES(?, ?, ?)");
  Binder(replace).text(row.server).text(row.fingerprint).time(row.since);
  execute(replace);
}

}  // namespace gatehouse::store
