// Visits: opened by the first session that is written, over with the last, never left open by a dead daemon.
#include "store/schema.h"
#include "unit/store_fixture.h"

namespace gatehouse::store::testing {
namespace {

using StoredVisits = StoreTest;

SessionRow session_of(std::uint64_t id, std::uint64_t visit) {
  auto row = session(id, at(1'700'000'000'000 + static_cast<std::int64_t>(id)));
  row.visit = visit;
  return row;
}

SessionEnd end_of(std::uint64_t id, std::uint64_t visit, bool visit_over) {
  auto end = session_end(id);
  end.visit = visit;
  end.visit_over = visit_over;
  end.peak_rate = 77;
  return end;
}

TEST_F(StoredVisits, AreOpenFromTheFirstSessionToTheLast) {
  const auto store = open();
  Answers answers;
  const auto visit = store->next_visit_id();
  for (const std::uint64_t id : {1, 2}) {
    ASSERT_TRUE(store->submit_session_opened(session_of(id, visit), audit("session_allowed"), answers.expect(id)));
  }
  ASSERT_TRUE(answers.wait_for(2));
  store->submit_session_ended(end_of(1, visit, false));
  ASSERT_TRUE(store->write_audit(audit("daemon_stopped")));
  auto rows = store->visits({.only_open = true}).value().rows;
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].id, visit);
  EXPECT_EQ(rows[0].user, "bob");
  EXPECT_EQ(rows[0].source, address("192.0.2.7"));
  EXPECT_EQ(rows[0].started, at(1'700'000'000'001));
  EXPECT_EQ(rows[0].ended, std::nullopt);
  EXPECT_EQ(rows[0].sessions, 2U);

  store->submit_session_ended(end_of(2, visit, true));
  ASSERT_TRUE(store->write_audit(audit("daemon_stopped")));
  EXPECT_TRUE(store->visits({.only_open = true})->rows.empty());
  rows = store->visits({.user = "bob"}).value().rows;
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].ended, session_end(2).ended);
  EXPECT_EQ(rows[0].sessions, 2U);
  EXPECT_EQ(rows[0].end_reason, policy::EndReason::client_reset);
  EXPECT_TRUE(store->visits({.user = "eve"})->rows.empty());
  const auto sessions = store->sessions({}).value().rows;
  EXPECT_EQ(sessions[0].visit, visit);
  EXPECT_EQ(sessions[0].peak_rate, 77U);
}

TEST_F(StoredVisits, AreOverAlsoWithWhatNeverBecameASession) {
  const auto store = open();
  Answers answers;
  const auto visit = store->next_visit_id();
  ASSERT_TRUE(store->submit_session_opened(session_of(1, visit), audit("session_allowed"), answers.expect(1)));
  store->submit_session_ended(end_of(1, visit, false));  // while another was about to open
  store->submit_session_ended({.visit = visit, .visit_over = true, .ended = at(1'700'000'100'000)});
  ASSERT_TRUE(store->write_audit(audit("daemon_stopped")));
  const auto rows = store->visits({}).value().rows;
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].ended, at(1'700'000'100'000));
  EXPECT_EQ(rows[0].sessions, 1U);
}

TEST_F(StoredVisits, CountTheirSessionsInWhateverOrderTheyAreWritten) {
  {
    const auto store = open();
    Answers answers;
    for (const std::uint64_t id : {3, 1, 2}) {
      ASSERT_TRUE(store->submit_session_opened(session_of(id, 1), audit("session_allowed"), answers.expect(id)));
    }
    ASSERT_TRUE(answers.wait_for(3));
  }
  const auto store = open();
  EXPECT_EQ(store->visits({}).value().rows.at(0).sessions, 3U);
}

TEST_F(StoredVisits, GoOnWithLargerNumbersAfterAStart) {
  {
    const auto store = open();
    Answers answers;
    EXPECT_EQ(store->next_visit_id(), 1U);
    ASSERT_TRUE(store->submit_session_opened(session_of(1, 1), audit("session_allowed"), answers.expect(1)));
    ASSERT_TRUE(answers.wait_for(1));
  }
  const auto store = open();
  EXPECT_EQ(store->next_visit_id(), 2U);
  // The former store ended without the end of the session.
  const auto rows = store->visits({}).value().rows;
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_TRUE(rows[0].ended.has_value());
  EXPECT_EQ(rows[0].sessions, 1U);
  EXPECT_EQ(rows[0].end_reason, policy::EndReason::service_restart);
}

}  // namespace
}  // namespace gatehouse::store::testing
