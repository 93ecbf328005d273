// A real file system without space: a tmpfs of one MiB in a mount namespace of the test's own, which goes with the
// process.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/fd.h"
#include "unit/store_fixture.h"

namespace gatehouse::store::testing {
namespace {

class StoreOnAFullDisk : public StoreTest {
 protected:
  void SetUp() override {
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0) << "needs root: " << std::strerror(errno);
    ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0) << std::strerror(errno);
    ASSERT_EQ(::mount("gatehouse-test", directory_.path().c_str(), "tmpfs", 0, "size=1m"), 0) << std::strerror(errno);
    mounted_ = true;
  }
  void TearDown() override {
    if (mounted_) ::umount2(directory_.path().c_str(), MNT_DETACH);
  }

  // Takes all space that is left.
  void fill() {
    const Fd ballast(::open(ballast_file().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    ASSERT_TRUE(ballast);
    const std::string block(4096, 'b');
    while (::write(ballast.get(), block.data(), block.size()) > 0) {
    }
    ASSERT_EQ(errno, ENOSPC);
  }
  void free_space() { std::filesystem::remove(ballast_file()); }
  [[nodiscard]] std::filesystem::path ballast_file() const { return directory_.path() / "ballast"; }

  bool mounted_ = false;
};

TEST_F(StoreOnAFullDisk, OpensNoSessionKeepsTheRestAndRecovers) {
  const auto store = open();
  Answers answers;
  std::uint64_t open_sessions = 0;
  for (std::uint64_t id = 1; id <= 20; ++id) {
    ASSERT_TRUE(store->submit_session_opened(session(id), audit("session_allowed"), answers.expect(id)));
    ++open_sessions;
  }
  ASSERT_TRUE(answers.wait_for(20));
  for (const auto& [id, said] : answers.all()) ASSERT_EQ(said, std::vector{true}) << id;
  ASSERT_TRUE(store->write_audit(audit("daemon_started")));
  connect().exec(
      "CREATE TABLE arrivals(number INTEGER PRIMARY KEY, what TEXT);"
      "CREATE TRIGGER audited AFTER INSERT ON audit WHEN NEW.action = 'session_denied' "
      "BEGIN INSERT INTO arrivals(what) VALUES(NEW.session_id); END;"
      "CREATE TRIGGER ended AFTER UPDATE ON sessions BEGIN INSERT INTO arrivals(what) VALUES(NEW.id); END;");

  fill();
  // Rows until the log can grow no more. Each audit row and end carries its number, to see the order in which they
  // arrive.
  std::uint64_t submitted = 0;
  const auto deny = [&] {
    auto row = audit("session_denied");
    row.session_id = 1000 + submitted;
    row.detail = std::string(500, 'x');
    if (!store->submit_audit(row)) return false;
    ++submitted;
    return true;
  };
  ASSERT_TRUE(eventually([&] { return deny() && store->health().alarm; }));
  EXPECT_NE(store->health().fault.find("free disk space"), std::string::npos) << store->health().fault;

  EXPECT_FALSE(store->submit_session_opened(session(21), audit("session_allowed"), answers.expect(21)));
  std::vector<std::uint64_t> expected;
  for (std::uint64_t i = 0; i < submitted; ++i) expected.push_back(1000 + i);
  for (std::uint64_t id = 1; id <= open_sessions; ++id) {
    store->submit_session_ended(session_end(id));
    expected.push_back(id);
    ASSERT_TRUE(deny());
    expected.push_back(1000 + submitted - 1);
  }
  const auto refused = store->write_audit(audit("policy_applied"));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().mend.find("free disk space"), std::string::npos) << refused.error().text();
  EXPECT_TRUE(store->health().alarm);
  EXPECT_GT(store->health().queued, 20U);
  EXPECT_TRUE(store->sessions({.only_open = true}).has_value()) << "reading goes on";

  free_space();
  ASSERT_TRUE(eventually([&] { return !store->health().alarm; }));
  ASSERT_TRUE(eventually([&] { return store->health().queued == 0; }));
  std::vector<std::uint64_t> arrivals;
  auto database = connect();
  SQLite::Statement select(database, "SELECT what FROM arrivals ORDER BY number");
  while (select.executeStep()) arrivals.push_back(static_cast<std::uint64_t>(select.getColumn(0).getInt64()));
  EXPECT_EQ(arrivals, expected);
  EXPECT_TRUE(store->sessions({.only_open = true})->rows.empty());

  ASSERT_TRUE(store->submit_session_opened(session(22), audit("session_allowed"), answers.expect(22)));
  ASSERT_TRUE(answers.wait_for(21));
  EXPECT_EQ(answers.all()[22], std::vector{true});
  EXPECT_EQ(database.execAndGet("PRAGMA integrity_check(1)").getString(), "ok");
}

TEST_F(StoreOnAFullDisk, GivesUpTheSessionsThatCouldNotBeWritten) {
  const auto store = open();
  ASSERT_TRUE(store->write_audit(audit("daemon_started")));
  fill();
  Answers answers;
  std::uint64_t id = 0;
  // Each waits for the one before, as one client after the other would.
  while (!store->health().alarm && id < 2000) {
    ++id;
    if (!store->submit_session_opened(session(id), audit("session_allowed"), answers.expect(id))) break;
    ASSERT_TRUE(answers.wait_for(id));
  }
  ASSERT_TRUE(store->health().alarm);
  const auto said = answers.all();
  EXPECT_EQ(said.rbegin()->second, std::vector{false});
  const auto written = std::count_if(said.begin(), said.end(), [](const auto& one) { return one.second.front(); });
  free_space();
  ASSERT_TRUE(eventually([&] { return !store->health().alarm; }));
  EXPECT_EQ(number("SELECT count(*) FROM sessions"), written) << "the rows of what was acknowledged, and no others";
  EXPECT_EQ(number("SELECT count(*) FROM audit WHERE action = 'session_allowed'"), written);
}

TEST_F(StoreOnAFullDisk, RefusesAPolicyThatDoesNotFitAndKeepsTheOneInForce) {
  const auto store = open();
  policy::Document document;
  document.users["bob"].sources = {prefix("192.0.2.7")};
  ASSERT_EQ(store->save_policy(document, 0, audit("policy_applied")).value_or(0), 1U);
  auto large = document;
  for (int i = 0; i < 20'000; ++i) large.users["user" + std::to_string(i)].full_name = std::string(100, 'n');
  const auto refused = store->save_policy(large, 1, audit("policy_applied"));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().mend.find("free disk space"), std::string::npos) << refused.error().text();
  const auto kept = store->load_policy();
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->version, 1U);
  EXPECT_EQ(kept->document, document);
  EXPECT_TRUE(eventually([&] { return !store->health().alarm; })) << "small rows still fit";
}

TEST_F(StoreOnAFullDisk, SaysWhatIsWrongWhenItCannotOpen) {
  fill();
  const auto refused = Store::open({.file = file()});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().mend.find("free disk space"), std::string::npos) << refused.error().text();
  free_space();
  EXPECT_TRUE(Store::open({.file = file()}));
}

}  // namespace
}  // namespace gatehouse::store::testing
