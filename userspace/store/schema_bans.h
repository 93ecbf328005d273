// The step of the schema that brings bans of names beside those of networks (store/schema.cc lists the steps).
#pragma once

namespace gatehouse::store {

// One table for all kinds, so that they share one sequence of ids; the sequence goes on where it was. `kind` is the
// number of policy::BanKind; a network has address and prefix_length, the others a name. SQLite cannot take a NOT NULL
// away: both tables are made anew.
inline constexpr const char* bans_layout = R"sql(
ALTER TABLE bans RENAME TO first_bans;
DROP INDEX bans_by_expiry;
CREATE TABLE bans(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind INTEGER NOT NULL,
  address BLOB,
  prefix_length INTEGER,
  name TEXT,
  expires INTEGER,
  reason TEXT NOT NULL,
  author TEXT NOT NULL,
  created INTEGER NOT NULL,
  UNIQUE(address, prefix_length),
  CHECK((kind = 0) = (address IS NOT NULL)),
  CHECK((kind = 0) = (prefix_length IS NOT NULL)),
  CHECK((kind = 0) = (name IS NULL))
) STRICT;
INSERT INTO bans(id, kind, address, prefix_length, expires, reason, author, created)
  SELECT id, 0, address, prefix_length, expires, reason, author, created FROM first_bans ORDER BY id;
DELETE FROM sqlite_sequence WHERE name = 'bans';
UPDATE sqlite_sequence SET name = 'bans' WHERE name = 'first_bans';
DROP TABLE first_bans;
CREATE INDEX bans_by_expiry ON bans(expires) WHERE expires IS NOT NULL;
CREATE UNIQUE INDEX bans_by_name ON bans(name, kind) WHERE name IS NOT NULL;

ALTER TABLE ban_history RENAME TO first_ban_history;
CREATE TABLE ban_history(
  id INTEGER PRIMARY KEY,
  ban_id INTEGER NOT NULL,
  event TEXT NOT NULL CHECK(event IN ('added', 'removed', 'expired', 'replaced')),
  kind INTEGER NOT NULL,
  address BLOB,
  prefix_length INTEGER,
  name TEXT,
  expires INTEGER,
  reason TEXT NOT NULL,
  author TEXT NOT NULL,
  time INTEGER NOT NULL
) STRICT;
INSERT INTO ban_history(id, ban_id, event, kind, address, prefix_length, expires, reason, author, time)
  SELECT id, ban_id, event, 0, address, prefix_length, expires, reason, author, time FROM first_ban_history ORDER BY id;
DROP TABLE first_ban_history;
CREATE INDEX ban_history_by_name ON ban_history(name) WHERE name IS NOT NULL;
)sql";

}  // namespace gatehouse::store
