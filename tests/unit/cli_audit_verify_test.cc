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
