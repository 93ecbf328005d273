// The queue and the group commit: what is acknowledged when, what is refused, what is kept while the file cannot be
// written.
#include <sys/resource.h>

#include <future>

#include "unit/store_fixture.h"

namespace gatehouse::store::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Holds the file's write lock, as a backup or a shell may: the writer waits a second for it and then fails.
class Holder {
 public:
  explicit Holder(SQLite::Database database) : database_(std::move(database)) { database_.exec("BEGIN IMMEDIATE"); }
  void release() { database_.exec("ROLLBACK"); }

 private:
  SQLite::Database database_;
};

using StoreWriter = StoreTest;

TEST_F(StoreWriter, AcknowledgesASessionOnlyAfterTheCommit) {
  const auto store = open();
  Answers answers;
  Holder holder(connect());
  const auto id = store->next_session_id();
  ASSERT_TRUE(store->submit_session_opened(session(id), audit("session_allowed"), answers.expect(id)));
  EXPECT_FALSE(answers.wait_for(1, milliseconds(400))) << "nothing can be committed yet";
  holder.release();
  ASSERT_TRUE(answers.wait_for(1));
  EXPECT_EQ(answers.all()[id], std::vector{true});
  EXPECT_EQ(number("SELECT count(*) FROM sessions"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM audit"), 1);
}

TEST_F(StoreWriter, CommitsTogetherWhatWaitedTogether) {
  const auto store = open();
  constexpr int sessions = 200;
  Answers answers;
  std::promise<std::int64_t> seen_at_first;
  Holder holder(connect());
  // Takes the writer into its wait for the lock, alone.
  const auto first = store->next_session_id();
  ASSERT_TRUE(store->submit_session_opened(session(first), audit("session_allowed"), answers.expect(first)));
  std::this_thread::sleep_for(milliseconds(100));
  for (int i = 0; i < sessions; ++i) {
    const auto id = store->next_session_id();
    auto written = [&, i, answer = answers.expect(id)](bool ok) mutable {
      if (i == 0) seen_at_first.set_value(number("SELECT count(*) FROM sessions"));
      answer(ok);
    };
    ASSERT_TRUE(store->submit_session_opened(session(id), audit("session_allowed"), std::move(written)));
  }
  EXPECT_EQ(answers.count(), 0U);
  holder.release();
  ASSERT_TRUE(answers.wait_for(sessions + 1));
  EXPECT_EQ(seen_at_first.get_future().get(), sessions + 1) << "all of them were there at the first answer";
  EXPECT_EQ(store->health().rows_written, 2U * (sessions + 1));
}

TEST_F(StoreWriter, RefusesWhenTheQueueIsFullAndTakesAgainWhenItIsNot) {
  const auto store = open(8);
  Answers answers;
  Holder holder(connect());
  std::size_t accepted = 0;
  std::uint64_t last = 0;
  while (true) {
    last = store->next_session_id();
    if (!store->submit_session_opened(session(last), audit("session_allowed"), answers.expect(last))) break;
    ++accepted;
    ASSERT_LE(accepted, 4U);
  }
  EXPECT_EQ(accepted, 4U) << "two rows each";
  EXPECT_FALSE(store->has_room());
  EXPECT_FALSE(store->submit_audit(audit("session_denied")));
  EXPECT_EQ(store->health().queued, 8U);
  store->submit_session_ended(session_end(1));  // has room of its own
  EXPECT_EQ(store->health().queued, 9U);
  holder.release();
  ASSERT_TRUE(answers.wait_for(accepted));
  ASSERT_TRUE(eventually([&] { return store->health().queued == 0; }));
  EXPECT_TRUE(store->has_room());
  ASSERT_TRUE(store->submit_session_opened(session(last), audit("session_allowed"), answers.expect(last)));
  ASSERT_TRUE(answers.wait_for(accepted + 1));
  for (const auto& [id, said] : answers.all()) EXPECT_EQ(said, std::vector{true}) << id;
  EXPECT_EQ(number("SELECT count(*) FROM audit"), 5) << "the refused rows left nothing behind";
  EXPECT_EQ(number("SELECT count(*) FROM sessions WHERE ended IS NULL"), 4);
}

TEST_F(StoreWriter, GivesUpSessionsAndKeepsTheRestInOrderWhileItCannotWrite) {
  const auto store = open();
  Answers answers;
  ASSERT_TRUE(store->submit_session_opened(session(1), audit("session_allowed"), answers.expect(1)));
  ASSERT_TRUE(answers.wait_for(1));
  connect().exec(
      "CREATE TABLE arrivals(number INTEGER PRIMARY KEY, what TEXT);"
      "CREATE TRIGGER audited AFTER INSERT ON audit BEGIN INSERT INTO arrivals(what) VALUES(NEW.detail); END;"
      "CREATE TRIGGER ended AFTER UPDATE ON sessions BEGIN INSERT INTO arrivals(what) VALUES('end'); END;");

  Holder holder(connect());
  const auto submit = [&](const std::string& detail) {
    auto row = audit("session_denied");
    row.detail = detail;
    return store->submit_audit(row);
  };
  ASSERT_TRUE(submit("one"));
  ASSERT_TRUE(store->submit_session_opened(session(2), audit("session_allowed"), answers.expect(2)));
  store->submit_session_ended(session_end(1));
  ASSERT_TRUE(submit("two"));
  ASSERT_TRUE(eventually([&] { return store->health().alarm; }));
  ASSERT_TRUE(answers.wait_for(2));
  EXPECT_EQ(answers.all()[2], std::vector{false});

  // Refused at once while the alarm is up; what must not be lost is taken.
  const auto before = std::chrono::steady_clock::now();
  EXPECT_FALSE(store->submit_session_opened(session(3), audit("session_allowed"), answers.expect(3)));
  EXPECT_LT(std::chrono::steady_clock::now() - before, milliseconds(100));
  ASSERT_TRUE(submit("three"));
  const auto refused = store->write_audit(audit("daemon_stopped"));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("locked"), std::string::npos) << refused.error().text();
  EXPECT_NE(refused.error().mend.find("another program"), std::string::npos) << refused.error().text();
  EXPECT_FALSE(store->health().fault.empty());
  EXPECT_GE(store->health().failed_writes, 1U);
  EXPECT_EQ(store->health().queued, 4U);

  holder.release();
  ASSERT_TRUE(eventually([&] { return !store->health().alarm; }));
  ASSERT_TRUE(eventually([&] { return store->health().queued == 0; }));
  std::vector<std::string> arrivals;
  auto database = connect();
  SQLite::Statement select(database, "SELECT what FROM arrivals ORDER BY number");
  while (select.executeStep()) arrivals.push_back(select.getColumn(0).getString());
  EXPECT_EQ(arrivals, (std::vector<std::string>{"one", "end", "two", "three"}));
  EXPECT_EQ(number("SELECT count(*) FROM sessions"), 1) << "the session that was given up has no row";
  EXPECT_EQ(answers.all().size(), 2U) << "a refused session is never answered";
}

TEST_F(StoreWriter, RecoversByItselfWhenNothingWaits) {
  const auto store = open();
  Answers answers;
  Holder holder(connect());
  ASSERT_TRUE(store->submit_session_opened(session(1), audit("session_allowed"), answers.expect(1)));
  ASSERT_TRUE(answers.wait_for(1));
  EXPECT_EQ(answers.all()[1], std::vector{false});
  EXPECT_TRUE(store->health().alarm);
  EXPECT_EQ(store->health().queued, 0U);
  std::this_thread::sleep_for(milliseconds(2500));
  EXPECT_TRUE(store->health().alarm) << "a failing probe does not lower it";
  EXPECT_GE(store->health().failed_writes, 2U);
  holder.release();
  EXPECT_TRUE(eventually([&] { return !store->health().alarm; }, seconds(5)));
  EXPECT_TRUE(store->submit_session_opened(session(2), audit("session_allowed"), answers.expect(2)));
  ASSERT_TRUE(answers.wait_for(2));
  EXPECT_EQ(answers.all()[2], std::vector{true});
}

TEST_F(StoreWriter, WritesWhatIsQueuedBeforeItCloses) {
  Answers answers;
  {
    const auto store = open();
    for (std::uint64_t id = 1; id <= 500; ++id) {
      ASSERT_TRUE(store->submit_session_opened(session(id), audit("session_allowed"), answers.expect(id)));
      store->submit_session_ended(session_end(id));
      ASSERT_TRUE(store->submit_audit(audit("session_ended")));
    }
  }
  EXPECT_FALSE(std::filesystem::exists(file().string() + "-wal")) << "the log is cleared away";
  EXPECT_EQ(answers.count(), 500U);
  EXPECT_EQ(number("SELECT count(*) FROM sessions WHERE ended IS NOT NULL"), 500);
  EXPECT_EQ(number("SELECT count(*) FROM audit"), 1000);
}

TEST_F(StoreWriter, GivesUpAfterFiveSecondsWhenItCannotWriteAtItsEnd) {
  Answers answers;
  auto store = open();
  Holder holder(connect());
  ASSERT_TRUE(store->submit_session_opened(session(1), audit("session_allowed"), answers.expect(1)));
  ASSERT_TRUE(store->submit_audit(audit("session_denied")));
  const auto before = std::chrono::steady_clock::now();
  store.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - before, seconds(8));
  EXPECT_EQ(answers.all()[1], std::vector{false}) << "nobody is left waiting";
  holder.release();
  const auto next = open();
  ASSERT_EQ(next->audit({.action = "daemon_died"})->rows.size(), 1U) << "rows were lost: that is no orderly end";
}

TEST_F(StoreWriter, CancelsAJobThatItDoesNotGetTo) {
  const auto store = open();
  std::promise<void> go_on;
  std::promise<void> stuck;
  ASSERT_TRUE(store->submit_session_opened(session(1), audit("session_allowed"),
                                           [&, waiting = go_on.get_future()](bool) mutable {
                                             stuck.set_value();
                                             waiting.wait();
                                           }));
  stuck.get_future().wait();
  const auto refused = store->write_audit(audit("policy_applied"));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("nothing was changed"), std::string::npos) << refused.error().text();
  go_on.set_value();
  ASSERT_TRUE(store->write_audit(audit("configuration_reloaded")));
  EXPECT_EQ(number("SELECT count(*) FROM audit WHERE action = 'policy_applied'"), 0);
  EXPECT_EQ(number("SELECT count(*) FROM audit WHERE action = 'configuration_reloaded'"), 1);
}

TEST_F(StoreWriter, JobsComeAfterTheRowsThatWereSubmittedBefore) {
  const auto store = open();
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(store->submit_audit(audit("session_denied")));
  ASSERT_TRUE(store->write_audit(audit("daemon_stopped")));
  EXPECT_EQ(store->audit({.limit = 1000})->rows.size(), 301U);
}

TEST_F(StoreWriter, BringsTheLogIntoTheDatabaseWhileItIsOpen) {
  const auto store = open();
  const auto before = std::filesystem::file_size(file());
  auto row = audit("daemon_stopped");
  row.detail = std::string(100'000, 'x');
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(store->write_audit(row));
  EXPECT_TRUE(eventually([&] { return std::filesystem::file_size(file()) >= before + (2U << 20U); }))
      << "6 MB were written; of them in the database: " << std::filesystem::file_size(file()) - before;
}

TEST_F(StoreWriter, SleepsWhenThereIsNothingToDo) {
  const auto store = open();
  ASSERT_TRUE(store->write_audit(audit("daemon_started")));
  std::this_thread::sleep_for(milliseconds(50));
  rusage before{};
  rusage after{};
  ::getrusage(RUSAGE_SELF, &before);
  std::this_thread::sleep_for(seconds(2));
  ::getrusage(RUSAGE_SELF, &after);
  EXPECT_LE(after.ru_nvcsw - before.ru_nvcsw, 100) << "waking up every 5 ms would be 400 times";
}

TEST_F(StoreWriter, TakesRowsFromManyThreadsAndLosesNone) {
  const auto store = open();
  constexpr std::uint64_t threads = 4;
  constexpr std::uint64_t each = 1000;
  Answers answers;
  {
    std::vector<std::jthread> loops;
    for (std::uint64_t n = 0; n < threads; ++n) {
      loops.emplace_back([&] {
        for (std::uint64_t i = 0; i < each; ++i) {
          const auto id = store->next_session_id();
          while (!store->submit_session_opened(session(id), audit("session_allowed"), answers.expect(id))) {
            std::this_thread::sleep_for(milliseconds(1));
          }
          store->submit_session_ended(session_end(id));
        }
      });
    }
  }
  ASSERT_TRUE(answers.wait_for(threads * each, seconds(60)));
  ASSERT_TRUE(eventually([&] { return store->health().queued == 0; }));
  EXPECT_EQ(number("SELECT count(*) FROM sessions WHERE ended IS NOT NULL"), threads * each);
  EXPECT_EQ(number("SELECT count(*) FROM audit"), threads * each);
  EXPECT_EQ(store->health().rows_written, 3 * threads * each);
  for (const auto& [id, said] : answers.all()) ASSERT_EQ(said, std::vector{true}) << id;
}

}  // namespace
}  // namespace gatehouse::store::testing
