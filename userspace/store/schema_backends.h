// The step of the schema that brings the certificates that backends are known by (store/schema.cc lists the steps).
#pragma once

namespace gatehouse::store {

inline constexpr const char* backend_certificates_layout = R"sql(
CREATE TABLE backend_certificates(
  server_name TEXT PRIMARY KEY,
  fingerprint TEXT NOT NULL,
  since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

}  // namespace gatehouse::store
