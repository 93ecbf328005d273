// audit verify, and visits.
#include "unit/cli_command.h"

namespace gatehouse::cli {
namespace {

TEST_F(Command, AuditVerifyGoesOnToTheEndAndSaysWhatToNote) {
  int asked = 0;
  daemon().scripts["verify_audit"] = [&]() -> admin::Outcome {
    ++asked;
    return nlohmann::json{{"position", asked == 1 ? 10'000 : 10'005},
                          {"hash", asked == 1 ? "aa" : "bb"},
                          {"complete", asked == 2},
                          {"fault", nullptr}};
  };
  const auto outcome = run({"audit", "verify"});
  EXPECT_EQ(outcome.code, exit_ok) << outcome.err;
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(daemon().verified.after, 10'000U);
  EXPECT_THAT(outcome.out, HasSubstr("--at 10005 --hash bb"));
}

TEST_F(Command, AuditVerifyGoesOnBesideTheEndOfTheChain) {
  int asked = 0;
  daemon().scripts["verify_audit"] = [&]() -> admin::Outcome {
    ++asked;
    return nlohmann::json{
        {"position", 5}, {"hash", "aa"}, {"beside", asked * 10}, {"complete", asked == 3}, {"fault", nullptr}};
  };
  EXPECT_EQ(run({"audit", "verify", "--at", "5", "--hash", "aa"}).code, exit_ok);
  EXPECT_EQ(asked, 3);
  EXPECT_EQ(daemon().verified.after, 5U);
  EXPECT_EQ(daemon().verified.beside, 20U);
}

TEST_F(Command, AuditVerifyFailsWhereTheChainIsBroken) {
  answers("verify_audit", R"({"position": 7, "hash": "aa", "complete": true, "fault": "the audit row 9 was removed"})");
  const auto outcome = run({"audit", "verify"});
  EXPECT_EQ(outcome.code, exit_failed);
  EXPECT_THAT(outcome.err, HasSubstr("After position 7: the audit row 9 was removed"));
}

TEST_F(Command, AuditVerifyComparesWhatWasNoted) {
  answers("verify_audit", R"({"position": 5, "hash": "aa", "complete": true, "fault": null})");
  EXPECT_EQ(run({"audit", "verify", "--at", "5", "--hash", "aa"}).code, exit_ok);
  EXPECT_EQ(daemon().verified.limit, 5U) << "a step ends where something was noted";
  auto outcome = run({"audit", "verify", "--at", "5", "--hash", "ab"});
  EXPECT_EQ(outcome.code, exit_failed);
  EXPECT_THAT(outcome.err, HasSubstr("another hash was noted"));
  outcome = run({"audit", "verify", "--at", "6", "--hash", "aa"});
  EXPECT_EQ(outcome.code, exit_failed);
  EXPECT_THAT(outcome.err, HasSubstr("its end was cut off"));
  EXPECT_EQ(run({"audit", "verify", "--at", "5"}).code, exit_usage);
}

TEST_F(Command, AuditVerifySaysWhereRetentionHasLeftTheBeginning) {
  answers("verify_audit", R"({"position": 50, "hash": "aa", "cut": {"position": 30, "hash": "cc"}, "complete": true,
                              "fault": null})");
  auto outcome = run({"audit", "verify"});
  EXPECT_EQ(outcome.code, exit_ok) << outcome.err;
  EXPECT_THAT(outcome.out,
              HasSubstr("The audit is whole: 20 rows after position 30; those up to there were removed by"));
  EXPECT_THAT(outcome.out, HasSubstr("--at 50 --hash aa"));

  outcome = run({"audit", "verify", "--at", "29", "--hash", "dd"});
  EXPECT_EQ(outcome.code, exit_failed) << "nothing was compared";
  EXPECT_THAT(outcome.err, HasSubstr("was removed by retention"));
  EXPECT_THAT(outcome.err, Not(HasSubstr("not what was written")));
  EXPECT_THAT(outcome.out, HasSubstr("--at 50 --hash aa")) << "what to note instead";
  outcome = run({"audit", "verify", "--at", "29", "--hash", "dd", "--json"});
  EXPECT_EQ(outcome.code, exit_failed);
  EXPECT_THAT(outcome.out, HasSubstr("removed by retention"));
}

TEST_F(Command, AuditVerifyComparesWhatWasNotedOfTheLastRowThatWasRemoved) {
  int asked = 0;
  daemon().scripts["verify_audit"] = [&]() -> admin::Outcome {
    ++asked;
    return nlohmann::json{{"position", asked % 2 == 1 ? 30 : 50},
                          {"hash", asked % 2 == 1 ? "cc" : "aa"},
                          {"cut", {{"position", 30}, {"hash", "cc"}}},
                          {"complete", asked % 2 == 0},
                          {"fault", nullptr}};
  };
  auto outcome = run({"audit", "verify", "--at", "30", "--hash", "cc"});
  EXPECT_EQ(outcome.code, exit_ok) << outcome.err;
  EXPECT_EQ(asked, 2);
  outcome = run({"audit", "verify", "--at", "30", "--hash", "cd"});
  EXPECT_EQ(outcome.code, exit_failed);
  EXPECT_THAT(outcome.err, HasSubstr("another hash was noted"));
}

TEST_F(Command, AuditVerifySaysThatTheChainIsBrokenAlsoWhereWhatWasNotedIsGone) {
  answers("verify_audit", R"({"position": 40, "hash": "aa", "cut": {"position": 30, "hash": "cc"}, "complete": true,
                              "fault": "the audit row 41 was removed"})");
  const auto outcome = run({"audit", "verify", "--at", "29", "--hash", "dd"});
  EXPECT_EQ(outcome.code, exit_failed);
  EXPECT_THAT(outcome.err, HasSubstr("After position 40: the audit row 41 was removed"));
}

TEST_F(Command, AuditVerifyDoesNotGoInCircles) {
  answers("verify_audit", R"({"position": 0, "hash": "aa", "complete": false, "fault": null})");
  EXPECT_EQ(run({"audit", "verify"}).code, exit_failed);
}

TEST_F(Command, VisitsAreATable) {
  answers("visits", R"({"visits": [
    {"id": 2, "user": "bob", "source": "192.0.2.7", "started": "2026-11-23T08:00:00Z", "ended": null, "duration_seconds": 61,
     "sessions": 0, "end_reason": "open"},
    {"id": 1, "user": "b\u001b", "source": "192.0.2.8", "started": "2026-11-23T07:00:00Z", "ended": "2026-11-23T07:01:00Z",
     "duration_seconds": 60, "sessions": 3, "end_reason": "killed"}]})");
  const auto outcome = run({"visits", "--open", "--user", "bob & co", "--limit", "2"});
  EXPECT_EQ(outcome.code, exit_ok) << outcome.err;
  EXPECT_TRUE(daemon().visits_asked.only_open);
  EXPECT_EQ(daemon().visits_asked.user, "bob & co");
  EXPECT_EQ(daemon().visits_asked.limit, 2U);
  EXPECT_THAT(outcome.out, HasSubstr("b\\x1b"));
  EXPECT_THAT(outcome.out, HasSubstr("2026-11-23T07:01:00Z"));
  answers("visits", R"({"visits": []})");
  EXPECT_EQ(run({"visits"}).out, "No visits yet.\n");
}

}  // namespace
}  // namespace gatehouse::cli
