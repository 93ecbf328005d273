// The step of the schema that brings services of kind rustdesk: their options (policy/rustdesk_options.h), a row a
// value, and the devices that were seen at them (store/devices.h).
#pragma once

namespace gatehouse::store {

inline constexpr const char* rustdesk_layout = R"sql(
CREATE TABLE service_options(
  service_name TEXT NOT NULL REFERENCES services(name),
  option TEXT NOT NULL,
  position INTEGER NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY(service_name, option, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE devices(
  id TEXT PRIMARY KEY,
  uuid BLOB NOT NULL,
  public_key BLOB NOT NULL,
  addresses TEXT NOT NULL,
  first_seen INTEGER NOT NULL,
  last_seen INTEGER NOT NULL,
  identity_since INTEGER NOT NULL,
  confirmed INTEGER NOT NULL,
  identity_confirmed INTEGER NOT NULL,
  approved INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

}  // namespace gatehouse::store
