// The step of the schema that brings groups, schedules, maintenance and denials (store/schema.cc lists the steps).
#pragma once

namespace gatehouse::store {

// Groups, schedules, maintenance and denials; a grant may be to a group and for a group or a service, so that what it
// names may be absent. SQLite cannot take a NOT NULL away: the table is made anew.
inline constexpr const char* rules_layout = R"sql(
CREATE TABLE user_groups(
  name TEXT PRIMARY KEY,
  description TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE user_group_users(
  group_name TEXT NOT NULL REFERENCES user_groups(name),
  position INTEGER NOT NULL,
  user_name TEXT NOT NULL REFERENCES users(name),
  PRIMARY KEY(group_name, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE user_group_groups(
  group_name TEXT NOT NULL REFERENCES user_groups(name),
  position INTEGER NOT NULL,
  part_name TEXT NOT NULL REFERENCES user_groups(name),
  PRIMARY KEY(group_name, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE server_groups(
  name TEXT PRIMARY KEY,
  description TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE server_group_servers(
  group_name TEXT NOT NULL REFERENCES server_groups(name),
  position INTEGER NOT NULL,
  server_name TEXT NOT NULL REFERENCES servers(name),
  PRIMARY KEY(group_name, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE server_group_groups(
  group_name TEXT NOT NULL REFERENCES server_groups(name),
  position INTEGER NOT NULL,
  part_name TEXT NOT NULL REFERENCES server_groups(name),
  PRIMARY KEY(group_name, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE schedules(
  name TEXT PRIMARY KEY,
  zone TEXT NOT NULL,
  description TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE schedule_rules(
  schedule_name TEXT NOT NULL REFERENCES schedules(name),
  position INTEGER NOT NULL,
  weekdays INTEGER NOT NULL,
  days INTEGER NOT NULL,
  months INTEGER NOT NULL,
  from_minute INTEGER NOT NULL,
  to_minute INTEGER NOT NULL,
  PRIMARY KEY(schedule_name, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE maintenance(
  name TEXT PRIMARY KEY,
  server_name TEXT REFERENCES servers(name),
  server_group_name TEXT REFERENCES server_groups(name),
  start_time INTEGER NOT NULL,
  end_time INTEGER NOT NULL,
  grace INTEGER NOT NULL,
  reason TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE maintenance_exempt_users(
  maintenance_name TEXT NOT NULL REFERENCES maintenance(name),
  position INTEGER NOT NULL,
  user_name TEXT NOT NULL REFERENCES users(name),
  PRIMARY KEY(maintenance_name, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE maintenance_exempt_user_groups(
  maintenance_name TEXT NOT NULL REFERENCES maintenance(name),
  position INTEGER NOT NULL,
  user_group_name TEXT NOT NULL REFERENCES user_groups(name),
  PRIMARY KEY(maintenance_name, position)
) STRICT, WITHOUT ROWID;

ALTER TABLE grants RENAME TO first_grants;
CREATE TABLE grants(
  name TEXT PRIMARY KEY,
  user_name TEXT REFERENCES users(name),
  user_group_name TEXT REFERENCES user_groups(name),
  server_name TEXT REFERENCES servers(name),
  server_group_name TEXT REFERENCES server_groups(name),
  service_name TEXT REFERENCES services(name),
  protocol TEXT NOT NULL,
  start_time INTEGER,
  end_time INTEGER,
  reason TEXT NOT NULL,
  active INTEGER NOT NULL,
  record INTEGER NOT NULL,
  channels INTEGER NOT NULL,
  idle_timeout INTEGER,
  session_limit INTEGER,
  CHECK((user_name IS NULL) + (user_group_name IS NULL) = 1),
  CHECK((server_name IS NULL) + (server_group_name IS NULL) + (service_name IS NULL) = 2)
) STRICT, WITHOUT ROWID;
INSERT INTO grants(name, user_name, server_name, protocol, start_time, end_time, reason, active, record, channels)
  SELECT name, user_name, server_name, protocol, start_time, end_time, reason, 1, 1, 0 FROM first_grants;
DROP TABLE first_grants;
CREATE TABLE grant_sources(
  grant_name TEXT NOT NULL REFERENCES grants(name),
  position INTEGER NOT NULL,
  address BLOB NOT NULL,
  prefix_length INTEGER NOT NULL,
  PRIMARY KEY(grant_name, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE grant_schedules(
  grant_name TEXT NOT NULL REFERENCES grants(name),
  position INTEGER NOT NULL,
  schedule_name TEXT NOT NULL REFERENCES schedules(name),
  PRIMARY KEY(grant_name, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE grant_logins(
  grant_name TEXT NOT NULL REFERENCES grants(name),
  position INTEGER NOT NULL,
  login TEXT NOT NULL,
  PRIMARY KEY(grant_name, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE denials(
  name TEXT PRIMARY KEY,
  user_name TEXT REFERENCES users(name),
  user_group_name TEXT REFERENCES user_groups(name),
  server_name TEXT REFERENCES servers(name),
  server_group_name TEXT REFERENCES server_groups(name),
  service_name TEXT REFERENCES services(name),
  protocol TEXT NOT NULL,
  start_time INTEGER,
  end_time INTEGER,
  reason TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE denial_sources(
  denial_name TEXT NOT NULL REFERENCES denials(name),
  position INTEGER NOT NULL,
  address BLOB NOT NULL,
  prefix_length INTEGER NOT NULL,
  PRIMARY KEY(denial_name, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE denial_schedules(
  denial_name TEXT NOT NULL REFERENCES denials(name),
  position INTEGER NOT NULL,
  schedule_name TEXT NOT NULL REFERENCES schedules(name),
  PRIMARY KEY(denial_name, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE denial_logins(
  denial_name TEXT NOT NULL REFERENCES denials(name),
  position INTEGER NOT NULL,
  login TEXT NOT NULL,
  PRIMARY KEY(denial_name, position)
) STRICT, WITHOUT ROWID;
)sql";

}  // namespace gatehouse::store
