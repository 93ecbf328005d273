// A daemon that is killed: what it acknowledged is there, what it left open is closed, and the next one says so.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <set>

#include "base/fd.h"
#include "unit/store_fixture.h"

namespace gatehouse::store::testing {
namespace {

class StoreOfADeadDaemon : public StoreTest {
 protected:
  // In the child: opens sessions as fast as the store takes them, ends every third, tells each acknowledged id through
  // the pipe.
  [[noreturn]] void serve(int pipe) {
    auto opened = Store::open({.file = file(), .queue_capacity = 256});
    if (!opened) ::_exit(1);
    auto& store = **opened;
    while (true) {
      const auto id = store.next_session_id();
      auto written = [pipe, id, &store](bool ok) {
        if (!ok) return;
        if (::write(pipe, &id, sizeof id) != sizeof id) ::_exit(2);
        if (id % 3 == 0) store.submit_session_ended(session_end(id, now()));
      };
      if (!store.submit_session_opened(session(id, now()), audit("session_allowed", now()), std::move(written))) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    }
  }

  // The sessions that were acknowledged before the daemon was killed in the middle of its work.
  std::set<std::uint64_t> run_and_kill(std::size_t least) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    Fd reading(ends[0]);
    Fd writing(ends[1]);
    const pid_t child = ::fork();
    if (child == 0) serve(writing.get());
    writing.reset();
    std::set<std::uint64_t> acknowledged;
    std::uint64_t id = 0;
    while (acknowledged.size() < least && ::read(reading.get(), &id, sizeof id) == sizeof id) acknowledged.insert(id);
    ::kill(child, SIGKILL);
    while (::read(reading.get(), &id, sizeof id) == sizeof id) acknowledged.insert(id);
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
    EXPECT_GE(acknowledged.size(), least);
    return acknowledged;
  }
};

TEST_F(StoreOfADeadDaemon, HasEveryAcknowledgedRowAndNoOpenSession) {
  std::set<std::uint64_t> acknowledged;
  for (const std::size_t least : {1, 300, 1500}) {
    const auto before_death = now();
    acknowledged.merge(run_and_kill(least));
    const auto after_death = now();
    const auto store = open();
    EXPECT_GT(store->sessions_closed_at_start(), 0U);

    std::map<std::uint64_t, SessionRow> rows;
    for (const auto& row : all_of(SessionQuery{}, [&](const auto& query) { return store->sessions(query); })) {
      rows.emplace(row.id, row);
    }
    const auto allowed =
        all_of(AuditQuery{.action = "session_allowed"}, [&](const auto& query) { return store->audit(query); });
    EXPECT_EQ(allowed.size(), rows.size()) << "a session and its audit row come together";
    for (const auto id : acknowledged) {
      ASSERT_TRUE(rows.contains(id)) << id;
      const auto& row = rows.at(id);
      ASSERT_TRUE(row.ended) << id;
      EXPECT_GE(*row.ended, row.started) << id;
      EXPECT_LE(*row.ended, after_death) << id;
      if (id % 3 != 0) {
        EXPECT_EQ(row.end_reason, policy::EndReason::service_restart) << id;
      }
    }
    EXPECT_TRUE(store->sessions({.only_open = true})->rows.empty());

    const auto died = store->audit({.since = before_death, .action = "daemon_died"});
    ASSERT_EQ(died->rows.size(), 1U);
    EXPECT_NE(died->rows.front().detail.find(std::to_string(store->sessions_closed_at_start()) + " sessions were open"),
              std::string::npos)
        << died->rows.front().detail;
    EXPECT_GT(store->next_session_id(), rows.rbegin()->first);
    EXPECT_GT(store->next_audit_id(), died->rows.front().id);
  }
}

TEST_F(StoreOfADeadDaemon, ClosesItsSessionsWithTheLastSignOfLife) {
  {
    const auto store = open();
    Answers answers;
    ASSERT_TRUE(store->submit_session_opened(session(1, at(1'000)), audit("session_allowed"), answers.expect(1)));
    ASSERT_TRUE(store->submit_session_opened(session(2, at(90'000)), audit("session_allowed"), answers.expect(2)));
    ASSERT_TRUE(answers.wait_for(2));
  }
  connect().exec("UPDATE life SET running = 1, alive = 60000");
  const auto store = open();
  EXPECT_EQ(store->sessions_closed_at_start(), 2U);
  const auto rows = store->sessions({}).value().rows;
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[1].ended, at(60'000));
  EXPECT_EQ(rows[0].ended, at(90'000)) << "never before its start";
  EXPECT_EQ(rows[0].end_reason, policy::EndReason::service_restart);
  EXPECT_EQ(rows[0].end_detail, "the daemon died");
}

TEST_F(StoreOfADeadDaemon, GivesASignOfLifeWithoutAnyRow) {
  const auto store = open();
  const auto first = number("SELECT alive FROM life");
  EXPECT_TRUE(eventually([&] { return number("SELECT alive FROM life") > first; }, std::chrono::seconds(7)));
}

TEST_F(StoreOfADeadDaemon, SaysNothingAfterAnOrderlyEnd) {
  open();
  const auto store = open();
  EXPECT_EQ(store->sessions_closed_at_start(), 0U);
  EXPECT_TRUE(store->audit({})->rows.empty());
}

}  // namespace
}  // namespace gatehouse::store::testing
