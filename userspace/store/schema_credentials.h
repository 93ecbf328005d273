// The step of the schema that brings what RDP sessions are secured by: how each leg is, the accounts of the front and
// the credentials for servers (store/schema.cc lists the steps).
#pragma once

namespace gatehouse::store {

// `sealed` is nothing without the key, which is in no table (rdp/secret_box.h). An empty user_name of a credential: for
// everybody.
inline constexpr const char* credentials_layout = R"sql(
ALTER TABLE services ADD COLUMN front TEXT NOT NULL DEFAULT 'tls';
ALTER TABLE servers ADD COLUMN credentials TEXT NOT NULL DEFAULT 'pass';
ALTER TABLE servers ADD COLUMN allow_tls_backend INTEGER NOT NULL DEFAULT 0;
ALTER TABLE servers ADD COLUMN backend_certificate TEXT NOT NULL DEFAULT 'trust_on_first_use';
ALTER TABLE servers ADD COLUMN fingerprint TEXT NOT NULL DEFAULT '';
ALTER TABLE servers ADD COLUMN ca TEXT NOT NULL DEFAULT '';
CREATE TABLE rdp_accounts(
  name TEXT PRIMARY KEY,
  user_name TEXT NOT NULL,
  sealed BLOB NOT NULL,
  author TEXT NOT NULL,
  created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE rdp_credentials(
  server_name TEXT NOT NULL,
  user_name TEXT NOT NULL,
  login TEXT NOT NULL,
  domain TEXT NOT NULL,
  sealed BLOB NOT NULL,
  author TEXT NOT NULL,
  created INTEGER NOT NULL,
  PRIMARY KEY(server_name, user_name)
) STRICT, WITHOUT ROWID;
)sql";

}  // namespace gatehouse::store
