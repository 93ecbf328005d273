// A daemon that is killed while retention removes rows: of each piece all is gone, or nothing.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <array>

#include "base/fd.h"
#include "store/retention.h"
#include "unit/store_fixture.h"

namespace gatehouse::store::testing {
namespace {

constexpr auto one_day = std::chrono::hours(24);
constexpr WallTime then = WallTime(Duration(1'700'000'000'000));
constexpr WallTime hundred_days_later = then + 100 * one_day;

class RetentionOfADeadDaemon : public StoreTest {
 protected:
  void fill(std::uint64_t count) {
    const auto store = open();
    Answers answers;
    for (std::uint64_t id = 1; id <= count; ++id) {
      auto row = session(id, then);
      row.visit = id;
      ASSERT_TRUE(eventually(
          [&] { return store->submit_session_opened(row, audit("session_allowed", then), answers.expect(id)); }));
      auto end = session_end(id, then);
      end.visit = id;
      end.visit_over = true;
      store->submit_session_ended(end);
    }
    ASSERT_TRUE(answers.wait_for(count));
  }

  // Makes three moments of each piece long: some rows are gone, the cut is written, the row that tells is. Otherwise
  // the death would hardly ever come between them.
  void slow_down() {
    connect().exec(R"sql(
CREATE VIEW long_work AS
  WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < 200000) SELECT max(n) AS n FROM count;
CREATE TRIGGER visits_gone AFTER DELETE ON visits WHEN OLD.id % 2000 = 0 BEGIN SELECT n FROM long_work; END;
CREATE TRIGGER first_cut AFTER INSERT ON audit_cut BEGIN SELECT n FROM long_work; END;
CREATE TRIGGER next_cut AFTER UPDATE ON audit_cut BEGIN SELECT n FROM long_work; END;
CREATE TRIGGER told AFTER INSERT ON audit WHEN NEW.action = 'retention_removed' BEGIN SELECT n FROM long_work; END;
)sql");
  }

  // In the child: one piece after the other, each told through the pipe once it is acknowledged.
  [[noreturn]] void retain(int pipe) {
    const auto opened = Store::open({.file = file()});
    if (!opened) ::_exit(1);
    while (true) {
      const auto outcome = (*opened)->remove_due({.audit = one_day, .sessions = one_day}, hundred_days_later);
      if (!outcome) ::_exit(2);
      if (::write(pipe, &outcome->removed, sizeof outcome->removed) != sizeof outcome->removed) ::_exit(3);
      if (outcome->removed == 0) ::pause();
    }
  }

  // How many rows the acknowledged pieces had.
  std::uint64_t retain_and_kill(std::chrono::milliseconds after_the_first) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    const Fd reading(ends[0]);
    Fd writing(ends[1]);
    const pid_t child = ::fork();
    if (child == 0) retain(writing.get());
    writing.reset();
    std::uint64_t acknowledged = 0;
    std::uint64_t removed = 0;
    if (::read(reading.get(), &removed, sizeof removed) == sizeof removed) acknowledged += removed;
    std::this_thread::sleep_for(after_the_first);
    ::kill(child, SIGKILL);
    while (::read(reading.get(), &removed, sizeof removed) == sizeof removed) acknowledged += removed;
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
    return acknowledged;
  }

  // What the rows of the audit say that is gone, of "audit", "sessions" or "visits".
  static std::uint64_t told(const std::vector<AuditRow>& rows, const std::string& kind) {
    std::uint64_t sum = 0;
    for (const auto& row : rows) {
      const auto at = row.detail.find(kind + ": ");
      if (at != std::string::npos) sum += std::stoull(row.detail.substr(at + kind.size() + 2));
    }
    return sum;
  }
};

TEST_F(RetentionOfADeadDaemon, IsThereWithItsRowOrNotAtAll) {
  constexpr std::uint64_t count = 30'000;
  fill(count);
  slow_down();
  std::uint64_t acknowledged = 0;
  std::uint64_t least_left = count;
  for (const int delay : {10, 30, 50, 70, 90, 110, 130, 150}) {
    acknowledged += retain_and_kill(std::chrono::milliseconds(delay));
    const auto store = open();
    const auto rows =
        all_of(AuditQuery{.action = "retention_removed"}, [&](const auto& query) { return store->audit(query); });
    for (const std::string kind : {"sessions", "visits"}) {
      EXPECT_EQ(static_cast<std::uint64_t>(number("SELECT count(*) FROM " + kind)), count - told(rows, kind)) << kind;
    }
    const auto audited = static_cast<std::uint64_t>(number("SELECT count(*) FROM audit WHERE time = 1700000000000"));
    EXPECT_EQ(audited, count - told(rows, "audit"));
    EXPECT_EQ(number("SELECT min(position) FROM audit_chain"), number("SELECT position + 1 FROM audit_cut"));
    EXPECT_GE(told(rows, "sessions") + told(rows, "visits") + told(rows, "audit"), acknowledged)
        << "what was acknowledged came back";
    AuditFinding finding;
    do {
      finding = store->verify_audit(finding.position, finding.beside, 10'000).value();
    } while (!finding.complete);
    EXPECT_EQ(finding.fault, "");
    ASSERT_TRUE(audited < least_left || audited == 0) << "nothing was removed before the death";
    least_left = audited;
  }
}

}  // namespace
}  // namespace gatehouse::store::testing
