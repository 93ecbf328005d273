// Retention: what goes, what stays, what is told of it, and that the audit's chain holds behind it.
#include "store/retention.h"

#include "store/audit_cut.h"
#include "unit/store_fixture.h"

namespace gatehouse::store::testing {
namespace {

constexpr auto day = std::chrono::hours(24);
constexpr WallTime today = WallTime(Duration(1'800'000'000'000));

class Retention : public StoreTest {
 protected:
  // `count` rows of the audit, the first of them at `first` and each a second after the one before. By one transaction
  // of the kind that the writer makes.
  void audit_rows(int count, WallTime first = today - 10 * day) {
    for (int i = 0; i < count; ++i) {
      auto row = audit("session_denied", first + std::chrono::seconds(i));
      ASSERT_TRUE(eventually([&] { return store_->submit_audit(row); }));
    }
    ASSERT_TRUE(settled());
  }
  // Sessions with these ids, each with a visit of the same id; without `ended` they stay open.
  void sessions(std::uint64_t first, std::uint64_t last, std::optional<WallTime> ended) {
    for (auto id = first; id <= last; ++id) {
      auto row = session(id, today - 100 * day);
      row.visit = id;
      ASSERT_TRUE(eventually(
          [&] { return store_->submit_session_opened(row, audit("session_allowed", today), answers_.expect(id)); }));
      if (!ended) continue;
      auto end = session_end(id, *ended);
      end.visit = id;
      end.visit_over = true;
      store_->submit_session_ended(end);
    }
    ASSERT_TRUE(settled());
  }
  // Everything that was submitted is in the store.
  bool settled() {
    return eventually([&] { return store_->health().queued == 0; });
  }
  // Pieces until nothing is due. How many rows went.
  std::uint64_t retain(const RetentionRules& rules, WallTime time = today) {
    std::uint64_t removed = 0;
    while (true) {
      const auto outcome = store_->remove_due(rules, time).value();
      EXPECT_EQ(outcome.fault, "");
      if (outcome.removed == 0) return removed;
      removed += outcome.removed;
    }
  }
  // To the end, in steps.
  AuditFinding verify(std::uint64_t after = 0, std::size_t limit = 1'000) {
    AuditFinding finding;
    finding.position = after;
    do {
      finding = store_->verify_audit(finding.position, finding.beside, limit).value();
    } while (!finding.complete);
    return finding;
  }
  void tamper(const std::string& statement) { connect().exec(statement); }
  std::int64_t count(const std::string& table) { return number("SELECT count(*) FROM " + table); }
  std::int64_t told_rows() { return number("SELECT count(*) FROM audit WHERE action = 'retention_removed'"); }
  std::string last_detail() {
    return store_->audit({.action = "retention_removed", .limit = 1}).value().rows.at(0).detail;
  }

  std::unique_ptr<Store> store_ = open();
  Answers answers_;
};

TEST_F(Retention, RemovesNothingWithoutRules) {
  audit_rows(50);
  sessions(1, 5, today - 90 * day);
  EXPECT_EQ(retain({}), 0U);
  EXPECT_EQ(count("audit"), 55);
  EXPECT_EQ(count("sessions"), 5);
}

TEST_F(Retention, RemovesTheRowsOfTheAuditThatAreTooOldAndSaysSo) {
  audit_rows(30, today - 10 * day);
  audit_rows(20, today - 2 * day);
  EXPECT_EQ(retain({.audit = 5 * day}), 30U);
  EXPECT_EQ(count("audit"), 21);
  EXPECT_EQ(count("audit_chain"), 21);
  EXPECT_EQ(number("SELECT min(time) FROM audit"), (today - 2 * day).time_since_epoch().count());
  const auto detail = last_detail();
  EXPECT_EQ(detail.find("audit: 30 rows of " + format_time(today - 10 * day) + " until "), 0U) << detail;
  EXPECT_NE(detail.find("; the chain begins after position 30, "), std::string::npos) << detail;
  EXPECT_EQ(retain({.audit = 5 * day}), 0U);
}

TEST_F(Retention, ChainIsWholeBehindACutAndGoesOnAfterAStart) {
  audit_rows(30, today - 10 * day);
  audit_rows(20, today - 2 * day);
  const auto noted = verify(0, 35);
  ASSERT_EQ(retain({.audit = 5 * day}), 30U);
  for (const std::size_t limit : {1'000, 7, 1}) {
    const auto finding = verify(0, limit);
    EXPECT_EQ(finding.fault, "");
    EXPECT_EQ(finding.position, 51U);
    ASSERT_TRUE(finding.cut);
    EXPECT_EQ(finding.cut->position, 30U);
  }
  EXPECT_EQ(noted.hash, store_->verify_audit(49, 0, 1)->hash) << "what was noted stays in the chain";
  store_.reset();
  store_ = open();
  audit_rows(5, today);
  EXPECT_EQ(verify().fault, "");
  EXPECT_EQ(verify().position, 56U);
  ASSERT_EQ(retain({.audit = day}), 20U) << "the row about the first removal is of today";
  EXPECT_EQ(verify().fault, "");
  EXPECT_EQ(verify().cut->position, 50U);
}

TEST_F(Retention, AStepOfAVerificationFromBeforeTheCutLeadsToTheCut) {
  audit_rows(30);
  const auto before = verify();
  ASSERT_EQ(retain({.audit_rows = 10}), 21U);
  const auto step = store_->verify_audit(4, 0, 3).value();
  EXPECT_EQ(step.position, 21U);
  EXPECT_FALSE(step.complete);
  EXPECT_EQ(step.fault, "");
  EXPECT_EQ(step.hash, step.cut->hash);
  EXPECT_NE(step.hash, before.hash);
}

TEST_F(Retention, KeepsSoManyRowsAndDoesNotLiveOnItsOwn) {
  audit_rows(50);
  EXPECT_EQ(retain({.audit_rows = 50}), 0U) << "so many may stay";
  audit_rows(1);
  EXPECT_EQ(retain({.audit_rows = 50}), 2U) << "one that is too many, and one for the row that tells";
  EXPECT_EQ(count("audit"), 50);
  EXPECT_EQ(told_rows(), 1);
  EXPECT_EQ(retain({.audit_rows = 50}), 0U);
  audit_rows(400);
  EXPECT_EQ(retain({.audit_rows = 200}), 253U) << "and a hundredth of 200 more";
  EXPECT_EQ(count("audit"), 198);
  EXPECT_EQ(verify().fault, "");
}

TEST_F(Retention, LeavesWhatHasJustGrownTooOldUntilItIsWorthARow) {
  audit_rows(1, today - 100 * day);
  audit_rows(1, today - 100 * day + std::chrono::minutes(59));
  const RetentionRules rules{.audit = 100 * day};
  EXPECT_EQ(retain(rules, today + std::chrono::minutes(60)), 0U);
  EXPECT_EQ(retain(rules, today + std::chrono::minutes(61)), 2U) << "with all the others that have";
}

TEST_F(Retention, RemovesNoMoreThanAPieceAtOnce) {
  audit_rows(2'500);
  sessions(1, 2'300, today - 90 * day);
  const RetentionRules rules{.audit = day, .sessions = 30 * day};
  EXPECT_EQ(store_->remove_due(rules, today)->removed, 3 * most_removed);
  EXPECT_EQ(count("sessions"), 300);
  EXPECT_EQ(count("visits"), 300);
  EXPECT_EQ(number("SELECT min(position) FROM audit_chain"), 2'001);
  EXPECT_EQ(told_rows(), 1) << "one row for all kinds";
  const auto detail = last_detail();
  EXPECT_EQ(detail.find("sessions: 2000 rows of "), 0U) << detail;
  EXPECT_NE(detail.find("; visits: 2000 rows of "), std::string::npos) << detail;
  EXPECT_NE(detail.find("; audit: 2000 rows of "), std::string::npos) << detail;
  EXPECT_EQ(retain(rules), 299U + 299U + 500U);
  EXPECT_EQ(verify().fault, "");
}

TEST_F(Retention, RemovesSessionsAndVisitsByTheirEndAndNeverOpenOnes) {
  sessions(1, 1, std::nullopt);
  sessions(2, 2, today - day);
  sessions(3, 6, today - 60 * day);
  sessions(7, 9, today - day);
  EXPECT_EQ(retain({.sessions = 30 * day}), 8U);
  for (const std::string table : {"sessions", "visits"}) {
    EXPECT_EQ(number("SELECT sum(id) FROM " + table), 1 + 2 + 7 + 8 + 9) << table;
  }
  EXPECT_EQ(count("audit"), 10) << "rows of the audit have a limit of their own";
  EXPECT_EQ(retain({.sessions = std::chrono::hours(1)}), 6U);
  EXPECT_EQ(number("SELECT sum(id) FROM sessions"), 1 + 9) << "the open one, and the newest";
}

TEST_F(Retention, LooksAtTheFirstIdsOnly) {
  sessions(1, most_ids_looked_at, std::nullopt);
  sessions(most_ids_looked_at + 1, most_ids_looked_at + 3, today - 60 * day);
  EXPECT_EQ(retain({.sessions = 30 * day}), 0U);
  auto end = session_end(1, today - day);
  end.visit = 1;
  end.visit_over = true;
  store_->submit_session_ended(end);
  ASSERT_TRUE(settled());
  ASSERT_EQ(retain({.sessions = std::chrono::hours(1)}), 6U) << "the first one, and then what came into view";
}

TEST_F(Retention, IdsGoOnAfterEverythingWasRemoved) {
  sessions(1, 20, today - 60 * day);
  const auto next_audit = store_->next_audit_id();
  ASSERT_EQ(retain({.audit = Duration(1), .sessions = day}, today + day), 19U + 19U + 20U);
  EXPECT_EQ(count("audit"), 1) << "the row that says so";
  store_.reset();
  store_ = open();
  EXPECT_EQ(store_->next_session_id(), 21U);
  EXPECT_EQ(store_->next_visit_id(), 21U);
  EXPECT_GT(store_->next_audit_id(), next_audit);
  audit_rows(3, today);
  EXPECT_EQ(verify().fault, "");
}

TEST_F(Retention, KeepsTheStoreSmallAndAThousandRowsOfEachKind) {
  sessions(1, 1'050, today);
  audit_rows(3'000);
  ASSERT_EQ(retain({.store_size = std::uint64_t{1} << 40U}), 0U);
  {
    auto database = connect();
    ASSERT_EQ(retain({.store_size = size_in_use(database)}), 0U);
    const auto before = size_in_use(database);
    ASSERT_EQ(retain({.store_size = before - 1}), 2'000U) << "a piece is enough";
    EXPECT_LT(size_in_use(database), before);
    EXPECT_GE(number("PRAGMA page_count") * number("PRAGMA page_size"), static_cast<std::int64_t>(before))
        << "the file stays as it is";
  }
  ASSERT_EQ(retain({.store_size = 1}), 1'051U);
  EXPECT_EQ(count("audit"), static_cast<std::int64_t>(kept_in_any_case) + 1) << "and the row that says so";
  EXPECT_EQ(count("sessions"), 1'050) << "fifty are not worth a row";
  EXPECT_EQ(retain({.store_size = 1}), 0U);
  EXPECT_EQ(verify().fault, "");
}

TEST_F(Retention, RemovesSessionsByTheSizeAsWell) {
  sessions(1, 1'100, today);
  const auto removed = retain({.store_size = 1});
  EXPECT_EQ(count("sessions"), static_cast<std::int64_t>(kept_in_any_case));
  EXPECT_EQ(count("visits"), static_cast<std::int64_t>(kept_in_any_case));
  EXPECT_EQ(number("SELECT min(id) FROM sessions"), 101) << "the oldest first";
  EXPECT_EQ(removed, 300U);
}

TEST_F(Retention, LeavesAPieceThatIsAboutItselfOnly) {
  const RetentionRules rules{.audit = day};
  audit_rows(3, today - 10 * day);
  ASSERT_EQ(retain(rules), 3U);
  EXPECT_EQ(retain(rules, today + 10 * day), 0U);
  EXPECT_EQ(count("audit"), 1);
  audit_rows(1, today + day);
  EXPECT_EQ(retain(rules, today + 10 * day), 2U) << "with others it goes";
  EXPECT_EQ(told_rows(), 1);
  EXPECT_EQ(verify().fault, "");
}

TEST_F(Retention, ManyRowsThatOnlySayWhatWasRemovedGoForOne) {
  for (std::size_t i = 0; i < most_removed; ++i) {
    ASSERT_TRUE(eventually([&] { return store_->submit_audit(audit("retention_removed", today - 10 * day)); }));
  }
  audit_rows(1, today);
  const auto outcome = store_->remove_due({.audit = day}, today).value();
  EXPECT_EQ(outcome.removed, most_removed);
  EXPECT_EQ(outcome.fault, "");
  EXPECT_EQ(retain({.audit = day}), 0U);
  EXPECT_EQ(told_rows(), 1);
  EXPECT_EQ(verify().fault, "");
}

// ---- what others do to the file

class CutAudit : public Retention {
 protected:
  void SetUp() override {
    audit_rows(30, today - 10 * day);
    audit_rows(10, today - 2 * day);
    ASSERT_EQ(retain({.audit = 5 * day}), 30U);
    ASSERT_EQ(verify().fault, "");
  }
};

TEST_F(CutAudit, IsBrokenByACutThatWasChanged) {
  for (const auto* change :
       {"position = 31", "position = 29", "hash = zeroblob(32)", "hash = zeroblob(3)", "audit_id = audit_id - 1",
        "audit_id = 9999", "position = 31, hash = (SELECT hash FROM audit_chain WHERE position = 31)"}) {
    tamper("CREATE TABLE kept AS SELECT * FROM audit_cut");
    tamper(std::string("UPDATE audit_cut SET ") + change);
    const auto finding = verify();
    EXPECT_NE(finding.fault.find("the chain is said to begin"), std::string::npos) << change << ": " << finding.fault;
    EXPECT_NE(verify(35).fault, "") << change << ": a step behind the cut looks as well";
    tamper("DELETE FROM audit_cut; INSERT INTO audit_cut SELECT * FROM kept; DROP TABLE kept");
    EXPECT_EQ(verify().fault, "") << change;
  }
}

TEST_F(CutAudit, IsBrokenByACutThatWasTakenAway) {
  tamper("DELETE FROM audit_cut");
  const auto finding = verify();
  EXPECT_EQ(finding.position, 0U);
  EXPECT_EQ(finding.fault, "the rows after this position were removed, up to position 31");
}

TEST_F(CutAudit, IsBrokenByRowsThatSomebodyElseRemovedBehindIt) {
  tamper(
      "DELETE FROM audit WHERE id IN (SELECT audit_id FROM audit_chain WHERE position <= 35);"
      "UPDATE audit_cut SET position = 35, hash = (SELECT hash FROM audit_chain WHERE position = 35);"
      "DELETE FROM audit_chain WHERE position <= 35");
  EXPECT_NE(verify().fault.find("does not say so"), std::string::npos) << verify().fault;
}

TEST_F(CutAudit, IsBrokenByTheRemovalOfTheRowThatTellsIt) {
  tamper("DELETE FROM audit WHERE action = 'retention_removed'");
  EXPECT_NE(verify().fault.find("is not in it"), std::string::npos) << verify().fault;
}

TEST_F(CutAudit, IsBrokenByAnotherRowThatIsMadeToTellIt) {
  // The detail is as it should be, and the row is not the one that was written.
  tamper(
      "UPDATE audit SET action = 'retention_removed', detail = (SELECT detail FROM audit WHERE action = "
      "'retention_removed') WHERE id = 33; UPDATE audit_cut SET audit_id = 33");
  const auto finding = verify();
  EXPECT_EQ(finding.position, 32U);
  EXPECT_NE(finding.fault.find("audit row 33"), std::string::npos) << finding.fault;
}

TEST_F(CutAudit, IsNotCutFurtherWhereItIsNotWhatWasWritten) {
  tamper("UPDATE audit SET user_name = 'eve' WHERE id = 34");
  auto outcome = store_->remove_due({.audit = day}, today).value();
  EXPECT_EQ(outcome.removed, 3U) << "up to there";
  EXPECT_NE(outcome.fault.find("after position 33: the audit row 34"), std::string::npos) << outcome.fault;
  outcome = store_->remove_due({.audit = day}, today).value();
  EXPECT_EQ(outcome.removed, 0U);
  EXPECT_NE(outcome.fault.find("the audit row 34"), std::string::npos) << outcome.fault;
  EXPECT_NE(verify().fault.find("the audit row 34"), std::string::npos) << "it is still found";
}

TEST_F(CutAudit, IsNotCutFurtherWhereTheCutItselfWasChanged) {
  tamper("UPDATE audit_cut SET position = 34, hash = (SELECT hash FROM audit_chain WHERE position = 34)");
  const auto outcome = store_->remove_due({.audit = day}, today).value();
  EXPECT_EQ(outcome.removed, 0U);
  EXPECT_NE(outcome.fault, "");
  EXPECT_EQ(count("audit"), 11);
}

}  // namespace
}  // namespace gatehouse::store::testing
