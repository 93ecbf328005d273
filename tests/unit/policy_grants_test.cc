// What a grant can ask for, which grant counts, and until when: one user in a group, one server in a group.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "unit/policy_fixture.h"

namespace gatehouse::policy {
namespace {

using testing::HasSubstr;

std::string policy_with(const std::string& sections) {
  return R"(
pools: {main: 10.200.0.0/16}
users:
  alice: {sources: [192.0.2.7, 198.18.0.0/24]}
  bob: {sources: 192.0.2.8}
user_groups:
  admins: {users: alice}
  staff: {groups: admins, users: bob}
servers:
  win1: {address: 198.51.100.1}
  win2: {address: 198.51.100.2}
server_groups:
  windows: {servers: [win1, win2]}
  all: {groups: windows}
services:
  win1-rdp: {server: win1, proxy_ip: 10.200.0.1, port: 3389, kind: rdp}
  win1-ssh: {server: win1, proxy_ip: 10.200.0.1, port: 22, kind: relay, protocol: ssh}
  win2-rdp: {server: win2, proxy_ip: 10.200.0.2, port: 3389, kind: rdp}
schedules:
  office: {zone: Europe/Warsaw, rules: [{weekdays: [mon-fri], time: "08:00-18:00"}]}
  evening: {zone: Europe/Warsaw, rules: [{weekdays: [mon-fri], time: "18:00-22:00"}]}
  night: {zone: Europe/Warsaw, rules: [{time: "22:00-06:00"}]}
  always: {zone: UTC, rules: [{}]}
)" + sections;
}

// A Monday in winter, 13:00 in Warsaw.
constexpr const char* monday_noon = "2026-11-23T12:00:00Z";

struct Answer {
  bool allowed = false;
  Reason reason = Reason::internal_error;
  std::optional<WallTime> holds_until;
  std::optional<WallTime> grant_until;
  std::string grant;
};

Answer answer(const std::string& sections, const Question& asked) {
  const auto snap = snapshot(policy_with(sections));
  const auto decision = decide(snap, asked);
  Trace trace;
  const auto traced = decide(snap, asked, &trace);
  EXPECT_EQ(decision.reason, traced.reason);
  EXPECT_EQ(decision.holds_until, traced.holds_until);
  EXPECT_EQ(decision.grant, traced.grant);
  EXPECT_EQ(trace.back().passed, decision.allowed) << trace.back().finding;
  return {decision.allowed, decision.reason, decision.holds_until, decision.grant_until,
          decision.grant != nullptr ? decision.grant->name : ""};
}

// Alice to win1 over RDP.
Answer alice(const std::string& grants, const std::string& time = monday_noon) {
  return answer("grants:\n" + grants, question("192.0.2.7", "10.200.0.1", 3389, time));
}

TEST(Grants, ReachAServerByItsNameItsServiceOrAnyGroupItIsIn) {
  for (const char* target : {"server: win1", "service: win1-rdp", "server_group: windows", "server_group: all"}) {
    for (const char* subject : {"user: alice", "user_group: admins", "user_group: staff"}) {
      EXPECT_TRUE(alice(std::string("  g: {") + subject + ", " + target + "}\n").allowed) << subject << ", " << target;
    }
  }
  EXPECT_EQ(alice("  g: {user: alice, service: win1-ssh}\n").reason, Reason::no_matching_policy);
  EXPECT_EQ(alice("  g: {user: alice, server: win2}\n").reason, Reason::no_matching_policy);
  EXPECT_EQ(
      answer("grants: {g: {user_group: admins, server: win1}}\n", question("192.0.2.8", "10.200.0.1", 3389)).reason,
      Reason::no_matching_policy)
      << "bob is in the group above, not in this one";
}

TEST(Grants, ToTheUserHimselfPutThoseOfHisGroupsAside) {
  const auto both = alice(
      "  direct: {user: alice, server_group: all, end: 2026-12-01}\n"
      "  group: {user_group: staff, service: win1-rdp}\n");
  EXPECT_EQ(both.grant, "direct") << "also where the group's is more specific and ends later";
  EXPECT_EQ(alice("  direct: {user: alice, server: win1, schedules: night}\n"
                  "  group: {user_group: staff, server: win1}\n")
                .reason,
            Reason::outside_schedule)
      << "its schedule does not let the group in again";
  for (const char* lacking :
       {"protocol: ssh", "sources: 198.18.0.0/24", "active: false", "end: 2026-01-01", "start: 2027-01-01"}) {
    EXPECT_EQ(alice(std::string("  direct: {user: alice, server: win1, ") + lacking +
                    "}\n  group: {user_group: staff, server: win1}\n")
                  .grant,
              "group")
        << "one that does not match puts nothing aside: " << lacking;
  }
}

TEST(Grants, AreChosenByTheMostSpecificTargetThenTheLatestEndThenTheName) {
  EXPECT_EQ(alice("  a: {user: alice, server_group: all}\n"
                  "  b: {user: alice, server_group: windows}\n"
                  "  c: {user: alice, server: win1, end: 2026-12-01}\n"
                  "  d: {user: alice, service: win1-rdp, end: 2026-11-24}\n")
                .grant,
            "d");
  EXPECT_EQ(alice("  a: {user: alice, server_group: all}\n  b: {user: alice, server_group: windows, end: 2026-12-01}\n")
                .grant,
            "b");
  EXPECT_EQ(alice("  a: {user: alice, server: win1, end: 2026-12-01}\n"
                  "  b: {user: alice, server: win1, end: 2026-12-02}\n")
                .grant,
            "b");
  EXPECT_EQ(alice("  b: {user_group: staff, server: win1}\n  a: {user_group: admins, server: win1}\n").grant, "a");
}

TEST(Grants, ExplainWhichOneCountsAndWhyTheOthersDoNot) {
  Trace trace;
  auto asked = question("192.0.2.7", "10.200.0.1", 3389, monday_noon);
  asked.login = "root";
  asked.open_sessions = 2;
  const auto snap = snapshot(policy_with(R"(
grants:
  a: {user: alice, service: win1-rdp, schedules: night}
  b: {user: alice, service: win1-rdp, logins: [alice]}
  c: {user: alice, service: win1-rdp, session_limit: 2}
  d: {user: alice, server: win1, schedules: office, end: 2026-12-01}
  e: {user: alice, server: win1, end: 2026-11-24}
  f: {user: alice, server_group: all}
  g: {user: alice, server: win1, sources: 198.18.0.0/24}
  h: {user: alice, server: win1, active: false}
  i: {user_group: staff, server: win1}
)"));
  EXPECT_EQ(decide(snap, asked, &trace).grant->name, "d");
  std::string text;
  for (const auto& step : trace) {
    if (step.subject == "grant") text += std::string(step.passed ? "+ " : "- ") + step.finding + "\n";
  }
  EXPECT_EQ(text,
            "- grant a is closed by its schedules, not to open before 2026-11-23T21:00:00Z\n"
            "- grant b does not allow the login root\n"
            "- grant c allows 2 sessions, 2 are open\n"
            "- grant g is not for connections from 192.0.2.7\n"
            "- grant h is revoked\n"
            "+ grant e allows rdp until 2026-11-24T00:00:00Z, but another ends later\n"
            "+ grant f allows rdp for ever, but another is for less than this one\n"
            "- grant i to group staff does not count: a grant to alice matches\n"
            "+ grant d allows rdp by its schedules until 2026-11-23T17:00:00Z, and as a whole until "
            "2026-12-01T00:00:00Z\n");
}

TEST(Grants, CarryWhatTheGateNeeds) {
  const auto snap = snapshot(policy_with(R"(
grants:
  g: {user: alice, server: win1, idle_timeout: 10m, recording: off, channels: [clipboard, audio]}
  h: {user: bob, server: win1}
)"));
  const auto first = decide(snap, question("192.0.2.7", "10.200.0.1", 3389));
  EXPECT_EQ(first.idle_timeout, std::chrono::minutes(10));
  EXPECT_EQ(first.recording, Recording::off);
  EXPECT_TRUE(holds(first.channels, Channel::clipboard));
  EXPECT_FALSE(holds(first.channels, Channel::drives));
  const auto second = decide(snap, question("192.0.2.8", "10.200.0.1", 3389));
  EXPECT_EQ(second.idle_timeout, std::nullopt) << "the service's own";
  EXPECT_EQ(second.recording, Recording::as_configured) << "unless the grant says otherwise";
  EXPECT_EQ(second.channels, 0U);
}

// --- The codes ---

TEST(Denials, AreNamedByWhatTheNearestGrantLacks) {
  EXPECT_EQ(alice("  g: {user: alice, server: win1, protocol: ssh}\n").reason, Reason::protocol_not_allowed);
  EXPECT_EQ(alice("  g: {user: alice, server: win1, sources: 198.18.0.0/24}\n").reason, Reason::wrong_source_ip);
  EXPECT_EQ(alice("  g: {user_group: staff, server: win1, sources: 198.18.0.0/24}\n").reason, Reason::wrong_source_ip)
      << "also of a grant to a group";
  EXPECT_EQ(alice("  g: {user: alice, server: win1, active: false}\n").reason, Reason::access_revoked);
  EXPECT_EQ(alice("  g: {user: alice, server: win1, end: 2026-01-01}\n").reason, Reason::policy_expired);
  EXPECT_EQ(alice("  g: {user: alice, server: win1, start: 2027-01-01}\n").reason, Reason::not_yet_valid);
  const auto closed = alice("  g: {user: alice, server: win1, schedules: [night, evening]}\n");
  EXPECT_EQ(closed.reason, Reason::outside_schedule);
  EXPECT_EQ(closed.holds_until, moment("2026-11-23T17:00:00Z"));
}

TEST(Denials, ForALoginOrASessionTooManyHoldForNoMoment) {
  auto asked = question("192.0.2.7", "10.200.0.1", 3389);
  const std::string grants = "grants: {g: {user: alice, server: win1, logins: [alice, svc], session_limit: 1}}\n";
  EXPECT_TRUE(answer(grants, asked).allowed) << "neither is known yet";
  asked.login = "root";
  EXPECT_EQ(answer(grants, asked).reason, Reason::login_not_allowed);
  EXPECT_EQ(answer(grants, asked).holds_until, asked.time);
  asked.login = "svc";
  EXPECT_TRUE(answer(grants, asked).allowed);
  asked.open_sessions = 0;
  EXPECT_TRUE(answer(grants, asked).allowed);
  asked.open_sessions = 1;
  EXPECT_EQ(answer(grants, asked).reason, Reason::session_limit);
  EXPECT_EQ(answer(grants, asked).holds_until, asked.time);
  EXPECT_TRUE(answer(grants + "", question("192.0.2.7", "10.200.0.1", 3389)).allowed);
}

TEST(Denials, ByARuleBeatEveryGrant) {
  const std::string grants = "grants: {g: {user: alice, service: win1-rdp}}\ndenials:\n";
  const auto asked = question("192.0.2.7", "10.200.0.1", 3389);
  for (const char* rule :
       {"user: alice", "user_group: staff", "server: win1", "server_group: all", "service: win1-rdp", "protocol: rdp",
        "sources: 192.0.2.0/24", "user: alice, server: win1, protocol: rdp, sources: 192.0.2.7, schedules: office"}) {
    const auto denied = answer(grants + "  d: {" + rule + "}\n", asked);
    EXPECT_EQ(denied.reason, Reason::denied_by_rule) << rule;
  }
  for (const char* rule :
       {"user: bob", "user_group: admins, server: win2", "service: win1-ssh", "protocol: ssh", "sources: 198.18.0.0/24",
        "user: alice, end: 2026-01-01", "user: alice, schedules: night", "user: alice, logins: root"}) {
    EXPECT_TRUE(answer(grants + "  d: {" + rule + "}\n", asked).allowed) << rule;
  }
}

TEST(Denials, ByARuleHoldUntilTheLastOneEndsAndEndWhatTheyWillCover) {
  const std::string grants = "grants: {g: {user: alice, server: win1}}\ndenials:\n";
  const auto asked = question("192.0.2.7", "10.200.0.1", 3389);
  EXPECT_EQ(answer(grants + "  a: {user: alice, end: 2026-11-24}\n  b: {server: win1, start: 2026-11-23, end: "
                            "\"2026-11-25T12:00:00Z\"}\n",
                   asked)
                .holds_until,
            moment("2026-11-25T12:00:00Z"));
  EXPECT_EQ(answer(grants + "  a: {user: alice}\n", asked).holds_until, std::nullopt);
  EXPECT_EQ(answer(grants + "  a: {user: alice, schedules: night}\n", asked).holds_until,
            moment("2026-11-23T21:00:00Z"))
      << "allowed until the rule begins";
  auto root = asked;
  root.login = "root";
  const auto of_login = answer(grants + "  a: {user: alice, logins: root}\n", root);
  EXPECT_EQ(of_login.reason, Reason::denied_by_rule);
  EXPECT_EQ(of_login.holds_until, asked.time) << "another login may pass";
}

TEST(Denials, NameTheMostSpecificRule) {
  const auto snap =
      snapshot(policy_with("grants: {g: {user: alice, server: win1}}\n"
                           "denials: {a: {protocol: rdp}, b: {server_group: all}, c: {service: win1-rdp, reason: "
                           "broken}, d: {user: alice}}\n"));
  Trace trace;
  const auto decision = decide(snap, question("192.0.2.7", "10.200.0.1", 3389), &trace);
  ASSERT_NE(decision.denial, nullptr);
  EXPECT_EQ(decision.denial->name, "c");
  EXPECT_EQ(trace.back().finding, "rule c denies it for ever (broken)");
}

// --- Until when: the faults of the system that this one replaces ---

TEST(HoldsUntil, ClosesAPermanentGrantWithItsSchedule) {
  EXPECT_EQ(alice("  g: {user: alice, server: win1, schedules: office}\n").holds_until, moment("2026-11-23T17:00:00Z"));
}

TEST(HoldsUntil, EndsAnOvernightWindowOnTheNextDayAlsoWhenAskedBeforeMidnight) {
  const auto evening = alice("  g: {user: alice, server: win1, schedules: night}\n", "2026-11-23T22:00:00Z");
  EXPECT_TRUE(evening.allowed);
  EXPECT_EQ(evening.holds_until, moment("2026-11-24T05:00:00Z"));
}

TEST(HoldsUntil, IsTheLatestMomentAnyGrantReachesNotTheEarliest) {
  const auto held = alice(
      "  a: {user: alice, server: win1, schedules: office}\n"
      "  b: {user: alice, server: win1, schedules: evening}\n"
      "  c: {user: alice, server: win1, start: \"2026-11-23T20:30:00Z\", end: \"2026-11-23T23:30:00Z\"}\n"
      "  d: {user: alice, server: win1, end: \"2026-11-23T13:00:00Z\"}\n");
  EXPECT_EQ(held.grant, "a") << "of those that match the one that ends last";
  EXPECT_EQ(held.holds_until, moment("2026-11-23T23:30:00Z")) << "office, then evening, then c, without a gap";
  EXPECT_EQ(held.grant_until, moment("2026-11-23T17:00:00Z")) << "a's own";
}

TEST(HoldsUntil, TestsAnOvernightWindowAfterMidnightAgainstTheDayItBeganOn) {
  const std::string night = "schedules: [fridays]}}\nmaintenance: {}\n";
  const std::string text = policy_with("grants: {g: {user: alice, server: win1, " + night);
  auto with_schedule = text;
  with_schedule.replace(with_schedule.find("  office:"), 0,
                        "  fridays: {zone: Europe/Warsaw, rules: [{weekdays: fri, time: \"22:00-06:00\"}]}\n");
  const auto snap = snapshot(with_schedule);
  const auto saturday = decide(snap, question("192.0.2.7", "10.200.0.1", 3389, "2026-11-28T01:00:00Z"));
  EXPECT_TRUE(saturday.allowed) << "Saturday 02:00, the night of Friday";
  EXPECT_EQ(saturday.holds_until, moment("2026-11-28T05:00:00Z"));
  const auto friday = decide(snap, question("192.0.2.7", "10.200.0.1", 3389, "2026-11-27T01:00:00Z"));
  EXPECT_EQ(friday.reason, Reason::outside_schedule) << "Friday 02:00, the night of Thursday";
  EXPECT_EQ(friday.holds_until, moment("2026-11-27T21:00:00Z"));
}

TEST(HoldsUntil, StopsWhereADirectGrantBeginsToPutTheGroupsAside) {
  EXPECT_EQ(alice("  group: {user_group: staff, server: win1}\n"
                  "  direct: {user: alice, server: win1, start: \"2026-11-23T14:00:00Z\", schedules: night}\n")
                .holds_until,
            moment("2026-11-23T14:00:00Z"));
  EXPECT_EQ(alice("  group: {user_group: staff, server: win1}\n"
                  "  direct: {user: alice, server: win1, start: \"2026-11-23T14:00:00Z\", schedules: office}\n")
                .holds_until,
            moment("2026-11-23T17:00:00Z"));
  const auto denied = alice(
      "  group: {user_group: staff, server: win1}\n"
      "  direct: {user: alice, server: win1, schedules: night, end: \"2026-11-23T15:00:00Z\"}\n");
  EXPECT_EQ(denied.reason, Reason::outside_schedule);
  EXPECT_EQ(denied.holds_until, moment("2026-11-23T15:00:00Z")) << "then the group's grant counts again";
  EXPECT_EQ(alice("  group: {user_group: staff, server: win1}\n"
                  "  direct: {user: alice, server: win1, schedules: office, end: \"2026-11-23T15:00:00Z\"}\n")
                .holds_until,
            std::nullopt)
      << "the group's goes on where the direct one ends";
}

// --- Maintenance ---

TEST(Maintenance, TurnsAwayFromItsGraceToItsEndButForThoseWhoAreExempt) {
  const std::string sections =
      "grants: {a: {user: alice, server: win1}, b: {user: bob, server: win1}}\n"
      "maintenance: {m: {gate: true, start: \"2026-11-23T20:00:00Z\", end: \"2026-11-23T22:00:00Z\", grace: 30m, "
      "exempt_user_groups: admins}}\n";
  const auto bob = [&](const std::string& time) {
    return answer(sections, question("192.0.2.8", "10.200.0.1", 3389, time));
  };
  EXPECT_EQ(bob(monday_noon).holds_until, moment("2026-11-23T20:00:00Z")) << "his session may live until it begins";
  EXPECT_TRUE(bob("2026-11-23T19:29:59.999Z").allowed);
  EXPECT_EQ(bob("2026-11-23T19:30:00Z").reason, Reason::maintenance_grace_period);
  EXPECT_EQ(bob("2026-11-23T19:30:00Z").holds_until, moment("2026-11-23T22:00:00Z"));
  EXPECT_EQ(bob("2026-11-23T20:00:00Z").reason, Reason::gate_maintenance);
  EXPECT_EQ(bob("2026-11-23T21:59:59.999Z").reason, Reason::gate_maintenance);
  EXPECT_TRUE(bob("2026-11-23T22:00:00Z").allowed);
  auto live = question("192.0.2.8", "10.200.0.1", 3389, "2026-11-23T19:45:00Z");
  live.live = true;
  EXPECT_TRUE(answer(sections, live).allowed) << "the grace ends no session";
  EXPECT_EQ(answer(sections, live).holds_until, moment("2026-11-23T20:00:00Z"));
  const auto exempt = answer(sections, question("192.0.2.7", "10.200.0.1", 3389, "2026-11-23T21:00:00Z"));
  EXPECT_TRUE(exempt.allowed);
  EXPECT_EQ(exempt.holds_until, std::nullopt);
}

TEST(Maintenance, OfAServerOrAGroupConcernsItAlone) {
  const std::string sections =
      "grants: {a: {user: alice, server_group: all}}\n"
      "maintenance:\n"
      "  m: {server: win1, start: 2026-11-23, end: 2026-11-24}\n"
      "  n: {server_group: all, start: 2026-11-24, end: 2026-11-25, grace: 1h}\n";
  const auto first = answer(sections, question("192.0.2.7", "10.200.0.1", 3389));
  EXPECT_EQ(first.reason, Reason::backend_maintenance);
  EXPECT_EQ(first.holds_until, moment("2026-11-25")) << "one follows on the other";
  EXPECT_EQ(answer(sections, question("192.0.2.7", "10.200.0.2", 3389)).holds_until, moment("2026-11-24"));
}

}  // namespace
}  // namespace gatehouse::policy
