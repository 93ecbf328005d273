// The audit's chain: over all rows, in the order of writing, and broken by whatever is done to them behind its back.
#include "store/audit_chain.h"

#include "store/schema.h"
#include "unit/store_fixture.h"

namespace gatehouse::store::testing {
namespace {

class Chain : public StoreTest {
 protected:
  // `count` rows, of all shapes, written by a store that is closed again.
  void write(int count) {
    const auto store = open();
    for (int i = 0; i < count; ++i) {
      auto row = audit(i % 2 == 0 ? "session_denied" : "policy_applied");
      if (i % 2 == 0) {
        row.reason = policy::Reason::policy_expired;
      } else {
        row.source.reset();
        row.destination.reset();
      }
      row.detail = std::string("b\0b'; --\xff", 9) + std::to_string(i);
      ASSERT_TRUE(store->write_audit(row));
    }
  }
  AuditFinding verify(std::uint64_t after = 0, std::size_t limit = 1'000) {
    return open()->verify_audit(after, 0, limit).value();
  }
  void tamper(const std::string& statement) { connect().exec(statement); }
};

TEST_F(Chain, OfAnUntouchedAuditIsWhole) {
  write(20);
  const auto finding = verify();
  EXPECT_EQ(finding.fault, "");
  EXPECT_TRUE(finding.complete);
  EXPECT_EQ(finding.position, 20U);
  EXPECT_EQ(finding.hash.size(), 64U);
}

TEST_F(Chain, GoesOnAfterAStartAndIsLookedAtInPieces) {
  write(5);
  const auto first = verify();
  write(5);
  auto finding = verify(0, 3);
  EXPECT_EQ(finding.position, 3U);
  EXPECT_FALSE(finding.complete);
  finding = verify(3, 2);
  EXPECT_EQ(finding.hash, first.hash) << "what was noted stays in the chain";
  finding = verify(5, 1'000);
  EXPECT_EQ(finding.position, 10U);
  EXPECT_EQ(finding.fault, "");
  EXPECT_TRUE(finding.complete);
}

TEST_F(Chain, CoversRowsInTheOrderOfWritingAndEachOnce) {
  {
    const auto store = open();
    auto early = audit("session_denied");
    early.id = store->next_audit_id();
    auto late = audit("session_denied");
    late.id = store->next_audit_id();
    ASSERT_TRUE(store->write_audit(late));
    ASSERT_TRUE(store->write_audit(early));
    ASSERT_TRUE(store->write_audit(early));
  }
  const auto finding = verify();
  EXPECT_EQ(finding.fault, "");
  EXPECT_EQ(finding.position, 2U);
}

TEST_F(Chain, IsBrokenByEachFieldThatIsChanged) {
  write(3);
  for (const auto* change :
       {"time = time + 1", "action = 'policy_applied'", "author = 'eve'", "user_name = 'eve'", "service_name = 'x'",
        "source = NULL", "source = zeroblob(16)", "source = zeroblob(3)", "destination = NULL, destination_port = NULL",
        "destination_port = 1", "reason = 0", "reason = -1", "session_id = 9", "detail = ''"}) {
    tamper("CREATE TABLE kept AS SELECT * FROM audit WHERE id = 1");
    tamper(std::string("UPDATE audit SET ") + change + " WHERE id = 1");
    const auto finding = verify();
    EXPECT_EQ(finding.position, 0U) << change;
    EXPECT_NE(finding.fault.find("audit row 1"), std::string::npos) << change << ": " << finding.fault;
    tamper("DELETE FROM audit WHERE id = 1; INSERT INTO audit SELECT * FROM kept; DROP TABLE kept");
    EXPECT_EQ(verify().fault, "") << change;
  }
}

TEST_F(Chain, IsBrokenByARowThatWasRemoved) {
  write(5);
  tamper("DELETE FROM audit WHERE id = 3");
  const auto finding = verify();
  EXPECT_EQ(finding.position, 2U);
  EXPECT_EQ(finding.fault, "the audit row 3 was removed");
}

TEST_F(Chain, IsBrokenByALinkThatWasRemovedWithItsRow) {
  write(5);
  tamper("DELETE FROM audit WHERE id = 3; DELETE FROM audit_chain WHERE position = 3");
  EXPECT_EQ(verify().position, 2U);
  EXPECT_NE(verify().fault, "");
}

TEST_F(Chain, IsBrokenByAnEndThatWasCutOff) {
  write(5);
  tamper("DELETE FROM audit WHERE id > 3; DELETE FROM audit_chain WHERE position > 3");
  const auto finding = verify();
  EXPECT_EQ(finding.position, 3U);
  EXPECT_EQ(finding.fault, "the rows after this position were removed");
}

TEST_F(Chain, IsBrokenByARowThatWasPutIn) {
  write(5);
  tamper(
      "INSERT INTO audit SELECT id + 100, time, action, author, user_name, service_name, source, destination, "
      "destination_port, reason, session_id, detail FROM audit WHERE id = 1");
  const auto finding = verify();
  EXPECT_EQ(finding.position, 5U);
  EXPECT_NE(finding.fault.find("101"), std::string::npos) << finding.fault;
}

TEST_F(Chain, IsComparedWithTheRowsInPiecesAsWell) {
  write(9);
  tamper(
      "INSERT INTO audit SELECT id + 100, time, action, author, user_name, service_name, source, destination, "
      "destination_port, reason, session_id, detail FROM audit WHERE id = 1");
  const auto store = open();
  auto finding = store->verify_audit(9, 0, 4).value();
  EXPECT_EQ(finding.position, 9U);
  EXPECT_EQ(finding.beside, 4U);
  EXPECT_FALSE(finding.complete);
  finding = store->verify_audit(9, finding.beside, 4).value();
  EXPECT_EQ(finding.beside, 8U);
  EXPECT_FALSE(finding.complete);
  EXPECT_EQ(finding.fault, "");
  finding = store->verify_audit(9, finding.beside, 4).value();
  EXPECT_TRUE(finding.complete);
  EXPECT_NE(finding.fault.find("101"), std::string::npos) << finding.fault;
  tamper("DELETE FROM audit WHERE id = 109 OR id = 101");
  finding = store->verify_audit(9, 8, 4).value();
  EXPECT_TRUE(finding.complete);
  EXPECT_EQ(finding.fault, "");
}

TEST_F(Chain, IsBrokenByRowsThatChangedPlaces) {
  write(5);
  tamper("UPDATE audit_chain SET audit_id = CASE audit_id WHEN 2 THEN 3 WHEN 3 THEN 2 ELSE audit_id END");
  EXPECT_EQ(verify().position, 1U);
  EXPECT_NE(verify().fault, "");
}

TEST_F(Chain, IsBrokenByAHeadThatWasMovedBack) {
  write(5);
  tamper("UPDATE audit_head SET position = 3, hash = (SELECT hash FROM audit_chain WHERE position = 3)");
  // The store goes on from there, and finds that place taken.
  const auto finding = verify();
  EXPECT_NE(finding.fault, "");
}

TEST_F(Chain, CoversTheRowsOfTheLayoutsBefore) {
  {
    auto database = open_database(file(), schema_steps().first(3));
    ASSERT_TRUE(database);
    for (int id = 1; id <= 3; ++id) {
      database->exec("INSERT INTO audit VALUES(" + std::to_string(id) +
                     ", 1700000000000, 'session_denied', '', 'bob', 'x', NULL, NULL, NULL, 5, 0, '')");
    }
  }
  const auto finding = verify();
  EXPECT_EQ(finding.fault, "");
  EXPECT_EQ(finding.position, 3U);
  tamper("UPDATE audit SET user_name = 'eve' WHERE id = 2");
  EXPECT_EQ(verify().position, 1U);
}

}  // namespace
}  // namespace gatehouse::store::testing
