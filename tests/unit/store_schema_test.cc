// Opening: migrations, what is refused and left as it was.
#include "store/schema.h"

#include <sys/stat.h>

#include <array>
#include <fstream>
#include <sstream>

#include "unit/store_fixture.h"

namespace gatehouse::store::testing {
namespace {

std::string content(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

using StoreOpening = StoreTest;

TEST_F(StoreOpening, MakesAndMigratesAnEmptyFileThatIsNobodyElsesBusiness) {
  open();
  EXPECT_EQ(number("PRAGMA user_version"), schema_steps().back().version);
  EXPECT_EQ(number("SELECT count(*) FROM sqlite_schema WHERE name IN ('sessions', 'audit', 'bans', 'grants')"), 4);
  struct stat status{};
  ASSERT_EQ(::stat(file().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(StoreOpening, MigratesAFileOfNoBytes) {
  std::ofstream(file()).close();
  EXPECT_EQ(open()->load_policy()->version, 0U);
}

TEST_F(StoreOpening, UsesAWriteAheadLogAndKeepsWhatWasThere) {
  ASSERT_TRUE(open()->write_audit(audit("daemon_started")));
  const auto store = open();
  EXPECT_EQ(connect().execAndGet("PRAGMA journal_mode").getString(), "wal");
  EXPECT_EQ(store->audit({})->rows.size(), 1U);
}

TEST_F(StoreOpening, RefusesANewerSchemaAndLeavesTheFileAsItWas) {
  open();
  connect().exec("PRAGMA user_version = 99");
  const auto before = content(file());
  const auto refused = Store::open({.file = file()});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("schema version 99"), std::string::npos) << refused.error().text();
  EXPECT_NE(refused.error().mend.find("newer program"), std::string::npos);
  EXPECT_EQ(content(file()), before);
}

TEST_F(StoreOpening, RefusesTheDatabaseOfAnotherProgram) {
  SQLite::Database other(file().string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  other.exec("CREATE TABLE bookmarks(name TEXT)");
  const auto before = content(file());
  const auto refused = Store::open({.file = file()});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("another program"), std::string::npos) << refused.error().text();
  EXPECT_EQ(content(file()), before);
}

TEST_F(StoreOpening, RefusesAFileThatIsNoDatabase) {
  std::ofstream(file()) << std::string(20'000, 'x');
  const auto refused = Store::open({.file = file()});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("damaged"), std::string::npos) << refused.error().text();
  EXPECT_NE(refused.error().mend.find("backup"), std::string::npos);
  EXPECT_EQ(content(file()), std::string(20'000, 'x'));
}

TEST_F(StoreOpening, RefusesAFileWithADamagedPage) {
  {
    const auto store = open();
    for (int i = 0; i < 2000; ++i) {
      auto row = audit("session_denied");
      row.detail = std::string(100, 'd');
      ASSERT_TRUE(eventually([&] { return store->submit_audit(row); }));
    }
  }
  auto bytes = content(file());
  ASSERT_GT(bytes.size(), 200'000U);
  std::fill_n(bytes.begin() + 160'000, 8'192, '\x55');
  std::ofstream(file(), std::ios::binary) << bytes;
  const auto refused = Store::open({.file = file()});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("damaged"), std::string::npos) << refused.error().text();
  EXPECT_EQ(content(file()), bytes);
}

TEST_F(StoreOpening, RefusesAFileInUseAndNamesTheProcess) {
  auto first = open();
  const auto second = Store::open({.file = file()});
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().what.find("in use by another daemon (process " + std::to_string(::getpid()) + ")"),
            std::string::npos)
      << second.error().text();
  EXPECT_TRUE(first->write_audit(audit("daemon_started"))) << "the first is not disturbed";
  first.reset();
  EXPECT_TRUE(Store::open({.file = file()}));
}

TEST_F(StoreOpening, NamesTheDirectoryThatIsMissing) {
  const auto refused = Store::open({.file = directory_.path() / "absent" / "gatehouse.db"});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("absent"), std::string::npos);
  EXPECT_FALSE(refused.error().mend.empty());
}

constexpr std::array<SchemaStep, 3> three_steps{{{1, "CREATE TABLE first(a INTEGER); INSERT INTO first VALUES(7);"},
                                                 {2, "CREATE TABLE second(b INTEGER);"},
                                                 {3, "ALTER TABLE first ADD COLUMN c INTEGER DEFAULT 5;"}}};

TEST_F(StoreOpening, TakesTheStepsThatAreMissingInOrder) {
  ASSERT_TRUE(open_database(file(), std::span(three_steps).first(1)));
  EXPECT_EQ(number("PRAGMA user_version"), 1);
  ASSERT_TRUE(open_database(file(), three_steps));
  EXPECT_EQ(number("PRAGMA user_version"), 3);
  EXPECT_EQ(number("SELECT a + c FROM first"), 12) << "the rows of before, in the new layout";
  EXPECT_EQ(number("SELECT count(*) FROM second"), 0);
}

TEST_F(StoreOpening, LeavesTheLayoutOfBeforeWhenAStepFails) {
  constexpr std::array<SchemaStep, 2> failing{
      {three_steps[0], {2, "CREATE TABLE second(b INTEGER); DROP TABLE absent;"}}};
  ASSERT_TRUE(open_database(file(), std::span(three_steps).first(1)));
  const auto refused = open_database(file(), failing);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("absent"), std::string::npos) << refused.error().text();
  EXPECT_EQ(number("PRAGMA user_version"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM sqlite_schema WHERE name = 'second'"), 0);
}

TEST_F(StoreOpening, KeepsThePolicyOfTheFirstLayout) {
  // As the first release wrote it.
  {
    auto database = open_database(file(), schema_steps().first(1));
    ASSERT_TRUE(database);
    database->exec(R"sql(
INSERT INTO policy_versions VALUES(7, 'text', 'uid 0 (root)', 1700000000000);
INSERT INTO users VALUES('bob', 1, 'Bob'), ('eve', 0, '');
INSERT INTO servers VALUES('win1', 1, x'00000000000000000000ffffc6336409', '');
INSERT INTO grants VALUES('bob-win1', 'bob', 'win1', 'rdp', 1700000000001, 1800000000002, 'ticket 4711'),
                         ('eve-win1', 'eve', 'win1', '', NULL, NULL, '');
)sql");
  }
  const auto store = open();
  EXPECT_EQ(number("PRAGMA user_version"), schema_steps().back().version);
  EXPECT_EQ(number("SELECT count(*) FROM pragma_foreign_key_check"), 0);
  const auto record = store->load_policy();
  ASSERT_TRUE(record) << record.error().text();
  EXPECT_EQ(record->version, 7U);
  EXPECT_EQ(record->document.users.size(), 2U);
  const policy::Grant expected{.user = "bob",
                               .server = "win1",
                               .protocol = "rdp",
                               .start = at(1'700'000'000'001),
                               .end = at(1'800'000'000'002),
                               .reason = "ticket 4711"};
  EXPECT_EQ(record->document.grants.at("bob-win1"), expected);
  EXPECT_EQ(record->document.grants.at("eve-win1"), (policy::Grant{.user = "eve", .server = "win1"}));
  EXPECT_TRUE(store->save_policy(record->document, 7, audit("policy_applied"))) << "and it can be written again";
}

TEST_F(StoreOpening, KeepsWhichGrantsAreNotRecorded) {
  {
    auto database = open_database(file(), schema_steps().first(10));
    ASSERT_TRUE(database);
    database->exec(R"sql(
INSERT INTO policy_versions VALUES(7, 'text', 'uid 0 (root)', 1700000000000);
INSERT INTO users VALUES('bob', 1, 'Bob'), ('eve', 1, '');
INSERT INTO servers VALUES('win1', 1, x'00000000000000000000ffffc6336409', '');
INSERT INTO grants(name, user_name, server_name, protocol, reason, active, record, channels)
  VALUES('bob-win1', 'bob', 'win1', 'rdp', '', 1, 0, 0), ('eve-win1', 'eve', 'win1', '', '', 1, 1, 0);
)sql");
  }
  const auto store = open();
  const auto policy = store->load_policy();
  ASSERT_TRUE(policy) << policy.error().text();
  EXPECT_EQ(policy->document.grants.at("bob-win1").recording, policy::Recording::off);
  EXPECT_EQ(policy->document.grants.at("eve-win1").recording, policy::Recording::as_configured);
}

}  // namespace
}  // namespace gatehouse::store::testing
