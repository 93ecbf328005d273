// Bans of a RustDesk console in the real daemon: brought in once, and followed while others write them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <chrono>
#include <filesystem>
#include <set>

#include "netns/gate_policy.h"
#include "support/gateway.h"
#include "support/patience.h"

namespace gatehouse::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// The database of hbbs with a console, in WAL mode, held open as hbbs does.
class Console {
 public:
  explicit Console(std::filesystem::path file) : file_(std::move(file)) {
    open();
    run("PRAGMA journal_mode = WAL; CREATE TABLE peer(guid blob primary key not null, id varchar(100) not null, "
        "uuid blob not null, pk blob not null, created_at datetime not null default(current_timestamp), user blob, "
        "status tinyint, note varchar(300), info text not null, is_banned INTEGER DEFAULT 0, banned_at INTEGER, "
        "banned_by VARCHAR(100), ban_reason TEXT) without rowid; CREATE UNIQUE INDEX index_peer_id ON peer(id)");
  }
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;
  ~Console() { close(); }

  [[nodiscard]] const std::filesystem::path& file() const { return file_; }
  void run(const std::string& statements) {
    char* text = nullptr;
    if (::sqlite3_exec(database_, statements.c_str(), nullptr, nullptr, &text) != SQLITE_OK) {
      throw std::runtime_error(text == nullptr ? "SQLite" : text);
    }
  }
  void has(const std::string& id) {
    run("INSERT INTO peer(guid, id, uuid, pk, info) VALUES(randomblob(16), '" + id + "', x'', x'', '')");
  }
  void bans(const std::string& id, const std::string& reason = "stolen") {
    run("UPDATE peer SET is_banned = 1, banned_at = 1769817600000, banned_by = 'admin', ban_reason = '" + reason +
        "' WHERE id = '" + id + "'");
  }
  void lifts(const std::string& id) {
    run("UPDATE peer SET is_banned = 0, banned_at = NULL, banned_by = NULL, ban_reason = NULL WHERE id = '" + id + "'");
  }
  void close() { ::sqlite3_close(std::exchange(database_, nullptr)); }
  void open() {
    if (::sqlite3_open(file_.c_str(), &database_) != SQLITE_OK) throw std::runtime_error("no database");
  }

 private:
  std::filesystem::path file_;
  sqlite3* database_ = nullptr;
};

class DeviceBans : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const auto* id : {"111111111", "222222222", "333333333"}) console_.has(id);
  }
  [[nodiscard]] std::string following() const { return "{ file: " + console_.file().string() + ", every: 100ms }"; }
  void start_following() {
    gateway_.set("device_bans", following());
    gateway_.start();
  }
  [[nodiscard]] nlohmann::json bans() const { return gateway_.json({"ban", "list", "--device"}).at("bans"); }
  [[nodiscard]] std::set<std::string> banned() const {
    std::set<std::string> ids;
    for (const auto& ban : bans()) ids.insert(ban.at("device").get<std::string>());
    return ids;
  }
  [[nodiscard]] nlohmann::json ban_of(const std::string& id) const {
    for (const auto& ban : bans()) {
      if (ban.at("device") == id) return ban;
    }
    return nlohmann::json::object();
  }
  [[nodiscard]] bool becomes(const std::set<std::string>& ids) const {
    return eventually([&] { return banned() == ids; }, 15s);
  }
  [[nodiscard]] std::string alarm() const {
    const auto status = gateway_.json({"status"});
    for (const auto& each : status.at("alarms")) {
      if (each.at("name") == "device_bans") return each.at("what");
    }
    return {};
  }
  [[nodiscard]] bool has_alarm(const std::string& text) const {
    return eventually([&] { return alarm().find(text) != std::string::npos; }, 15s);
  }
  // A look has come and gone since: a ban that is made now is seen by a later one.
  void let_it_look(const std::string& spare = "333333333") {
    console_.bans(spare, "to see a look");
    ASSERT_TRUE(eventually([&] { return !ban_of(spare).empty(); }, 15s)) << gateway_.log();
    console_.lifts(spare);
    ASSERT_TRUE(eventually([&] { return ban_of(spare).empty(); }, 15s)) << gateway_.log();
  }
  // The command's exit code tells whether some were refused.
  [[nodiscard]] nlohmann::json import(bool dry_run = false) const {
    std::vector<std::string> words{"--json", "device", "import", console_.file().string()};
    if (dry_run) words.emplace_back("--dry-run");
    return nlohmann::json::parse(gateway_.cli(words).output);
  }

  Network network_;
  TemporaryDirectory directory_;
  Console console_{directory_.path() / "db_v2.sqlite3"};
  Gateway gateway_{network_};
};

TEST_F(DeviceBans, AreImportedOnceAndOnlyWhatIsNotBannedYet) {
  console_.bans("111111111");
  console_.bans("222222222");
  console_.has("has blanks");
  console_.bans("has blanks");
  gateway_.start();
  ASSERT_EQ(gateway_.cli({"ban", "add", "--device", "222222222", "--reason", "ours"}).exit_code, 0);

  const auto rehearsed = import(true);
  EXPECT_EQ(rehearsed.at("dry_run"), true);
  EXPECT_EQ(rehearsed.at("devices"), 4);
  EXPECT_EQ(rehearsed.at("banned"), 3);
  EXPECT_EQ(rehearsed.at("added").dump(), R"(["111111111"])");
  EXPECT_EQ(rehearsed.at("known_count"), 1);
  EXPECT_EQ(rehearsed.at("refused").at(0).at("device"), "has blanks");
  EXPECT_THAT(banned(), ElementsAre("222222222")) << "a dry run changes nothing";

  const auto done = import();
  EXPECT_EQ(done.at("dry_run"), false);
  EXPECT_EQ(done.at("added").dump(), R"(["111111111"])");
  EXPECT_EQ(done.at("added_count"), 1);
  EXPECT_EQ(done.at("refused_count"), 1);
  EXPECT_EQ(done.at("sessions_ended"), 0);
  EXPECT_THAT(banned(), ElementsAre("111111111", "222222222"));
  EXPECT_EQ(ban_of("111111111").at("reason"), "console: stolen");
  EXPECT_EQ(ban_of("111111111").at("author"), "uid 0 (root)");
  EXPECT_EQ(ban_of("222222222").at("reason"), "ours");
  EXPECT_EQ(gateway_.map_size("banned_devices"), 2U);
  const auto again = import();
  EXPECT_EQ(again.at("added_count"), 0);
  EXPECT_EQ(again.at("known_count"), 2);
  console_.lifts("111111111");
  EXPECT_EQ(import().at("added_count"), 0);
  EXPECT_THAT(banned(), ElementsAre("111111111", "222222222")) << "an import lifts nothing";
}

TEST_F(DeviceBans, AreNotImportedFromWhatIsNoConsole) {
  gateway_.start();
  const auto absent = gateway_.cli({"device", "import", (directory_.path() / "absent").string()});
  EXPECT_NE(absent.exit_code, 0);
  EXPECT_THAT(absent.errors, HasSubstr("is not there"));
  const auto own = gateway_.cli({"device", "import", (gateway_.state_dir() / "gatehouse.db").string()});
  EXPECT_NE(own.exit_code, 0);
  EXPECT_THAT(own.errors, HasSubstr("has no table `peer`"));
  EXPECT_TRUE(gateway_.json({"status"}).at("alarms").empty());
}

TEST_F(DeviceBans, FollowTheConsole) {
  console_.bans("111111111");
  start_following();
  ASSERT_TRUE(becomes({"111111111"})) << gateway_.log();
  EXPECT_EQ(ban_of("111111111").at("author"), "console");
  EXPECT_EQ(ban_of("111111111").at("reason"), "console: stolen");
  console_.bans("222222222");
  ASSERT_TRUE(becomes({"111111111", "222222222"})) << gateway_.log();
  EXPECT_EQ(gateway_.map_size("banned_devices"), 2U);
  console_.lifts("111111111");
  ASSERT_TRUE(becomes({"222222222"})) << gateway_.log();
  EXPECT_EQ(gateway_.map_size("banned_devices"), 1U);
  console_.run("DELETE FROM peer WHERE id = '222222222'");
  ASSERT_TRUE(becomes({})) << gateway_.log();
  const auto history = gateway_.json({"ban", "history", "--device", "222222222"}).at("events");
  ASSERT_EQ(history.size(), 2U);
  EXPECT_EQ(history.at(0).at("event"), "removed");
  EXPECT_EQ(history.at(0).at("author"), "console");
  EXPECT_TRUE(gateway_.json({"status"}).at("alarms").empty());
}

TEST_F(DeviceBans, OfOperatorsStayWhateverTheConsoleSays) {
  start_following();
  ASSERT_EQ(gateway_.cli({"ban", "add", "--device", "111111111", "--reason", "ours"}).exit_code, 0);
  console_.bans("111111111");
  console_.bans("222222222");
  ASSERT_TRUE(becomes({"111111111", "222222222"})) << gateway_.log();
  EXPECT_EQ(ban_of("111111111").at("reason"), "ours") << "banned already: it stays as it is";
  // The operator makes the console's ban his own.
  ASSERT_EQ(gateway_.cli({"ban", "add", "--device", "222222222", "--reason", "ours now"}).exit_code, 0);
  console_.lifts("111111111");
  console_.lifts("222222222");
  let_it_look();
  EXPECT_THAT(banned(), ElementsAre("111111111", "222222222"));
  EXPECT_EQ(ban_of("222222222").at("author"), "uid 0 (root)");
}

TEST_F(DeviceBans, OfTheConsoleStandAsLongAsItSaysSo) {
  console_.bans("111111111");
  start_following();
  ASSERT_TRUE(becomes({"111111111"})) << gateway_.log();
  const auto former = ban_of("111111111").at("id");
  ASSERT_EQ(gateway_.cli({"ban", "remove", "--device", "111111111"}).exit_code, 0);
  ASSERT_TRUE(becomes({"111111111"})) << "it is to be lifted there";
  EXPECT_NE(ban_of("111111111").at("id"), former);
  // An operator's own for a while takes its place, and the console's is there again behind it.
  ASSERT_EQ(gateway_.cli({"ban", "add", "--device", "111111111", "--reason", "ours", "--for", "1s"}).exit_code, 0);
  EXPECT_TRUE(eventually([&] { return ban_of("111111111").value("author", "") == "console"; }, 15s)) << gateway_.log();
}

TEST_F(DeviceBans, StayWhileTheFileCannotBeRead) {
  console_.bans("111111111");
  start_following();
  ASSERT_TRUE(becomes({"111111111"})) << gateway_.log();
  console_.close();
  const auto away = directory_.path() / "away.sqlite3";
  std::filesystem::rename(console_.file(), away);
  ASSERT_TRUE(has_alarm("is not there")) << gateway_.log();
  EXPECT_THAT(banned(), ElementsAre("111111111"));
  gateway_.restart();
  ASSERT_TRUE(has_alarm("is not there")) << gateway_.log();
  EXPECT_THAT(banned(), ElementsAre("111111111")) << "also behind a restart";

  (void)directory_.write("db_v2.sqlite3", std::string(8192, 'x'));
  ASSERT_TRUE(has_alarm("is no database")) << gateway_.log();
  (void)directory_.write("db_v2.sqlite3", "");
  ASSERT_TRUE(has_alarm("has no table `peer`")) << gateway_.log();
  EXPECT_THAT(banned(), ElementsAre("111111111"));

  std::filesystem::rename(away, console_.file());
  console_.open();
  ASSERT_TRUE(eventually([&] { return alarm().empty(); }, 15s)) << gateway_.log();
  EXPECT_THAT(banned(), ElementsAre("111111111"));
  console_.lifts("111111111");
  ASSERT_TRUE(becomes({})) << "of a restarted daemon, too: whose a ban is stands in the store";
}

TEST_F(DeviceBans, OfHbbsByItselfAreNone) {
  console_.run("ALTER TABLE peer DROP COLUMN is_banned");
  start_following();
  ASSERT_TRUE(has_alarm("no column `is_banned`")) << gateway_.log();
}

TEST_F(DeviceBans, AreFollowedFromAReloadOnAndNoMoreAfterAnother) {
  console_.bans("111111111");
  gateway_.start();
  gateway_.set("device_bans", following());
  EXPECT_EQ(gateway_.json({"reload"}).at("changed").dump(), R"(["device_bans"])");
  ASSERT_TRUE(becomes({"111111111"})) << gateway_.log();

  const Console other(directory_.path() / "other.sqlite3");
  gateway_.set("device_bans", "{ file: " + (directory_.path() / "absent").string() + ", every: 100ms }");
  ASSERT_EQ(gateway_.cli({"reload"}).exit_code, 0);
  ASSERT_TRUE(has_alarm("is not there")) << gateway_.log();
  gateway_.set("device_bans", "{ file: " + other.file().string() + ", every: 100ms }");
  ASSERT_EQ(gateway_.cli({"reload"}).exit_code, 0);
  ASSERT_TRUE(becomes({})) << "what the console that is followed now does not ban";
  ASSERT_TRUE(eventually([&] { return alarm().empty(); }, 15s));
}

// Many at once, taken over while operators' questions go on to be answered in between.
TEST_F(DeviceBans, OfManyThousandDevicesDoNotHoldUpAnybody) {
  gateway_.start();
  console_.run(
      "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 19999) INSERT INTO peer(guid, id, "
      "uuid, "
      "pk, info, is_banned, ban_reason) SELECT randomblob(16), 500000000 + i, x'', x'', '', 1, 'list' FROM n");
  gateway_.set("device_bans", following());
  ASSERT_EQ(gateway_.cli({"reload"}).exit_code, 0);
  const auto count = [&] { return gateway_.json({"status"}).at("bans").get<std::size_t>(); };
  std::set<std::size_t> seen;
  ASSERT_TRUE(eventually(
      [&] {
        seen.insert(count());
        return *seen.rbegin() == 20'000U;
      },
      60s))
      << gateway_.log();
  EXPECT_GT(seen.size(), 3U) << "answers came in between";
  EXPECT_EQ(gateway_.map_size("banned_devices"), 20'000U);
  console_.run("UPDATE peer SET is_banned = 0");
  ASSERT_TRUE(eventually([&] { return count() == 0U; }, 60s)) << gateway_.log();
  EXPECT_TRUE(alarm().empty()) << alarm();
}

}  // namespace
}  // namespace gatehouse::test
