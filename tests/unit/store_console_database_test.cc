// The database of a RustDesk console, as real files of SQLite: made here, written to at the same time, damaged, gone.
#include "store/console_database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "store/console_text.h"
#include "unit/store_fixture.h"

namespace gatehouse::store::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// As hbbs 1.1.x makes it, and BetterDesk extends it.
constexpr const char* table_of_hbbs =
    "CREATE TABLE peer(guid blob primary key not null, id varchar(100) not null, uuid blob not null, pk blob not null, "
    "created_at datetime not null default(current_timestamp), user blob, status tinyint, note varchar(300), "
    "info text not null) without rowid; CREATE UNIQUE INDEX index_peer_id ON peer(id);";
constexpr const char* columns_of_the_console =
    "ALTER TABLE peer ADD COLUMN is_banned INTEGER DEFAULT 0; ALTER TABLE peer ADD COLUMN banned_at INTEGER; "
    "ALTER TABLE peer ADD COLUMN banned_by VARCHAR(100); ALTER TABLE peer ADD COLUMN ban_reason TEXT; "
    "CREATE INDEX index_peer_banned ON peer(is_banned);";

class ConsoleDatabase : public ::testing::Test {
 protected:
  [[nodiscard]] std::filesystem::path file() const { return directory_.path() / "db_v2.sqlite3"; }
  [[nodiscard]] std::filesystem::path beside(const char* ending) const { return file().string() + ending; }
  [[nodiscard]] SQLite::Database writer() const {
    return {file().string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, 5000};
  }
  void make(const char* more = "") const {
    auto database = writer();
    database.exec(table_of_hbbs);
    database.exec(columns_of_the_console);
    database.exec(more);
  }
  static void add(SQLite::Database& database, const std::string& id,
                  const std::string& values = "0, null, null, null") {
    database.exec(
        "INSERT INTO peer(guid, id, uuid, pk, info, is_banned, banned_at, banned_by, ban_reason) VALUES("
        "randomblob(16), '" +
        id + "', x'01', x'02', '{}', " + values + ")");
  }
  [[nodiscard]] ConsoleBans found() const {
    auto bans = read_console_bans(file(), CountDevices::yes);
    EXPECT_TRUE(bans.has_value()) << bans.error().text();
    return bans.value_or(ConsoleBans{});
  }
  [[nodiscard]] std::string fault() const {
    const auto bans = read_console_bans(file(), CountDevices::yes);
    return bans ? "none" : bans.error().text();
  }
  [[nodiscard]] std::vector<std::string> ids() const {
    std::vector<std::string> list;
    for (const auto& ban : found().bans) list.push_back(ban.id);
    return list;
  }
  [[nodiscard]] std::string bytes() const {
    std::ifstream stream(file(), std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  }

  TemporaryDirectory directory_;
};

TEST_F(ConsoleDatabase, SaysWhoIsBannedByWhomWhenAndWhy) {
  make();
  {
    auto database = writer();
    add(database, "222222222", "1, 1769817600123, 'admin', 'stolen laptop'");
    add(database, "111111111", "1, null, null, null");
    add(database, "333333333");
    add(database, "444444444", "null, 1769817600123, 'admin', 'lifted'");
  }
  const auto bans = found();
  EXPECT_EQ(bans.devices, 4U);
  EXPECT_THAT(bans.bans, ElementsAre(ConsoleBan{"111111111", "", "", std::nullopt},
                                     ConsoleBan{"222222222", "stolen laptop", "admin", at(1'769'817'600'123)}));
  EXPECT_THAT(bans.refused, IsEmpty());
  EXPECT_EQ(reason_of(bans.bans[1]), "console: stolen laptop");
  EXPECT_EQ(reason_of(bans.bans[0]), "console: banned");
  EXPECT_EQ(reason_of({"1", "", "admin", at(1'769'817'600'000)}), "console: banned by admin at 2026-01-31T00:00:00Z");
}

TEST_F(ConsoleDatabase, IsReadBesideAWriterInWalModeAndNeverWrittenTo) {
  make("PRAGMA journal_mode = WAL");
  auto database = writer();
  add(database, "111111111", "1, null, null, 'one'");
  const auto before = bytes();
  EXPECT_THAT(ids(), ElementsAre("111111111")) << "what is in the log only";
  database.exec("BEGIN IMMEDIATE");
  add(database, "222222222", "1, null, null, 'two'");
  EXPECT_THAT(ids(), ElementsAre("111111111")) << "what is not committed does not count, and does not keep waiting";
  database.exec("COMMIT");
  EXPECT_THAT(ids(), ElementsAre("111111111", "222222222"));
  database.exec("UPDATE peer SET is_banned = 0 WHERE id = '111111111'");
  EXPECT_THAT(ids(), ElementsAre("222222222"));
  EXPECT_EQ(bytes(), before) << "the database file itself";
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");  // nobody holds it
  EXPECT_THAT(ids(), ElementsAre("222222222"));
}

TEST_F(ConsoleDatabase, IsReadWhileAWriterNeverRests) {
  make("PRAGMA journal_mode = WAL");
  std::atomic<bool> over = false;
  std::atomic<int> written = 0;
  std::jthread busy([&] {
    auto database = writer();
    // Each pair in one transaction: one without the other must never be seen.
    for (int i = 0; !over && i < 100'000; ++i) {
      const auto id = std::to_string(100'000'000 + i);
      database.exec("BEGIN IMMEDIATE");
      add(database, id, "1, null, null, 'a'");
      add(database, id + "b", "1, null, null, 'b'");
      database.exec("COMMIT");
      ++written;
    }
  });
  std::size_t most = 0;
  for (int i = 0; i < 20 || most == 0; ++i) {
    const auto bans = read_console_bans(file(), CountDevices::yes);
    ASSERT_TRUE(bans.has_value()) << bans.error().text();
    EXPECT_EQ(bans->bans.size() % 2, 0U);
    EXPECT_EQ(bans->bans.size(), bans->devices);
    EXPECT_GE(bans->bans.size(), most);
    most = bans->bans.size();
  }
  over = true;
}

TEST_F(ConsoleDatabase, IsReadAfterAServerThatDiedAndLeftItsLog) {
  make("PRAGMA journal_mode = WAL");
  const auto copy = directory_.path() / "copy.sqlite3";
  {
    auto database = writer();
    add(database, "111111111", "1, null, null, null");
    std::filesystem::copy(file(), copy);
    std::filesystem::copy(beside("-wal"), copy.string() + "-wal");
  }
  const auto bans = read_console_bans(copy, CountDevices::no);
  ASSERT_TRUE(bans.has_value()) << bans.error().text();
  EXPECT_THAT(bans->bans, SizeIs(1));
}

TEST_F(ConsoleDatabase, WaitsAMomentForALockAndThenSaysWhoHoldsIt) {
  make();
  auto database = writer();
  database.exec("BEGIN EXCLUSIVE");
  EXPECT_THAT(fault(), HasSubstr("held locked by another program"));
  std::jthread release([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    database.exec("COMMIT");
  });
  EXPECT_EQ(fault(), "none");
}

TEST_F(ConsoleDatabase, BreaksAReadingOffWhenItIsToldTo) {
  make();
  writer().exec(
      "DROP TABLE peer; CREATE VIEW peer AS WITH RECURSIVE n(id, is_banned) AS (SELECT 1, 0 UNION ALL "
      "SELECT id + 1, 0 FROM n) SELECT * FROM n");
  std::stop_source stop;
  std::jthread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    stop.request_stop();
  });
  const auto bans = read_console_bans(file(), CountDevices::no, stop.get_token());
  ASSERT_FALSE(bans.has_value());
  EXPECT_THAT(bans.error().text(), HasSubstr("broken off"));
}

TEST_F(ConsoleDatabase, WithoutBansIsHbbsByItself) {
  writer().exec(table_of_hbbs);
  EXPECT_THAT(fault(), HasSubstr("no column `is_banned`"));
  EXPECT_THAT(fault(), HasSubstr("gatehouse device ban")) << "the mend";
}

TEST_F(ConsoleDatabase, OfAnOlderConsoleHasNoReasons) {
  auto database = writer();
  database.exec(table_of_hbbs);
  database.exec("ALTER TABLE peer ADD COLUMN IS_BANNED INTEGER");
  database.exec("INSERT INTO peer(guid, id, uuid, pk, info, is_banned) VALUES(x'00', '111111111', x'', x'', '', 1)");
  EXPECT_THAT(found().bans, ElementsAre(ConsoleBan{"111111111", "", "", std::nullopt}));
}

TEST_F(ConsoleDatabase, ThatIsNoneIsSaidToBeNone) {
  EXPECT_THAT(fault(), HasSubstr("is not there"));
  std::ofstream(file()) << "";
  EXPECT_THAT(fault(), HasSubstr("has no table `peer`")) << "an empty file is an empty database";
  std::ofstream(file()) << std::string(8192, 'x');
  EXPECT_THAT(fault(), HasSubstr("is no database"));
  std::filesystem::remove(file());
  std::filesystem::create_directory(file());
  EXPECT_THAT(fault(), HasSubstr("is no file"));
  std::filesystem::remove(file());
  ASSERT_EQ(::mkfifo(file().c_str(), 0600), 0);
  EXPECT_THAT(fault(), HasSubstr("is no file")) << "and it is not waited for who would write to it";
}

TEST_F(ConsoleDatabase, ThatIsDamagedIsSaidToBe) {
  make();
  {
    auto database = writer();
    for (int i = 0; i < 2000; ++i) add(database, std::to_string(100'000'000 + i), "1, 1, 'somebody', 'something'");
  }
  std::fstream stream(file(), std::ios::in | std::ios::out | std::ios::binary);
  for (std::streamoff page = 3; page < 40; ++page) {
    stream.seekp(page * 4096);
    stream << std::string(4096, '\x5a');
  }
  stream.close();
  EXPECT_THAT(fault(), HasSubstr("is damaged"));
}

TEST_F(ConsoleDatabase, WhoseLogCannotBeMadeIsSaidToNeedIt) {
  make("PRAGMA journal_mode = WAL");
  std::filesystem::remove(beside("-wal"));
  std::filesystem::remove(beside("-shm"));
  std::filesystem::create_symlink("/nowhere/at-all", beside("-shm"));
  EXPECT_THAT(fault(), HasSubstr("-wal, -shm or -journal"));
  EXPECT_THAT(fault(), HasSubstr("start hbbs"));
}

TEST_F(ConsoleDatabase, WithANameThatUrisWouldReadOtherwiseIsFound) {
  make();
  const auto odd = directory_.path() / "a?mode=rwc#b %41&c.sqlite3";
  std::filesystem::rename(file(), odd);
  EXPECT_TRUE(read_console_bans(odd, CountDevices::no).has_value());
}

TEST_F(ConsoleDatabase, OfSomebodyElsesMakingIsNotTrusted) {
  auto database = writer();
  database.exec("CREATE TABLE peer(id, is_banned, banned_at, banned_by, ban_reason)");
  database.exec(
      "INSERT INTO peer VALUES('ok', 1, 'yesterday', x'ff41', 'two' || char(10) || 'lines'), (NULL, 1, 1, '', ''), "
      "('has blanks', 1, 1, '', ''), (x'00ff', 1, 1, '', ''), (123456789, '1', -5, 7, 1.5), ('text', 'yes', 1e300, '', "
      "''), "
      "('negative', -1, 9223372036854775807, '', printf('%.1000c', 'r')), ('no', 0, 1, '', ''), ('null', NULL, 1, '', "
      "''), "
      "('ok', 1, 1, 'again', '')");
  const auto bans = found();
  EXPECT_EQ(bans.devices, 10U);
  ASSERT_THAT(bans.bans, SizeIs(4));
  EXPECT_EQ(bans.bans[0], (ConsoleBan{"123456789", "1.5", "7", std::nullopt}));
  EXPECT_EQ(bans.bans[1], (ConsoleBan{"negative", std::string(500, 'r'), "", std::nullopt}));
  EXPECT_EQ(bans.bans[2], (ConsoleBan{"ok", "two lines", "?A", std::nullopt}));
  EXPECT_EQ(bans.bans[3].id, "text") << "whatever is neither 0 nor NULL bans";
  EXPECT_EQ(bans.refused_count, 3U);
  EXPECT_THAT(bans.refused,
              ::testing::UnorderedElementsAre(ConsoleBans::Refused{"", "it has no id"},
                                              ConsoleBans::Refused{"has blanks", "no device can have this id"},
                                              ConsoleBans::Refused{"?", "no device can have this id"}));
}

TEST_F(ConsoleDatabase, OfAHundredThousandIsReadWhole) {
  make();
  writer().exec(
      "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999) INSERT INTO peer(guid, "
      "id, uuid, pk, info, is_banned, ban_reason) SELECT randomblob(16), 100000000 + i, x'', x'', '', i % 2, "
      "'reason ' || i FROM n");
  const auto bans = found();
  EXPECT_EQ(bans.devices, 100'000U);
  ASSERT_THAT(bans.bans, SizeIs(50'000));
  EXPECT_EQ(bans.bans.front().id, "100000001");
  EXPECT_EQ(bans.bans.back().reason, "reason 99999");
}

TEST_F(ConsoleDatabase, ShowsInItsFilesWhetherItWasWrittenTo) {
  EXPECT_FALSE(ConsoleFileState::of(file()).has_value());
  make("PRAGMA journal_mode = WAL");
  auto database = writer();
  add(database, "111111111");
  const auto first = ConsoleFileState::of(file()).value();
  EXPECT_FALSE(first.is_settled()) << "another change within the same moment would not show";
  ASSERT_TRUE(eventually([&] { return ConsoleFileState::of(file()).value().is_settled(); }));
  EXPECT_EQ(ConsoleFileState::of(file()).value(), first);
  static_cast<void>(found());
  EXPECT_EQ(ConsoleFileState::of(file()).value(), first) << "reading it is no change";
  add(database, "222222222");
  EXPECT_NE(ConsoleFileState::of(file()).value(), first);
}

TEST(ConsoleText, IsOneLineOfWholeCharacters) {
  EXPECT_EQ(as_line("  za\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87\t\n ", 100), "za\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87");
  EXPECT_EQ(as_line("a\xc5\xbc", 2), "a") << "no half a character";
  EXPECT_EQ(as_line("\xc0\x80|\xed\xa0\x80|\xf4\x90\x80\x80|\xe2\x82", 100), "??|???|????|??");
  EXPECT_EQ(as_line("\xf0\x9f\x98\x80", 100), "\xf0\x9f\x98\x80");
  EXPECT_EQ(as_line(std::string_view("a\0b\xc2\x85"
                                     "c",
                                     6),
                    100),
            "a b c");
  EXPECT_EQ(as_line("", 100), "");
}

}  // namespace
}  // namespace gatehouse::store::testing
