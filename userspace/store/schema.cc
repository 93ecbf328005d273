#include "store/schema.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <string>

#include "base/fd.h"
#include "store/audit_chain.h"
#include "store/faults.h"
#include "store/schema_backends.h"
#include "store/schema_bans.h"
#include "store/schema_channels.h"
#include "store/schema_credentials.h"
#include "store/schema_cut.h"
#include "store/schema_recording.h"
#include "store/schema_retention.h"
#include "store/schema_rules.h"
#include "store/schema_rustdesk.h"
#include "store/schema_tokens.h"

namespace gatehouse::store {
namespace {

// "GTHS": tells our files from others' (PRAGMA application_id, sqlite.org/fileformat2.html section 1.3.17).
constexpr int application_id = 0x47544853;

// Names are user_name and not user, so that the same words serve other SQL databases, where some of the short ones are
// reserved. Reasons are the numbers of policy/vocabulary.h. Indexes are few on purpose: each costs at every connection.
constexpr const char* first_layout = R"sql(
CREATE TABLE policy_versions(
  version INTEGER PRIMARY KEY,
  text TEXT NOT NULL,
  author TEXT NOT NULL,
  applied_at INTEGER NOT NULL
) STRICT;

CREATE TABLE pools(name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE pool_networks(
  pool_name TEXT NOT NULL REFERENCES pools(name),
  position INTEGER NOT NULL,
  address BLOB NOT NULL,
  prefix_length INTEGER NOT NULL,
  PRIMARY KEY(pool_name, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE users(
  name TEXT PRIMARY KEY,
  active INTEGER NOT NULL,
  full_name TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE user_sources(
  user_name TEXT NOT NULL REFERENCES users(name),
  position INTEGER NOT NULL,
  address BLOB NOT NULL,
  prefix_length INTEGER NOT NULL,
  PRIMARY KEY(user_name, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE servers(
  name TEXT PRIMARY KEY,
  active INTEGER NOT NULL,
  address BLOB NOT NULL,
  description TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE services(
  name TEXT PRIMARY KEY,
  server_name TEXT NOT NULL REFERENCES servers(name),
  proxy_ip BLOB NOT NULL,
  port INTEGER NOT NULL,
  transport TEXT NOT NULL,
  kind TEXT NOT NULL,
  protocol TEXT NOT NULL,
  backend_port INTEGER NOT NULL,
  source_mode TEXT NOT NULL,
  proxy_protocol TEXT NOT NULL,
  connect_timeout INTEGER,
  idle_timeout INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE grants(
  name TEXT PRIMARY KEY,
  user_name TEXT NOT NULL REFERENCES users(name),
  server_name TEXT NOT NULL REFERENCES servers(name),
  protocol TEXT NOT NULL,
  start_time INTEGER,
  end_time INTEGER,
  reason TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE bans(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  address BLOB NOT NULL,
  prefix_length INTEGER NOT NULL,
  expires INTEGER,
  reason TEXT NOT NULL,
  author TEXT NOT NULL,
  created INTEGER NOT NULL,
  UNIQUE(address, prefix_length)
) STRICT;
CREATE INDEX bans_by_expiry ON bans(expires) WHERE expires IS NOT NULL;
CREATE TABLE ban_history(
  id INTEGER PRIMARY KEY,
  ban_id INTEGER NOT NULL,
  event TEXT NOT NULL CHECK(event IN ('added', 'removed', 'expired')),
  address BLOB NOT NULL,
  prefix_length INTEGER NOT NULL,
  expires INTEGER,
  reason TEXT NOT NULL,
  author TEXT NOT NULL,
  time INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions(
  id INTEGER PRIMARY KEY,
  user_name TEXT NOT NULL,
  server_name TEXT NOT NULL,
  service_name TEXT NOT NULL,
  grant_name TEXT NOT NULL,
  protocol TEXT NOT NULL,
  client BLOB NOT NULL,
  client_port INTEGER NOT NULL,
  proxy BLOB NOT NULL,
  proxy_port INTEGER NOT NULL,
  backend BLOB NOT NULL,
  backend_port INTEGER NOT NULL,
  policy_version INTEGER NOT NULL,
  started INTEGER NOT NULL,
  ended INTEGER,
  bytes_from_client INTEGER NOT NULL DEFAULT 0,
  bytes_to_client INTEGER NOT NULL DEFAULT 0,
  end_reason INTEGER NOT NULL DEFAULT 0,
  end_detail TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX sessions_open ON sessions(id) WHERE ended IS NULL;

CREATE TABLE audit(
  id INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  action TEXT NOT NULL,
  author TEXT NOT NULL,
  user_name TEXT NOT NULL,
  service_name TEXT NOT NULL,
  source BLOB,
  destination BLOB,
  destination_port INTEGER,
  reason INTEGER NOT NULL,
  session_id INTEGER NOT NULL,
  detail TEXT NOT NULL
) STRICT;

CREATE TABLE life(
  id INTEGER PRIMARY KEY CHECK(id = 1),
  running INTEGER NOT NULL,
  alive INTEGER NOT NULL
) STRICT;
INSERT INTO life(id, running, alive) VALUES(1, 0, 0);
)sql";

constexpr const char* visits_layout = R"sql(
CREATE TABLE visits(
  id INTEGER PRIMARY KEY,
  user_name TEXT NOT NULL,
  source BLOB NOT NULL,
  started INTEGER NOT NULL,
  ended INTEGER,
  first_session INTEGER NOT NULL,
  sessions INTEGER NOT NULL DEFAULT 0,
  end_reason INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX visits_open ON visits(id) WHERE ended IS NULL;
ALTER TABLE sessions ADD COLUMN visit_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN peak_rate INTEGER NOT NULL DEFAULT 0;
)sql";

// The chain is in the order of writing; audit ids are handed out before.
constexpr const char* chain_layout = R"sql(
CREATE TABLE audit_chain(
  position INTEGER PRIMARY KEY,
  audit_id INTEGER NOT NULL,
  hash BLOB NOT NULL
) STRICT;
CREATE TABLE audit_head(
  id INTEGER PRIMARY KEY CHECK(id = 1),
  position INTEGER NOT NULL,
  hash BLOB NOT NULL
) STRICT;
INSERT INTO audit_head(id, position, hash) VALUES(1, 0, zeroblob(32));
)sql";

constexpr const char* services_for_a_time = "ALTER TABLE services ADD COLUMN until INTEGER";

constexpr const char* services_that_explain = "ALTER TABLE services ADD COLUMN deny_mode TEXT NOT NULL DEFAULT 'reset'";

constexpr std::array<SchemaStep, 15> all_steps{{{1, first_layout},
                                                {2, rules_layout},
                                                {3, visits_layout},
                                                {4, chain_layout, chain_what_is_there},
                                                {5, bans_layout},
                                                {6, services_for_a_time},
                                                {7, search_layout},
                                                {8, cut_layout},
                                                {9, tokens_layout},
                                                {10, backend_certificates_layout},
                                                {11, services_that_explain},
                                                {12, credentials_layout},
                                                {13, recording_layout},
                                                {14, dynamic_channels_layout},
                                                {15, rustdesk_layout}}};

int number_of(SQLite::Database& database, const char* query) {
  return database.execAndGet(query).getInt();
}

Result<void> refuse_the_foreign(SQLite::Database& database, const std::filesystem::path& file, int version,
                                int newest) {
  if (version > newest) {
    return failure("the store " + file.string() + " has schema version " + std::to_string(version) +
                       ", this program knows up to " + std::to_string(newest),
                   "run the newer program that wrote it, or put the backup of before its upgrade in its place");
  }
  const bool empty = number_of(database, "SELECT count(*) FROM sqlite_schema") == 0;
  if (!empty && (version < 1 || number_of(database, "PRAGMA application_id") != application_id)) {
    return failure("the file " + file.string() + " is the database of another program",
                   "move it away, or name another state directory");
  }
  return {};
}

Result<void> check_integrity(SQLite::Database& database, const std::filesystem::path& file) {
  // quick_check: every page and every row, but not each index entry against its row: that would be several times
  // slower.
  SQLite::Statement check(database, "PRAGMA quick_check(1)");
  if (!check.executeStep()) return std::unexpected(damaged(file, "the integrity check says nothing"));
  const std::string finding = check.getColumn(0).getString();
  if (finding != "ok") return std::unexpected(damaged(file, finding));
  return {};
}

void migrate(SQLite::Database& database, int version, std::span<const SchemaStep> steps) {
  for (const auto& step : steps) {
    if (step.version <= version) continue;
    SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
    database.exec(step.statements);
    if (step.then != nullptr) step.then(database);
    database.exec("PRAGMA application_id = " + std::to_string(application_id));
    database.exec("PRAGMA user_version = " + std::to_string(step.version));
    transaction.commit();
  }
}

}  // namespace

std::span<const SchemaStep> schema_steps() {
  return all_steps;
}

Result<SQLite::Database> open_database(const std::filesystem::path& file, std::span<const SchemaStep> steps) {
  // Made here and not by SQLite, for the rows are nobody else's business.
  if (!Fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR))) {
    return system_failure("the store " + file.string() + " cannot be opened", errno,
                          "make the directory and let the daemon's user write there");
  }
  try {
    SQLite::Database database(file.string(), SQLite::OPEN_READWRITE | one_thread_at_a_time, busy_timeout_ms);
    const int version = number_of(database, "PRAGMA user_version");
    const int newest = steps.empty() ? 0 : steps.back().version;
    if (auto ours = refuse_the_foreign(database, file, version, newest); !ours) return std::unexpected(ours.error());
    if (auto sound = check_integrity(database, file); !sound) return std::unexpected(sound.error());

    const std::string mode = database.execAndGet("PRAGMA journal_mode = WAL").getString();
    if (mode != "wal") {
      return failure("the store " + file.string() + " cannot use a write-ahead log (it says '" + mode + "')",
                     "put the state directory on a local file system");
    }
    database.exec("PRAGMA synchronous = NORMAL");
    database.exec("PRAGMA foreign_keys = ON");
    database.exec("PRAGMA wal_autocheckpoint = 4000");  // 16 MiB, for what is written before the writer is there
    migrate(database, version, steps);
    return database;
  } catch (const SQLite::Exception& exception) {
    return std::unexpected(fault_of(exception, "opening the store", file, nullptr));
  }
}

}  // namespace gatehouse::store
