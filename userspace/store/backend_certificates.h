// The statements of the table `backend_certificates`.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <vector>

#include "store/records.h"

namespace gatehouse::store {

std::vector<BackendCertificateRow> read_backend_certificates(SQLite::Database& database);  // by server
void replace_backend_certificate(SQLite::Database& database, const BackendCertificateRow& row);

}  // namespace gatehouse::store
