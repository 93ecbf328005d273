#include "policy/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "unit/policy_fixture.h"

namespace gatehouse::policy {
namespace {

using testing::HasSubstr;

// One user, one server, one service; the grants are each test's own.
std::string with_grants(const std::string& grants) {
  return R"(
pools: {main: [10.200.0.0/16, "2001:db8:f::/64"]}
users:
  alice: {sources: [192.0.2.7, "2001:db8:1::/64"]}
  bob: {active: false, sources: 192.0.2.8}
  everyone: {sources: 192.0.2.0/24}
servers:
  win1: {address: 198.51.100.1}
  old: {address: 198.51.100.2, active: false}
services:
  win1-rdp: {server: win1, proxy_ip: 10.200.0.1, port: 3389, kind: rdp}
  win1-ssh: {server: win1, proxy_ip: 10.200.0.1, port: 22, kind: relay, protocol: ssh}
  win1-six: {server: win1, proxy_ip: "2001:db8:f::1", port: 3389, kind: rdp}
  old-rdp: {server: old, proxy_ip: 10.200.0.2, port: 3389, kind: rdp}
grants:
)" + grants;
}

Decision rdp(const std::string& grants, const std::string& time = "2026-11-23T12:00:00Z") {
  // The decision points into the snapshot, which ends here: only its values are looked at.
  auto decision = decide(snapshot(with_grants(grants)), question("192.0.2.7", "10.200.0.1", 3389, time));
  decision.user = nullptr;
  decision.service = nullptr;
  decision.server = nullptr;
  decision.grant = nullptr;
  return decision;
}

TEST(Engine, AllowsWhatAGrantNames) {
  const auto snap = snapshot(with_grants("  g: {user: alice, server: win1}\n"));
  const auto decision = decide(snap, question("192.0.2.7", "10.200.0.1", 3389));
  EXPECT_TRUE(decision.allowed);
  EXPECT_EQ(decision.reason, Reason::allowed);
  EXPECT_EQ(decision.holds_until, std::nullopt);
  EXPECT_EQ(decision.ban_id, 0U);
  ASSERT_NE(decision.user, nullptr);
  EXPECT_EQ(decision.user->name, "alice");
  ASSERT_NE(decision.service, nullptr);
  EXPECT_EQ(decision.service->name, "win1-rdp");
  ASSERT_NE(decision.server, nullptr);
  EXPECT_EQ(decision.server->name, "win1");
  ASSERT_NE(decision.grant, nullptr);
  EXPECT_EQ(decision.grant->name, "g");
}

TEST(Engine, AServiceForATimeIsGoneAfterIt) {
  auto document = loaded(with_grants("  g: {user: alice, server: win1, end: 2026-12-01}\n"));
  const auto until = moment("2026-11-24T00:00:00Z");
  document.services.at("win1-rdp").until = until;
  const Snapshot snap{Policy::compile(document, 1), std::make_shared<const BanTable>(std::vector<Ban>())};
  const auto at = [&](const char* source, const char* time) {
    return decide(snap, question(source, "10.200.0.1", 3389, time));
  };
  EXPECT_TRUE(at("192.0.2.7", "2026-11-23T23:59:59.999Z").allowed);
  EXPECT_EQ(at("192.0.2.7", "2026-11-23T12:00:00Z").holds_until, until) << "not to the end of the grant";
  EXPECT_EQ(at("203.0.113.1", "2026-11-23T12:00:00Z").reason, Reason::unknown_source_ip);
  EXPECT_EQ(at("203.0.113.1", "2026-11-23T12:00:00Z").holds_until, until) << "then it is for another reason";
  EXPECT_EQ(at("192.0.2.7", "2026-11-24T00:00:00Z").reason, Reason::server_not_found);
  EXPECT_EQ(at("192.0.2.7", "2026-11-24T00:00:00Z").holds_until, std::nullopt);
  EXPECT_EQ(decide(snap, question("192.0.2.7", "10.200.0.1", 22)).holds_until, moment("2026-12-01T00:00:00Z"))
      << "another service of the same server";
}

TEST(Engine, TreatsBothFamiliesAsEquals) {
  const auto snap = snapshot(with_grants("  g: {user: alice, server: win1}\n"));
  EXPECT_TRUE(decide(snap, question("2001:db8:1::42", "2001:db8:f::1", 3389)).allowed);
  EXPECT_TRUE(decide(snap, question("::ffff:192.0.2.7", "::ffff:10.200.0.1", 3389)).allowed);
  EXPECT_EQ(decide(snap, question("2001:db8:2::42", "2001:db8:f::1", 3389)).reason, Reason::unknown_source_ip);
}

TEST(Engine, DeniesWithoutASnapshot) {
  const auto good = snapshot(with_grants("  g: {user: alice, server: win1}\n"));
  const auto asked = question("192.0.2.7", "10.200.0.1", 3389);
  for (const auto& snap : {Snapshot{}, Snapshot{good.policy, nullptr}, Snapshot{nullptr, good.bans}}) {
    Trace trace;
    const auto decision = decide(snap, asked, &trace);
    EXPECT_FALSE(decision.allowed);
    EXPECT_EQ(decision.reason, Reason::internal_error);
    EXPECT_EQ(trace.size(), 1U);
  }
}

TEST(Engine, DeniesByDefault) {
  const auto decision = rdp("  {}\n");
  EXPECT_FALSE(decision.allowed);
  EXPECT_EQ(decision.reason, Reason::no_matching_policy);
  EXPECT_EQ(decision.holds_until, std::nullopt);
}

TEST(Engine, DeniesAnAddressOrPortOrTransportWithoutAService) {
  const auto snap = snapshot(with_grants("  g: {user: alice, server: win1}\n"));
  EXPECT_EQ(decide(snap, question("192.0.2.7", "10.200.0.9", 3389)).reason, Reason::server_not_found);
  EXPECT_EQ(decide(snap, question("192.0.2.7", "10.200.0.1", 3390)).reason, Reason::server_not_found);
  auto udp = question("192.0.2.7", "10.200.0.1", 3389);
  udp.transport = Transport::udp;
  EXPECT_EQ(decide(snap, udp).reason, Reason::server_not_found);
  EXPECT_EQ(decide(snap, udp).service, nullptr);
}

TEST(Engine, DeniesAnInactiveServer) {
  const auto snap = snapshot(with_grants("  g: {user: alice, server: old}\n"));
  const auto decision = decide(snap, question("192.0.2.7", "10.200.0.2", 3389));
  EXPECT_EQ(decision.reason, Reason::server_not_found);
  EXPECT_EQ(decision.server->name, "old");
}

TEST(Engine, DeniesAnUnknownSource) {
  const auto snap = snapshot(with_grants("  g: {user: alice, server: win1}\n"));
  const auto decision = decide(snap, question("203.0.113.1", "10.200.0.1", 3389));
  EXPECT_EQ(decision.reason, Reason::unknown_source_ip);
  EXPECT_EQ(decision.user, nullptr);
}

TEST(Engine, DeniesAnInactiveUser) {
  const auto snap = snapshot(with_grants("  g: {user: bob, server: win1}\n"));
  const auto decision = decide(snap, question("192.0.2.8", "10.200.0.1", 3389));
  EXPECT_EQ(decision.reason, Reason::user_inactive);
  EXPECT_EQ(decision.user->name, "bob");
}

TEST(Engine, TakesTheUserWithTheLongestPrefixAndNoOther) {
  const auto snap = snapshot(with_grants("  g: {user: everyone, server: win1}\n"));
  EXPECT_TRUE(decide(snap, question("192.0.2.99", "10.200.0.1", 3389)).allowed);
  EXPECT_EQ(decide(snap, question("192.0.2.7", "10.200.0.1", 3389)).reason, Reason::no_matching_policy)
      << "alice has no grant, and is not everyone";
  EXPECT_EQ(decide(snap, question("192.0.2.8", "10.200.0.1", 3389)).reason, Reason::user_inactive);
}

TEST(Engine, TakesTheGrantOfAnyProtocolForEveryService) {
  const auto snap = snapshot(with_grants("  g: {user: alice, server: win1}\n"));
  EXPECT_TRUE(decide(snap, question("192.0.2.7", "10.200.0.1", 22)).allowed);
  EXPECT_TRUE(decide(snap, question("192.0.2.7", "10.200.0.1", 3389)).allowed);
}

TEST(Engine, DeniesAProtocolThatNoGrantNames) {
  const auto snap = snapshot(with_grants("  g: {user: alice, server: win1, protocol: rdp}\n"));
  EXPECT_TRUE(decide(snap, question("192.0.2.7", "10.200.0.1", 3389)).allowed);
  EXPECT_EQ(decide(snap, question("192.0.2.7", "10.200.0.1", 22)).reason, Reason::protocol_not_allowed);
}

TEST(Engine, AllowsFromTheStartAndDeniesFromTheEnd) {
  const std::string grants =
      "  g: {user: alice, server: win1, start: \"2026-11-23T12:00:00Z\", end: \"2026-11-23T13:00:00Z\"}\n";
  const auto before = rdp(grants, "2026-11-23T11:59:59.999Z");
  EXPECT_EQ(before.reason, Reason::not_yet_valid);
  EXPECT_EQ(before.holds_until, moment("2026-11-23T12:00:00Z"));
  const auto first = rdp(grants, "2026-11-23T12:00:00Z");
  EXPECT_TRUE(first.allowed);
  EXPECT_EQ(first.holds_until, moment("2026-11-23T13:00:00Z"));
  EXPECT_TRUE(rdp(grants, "2026-11-23T12:59:59.999Z").allowed);
  const auto end = rdp(grants, "2026-11-23T13:00:00Z");
  EXPECT_FALSE(end.allowed);
  EXPECT_EQ(end.reason, Reason::policy_expired);
  EXPECT_EQ(end.holds_until, std::nullopt);
}

TEST(Engine, HoldsUntilTheEndOfTheUnionOfPeriodsWithoutAGap) {
  EXPECT_EQ(rdp("  a: {user: alice, server: win1, end: 2026-12-01}\n"
                "  b: {user: alice, server: win1, start: 2026-12-01, end: 2027-01-01}\n")
                .holds_until,
            moment("2027-01-01"))
      << "the second begins the moment the first ends";
  EXPECT_EQ(rdp("  a: {user: alice, server: win1, end: 2026-12-01}\n"
                "  b: {user: alice, server: win1, start: \"2026-12-01T00:00:00.001Z\", end: 2027-01-01}\n")
                .holds_until,
            moment("2026-12-01"))
      << "a gap of a millisecond";
  EXPECT_EQ(rdp("  a: {user: alice, server: win1, end: 2026-12-01}\n"
                "  b: {user: alice, server: win1, start: 2026-11-30, end: 2027-01-01}\n"
                "  c: {user: alice, server: win1, start: 2026-12-15, end: 2027-02-01}\n"
                "  d: {user: alice, server: win1, start: 2027-01-20}\n")
                .holds_until,
            std::nullopt)
      << "a chain that ends in a grant without an end";
  EXPECT_EQ(rdp("  a: {user: alice, server: win1, end: 2026-12-01}\n"
                "  b: {user: alice, server: win1}\n")
                .holds_until,
            std::nullopt)
      << "not the earliest end: another grant still allows";
  EXPECT_EQ(rdp("  a: {user: alice, server: win1, end: 2026-12-01}\n"
                "  b: {user: alice, server: win1, protocol: ssh, end: 2027-01-01}\n")
                .holds_until,
            moment("2026-12-01"))
      << "a grant of another protocol carries nothing on";
  EXPECT_EQ(rdp("  a: {user: alice, server: win1, end: 2026-01-01}\n"
                "  b: {user: alice, server: win1, start: 2026-11-01, end: 2026-12-01}\n")
                .holds_until,
            moment("2026-12-01"))
      << "one that has ended does no harm";
}

TEST(Engine, NamesTheDenialByWhatTheGrantsLack) {
  EXPECT_EQ(rdp("  a: {user: alice, server: win1, protocol: ssh}\n").reason, Reason::protocol_not_allowed);
  EXPECT_EQ(rdp("  a: {user: alice, server: win1, end: 2026-01-01}\n").reason, Reason::policy_expired);
  EXPECT_EQ(rdp("  a: {user: alice, server: win1, protocol: ssh}\n"
                "  b: {user: alice, server: win1, protocol: rdp, end: 2026-01-01}\n")
                .reason,
            Reason::policy_expired);
  const auto later =
      rdp("  a: {user: alice, server: win1, end: 2026-01-01}\n"
          "  b: {user: alice, server: win1, start: 2027-02-01}\n"
          "  c: {user: alice, server: win1, start: 2027-01-01}\n"
          "  d: {user: alice, server: win1, protocol: ssh, start: 2026-12-01}\n");
  EXPECT_EQ(later.reason, Reason::not_yet_valid);
  EXPECT_EQ(later.holds_until, moment("2027-01-01")) << "the earliest start of the right protocol";
  EXPECT_EQ(rdp("  a: {user: everyone, server: win1}\n  b: {user: alice, server: old}\n").reason,
            Reason::no_matching_policy);
}

TEST(Engine, SelectsTheGrantThatEndsLastThenTheFirstByName) {
  const auto selected = [](const std::string& grants) {
    const auto snap = snapshot(with_grants(grants));
    return decide(snap, question("192.0.2.7", "10.200.0.1", 3389)).grant->name;
  };
  EXPECT_EQ(selected("  a: {user: alice, server: win1, end: 2026-12-01}\n"
                     "  b: {user: alice, server: win1, end: 2027-12-01}\n"),
            "b");
  EXPECT_EQ(selected("  a: {user: alice, server: win1, end: 2026-12-01}\n  z: {user: alice, server: win1}\n"), "z");
  EXPECT_EQ(selected("  n: {user: alice, server: win1}\n  m: {user: alice, server: win1}\n"), "m");
}

TEST(Engine, PutsABanBeforeEveryGrantAndEveryOtherReason) {
  const Ban network{7, Prefix::parse("192.0.2.0/24").value(), std::nullopt};
  const auto snap = snapshot(with_grants("  g: {user: alice, server: win1}\n"), {network});
  for (const auto& asked : {question("192.0.2.7", "10.200.0.1", 3389), question("192.0.2.8", "10.200.0.1", 3389),
                            question("192.0.2.7", "10.200.9.9", 1)}) {
    const auto decision = decide(snap, asked);
    EXPECT_FALSE(decision.allowed);
    EXPECT_EQ(decision.reason, Reason::banned_source);
    EXPECT_EQ(decision.ban_id, 7U);
    EXPECT_EQ(decision.holds_until, std::nullopt);
    EXPECT_EQ(decision.user, nullptr);
    EXPECT_EQ(decision.service, nullptr);
  }
  EXPECT_TRUE(decide(snap, question("2001:db8:1::42", "2001:db8:f::1", 3389)).allowed);
}

TEST(Engine, HoldsABanUntilTheLastOneThatCovers) {
  const Ban host{1, Prefix::parse("192.0.2.7").value(), moment("2026-11-24")};
  const Ban network{2, Prefix::parse("192.0.2.0/24").value(), moment("2026-11-25")};
  const auto snap = snapshot(with_grants("  g: {user: alice, server: win1}\n"), {host, network});
  const auto decision = decide(snap, question("192.0.2.7", "10.200.0.1", 3389));
  EXPECT_EQ(decision.ban_id, 1U);
  EXPECT_EQ(decision.holds_until, moment("2026-11-25"));
  EXPECT_EQ(decide(snap, question("192.0.2.7", "10.200.0.1", 3389, "2026-11-24")).ban_id, 2U);
  EXPECT_TRUE(decide(snap, question("192.0.2.7", "10.200.0.1", 3389, "2026-11-25")).allowed);
}

TEST(Engine, ExplainsEveryStepInPlainWords) {
  Trace trace;
  const auto snap =
      snapshot(with_grants("  early: {user: alice, server: win1, end: 2026-01-01}\n"
                           "  late: {user: alice, server: win1, start: 2026-12-01}\n"
                           "  shell: {user: alice, server: win1, protocol: ssh}\n"));
  const auto decision = decide(snap, question("192.0.2.7", "10.200.0.1", 3389), &trace);
  EXPECT_EQ(decision.reason, Reason::not_yet_valid);
  std::string text;
  for (const auto& step : trace) text += step.subject + (step.passed ? " + " : " - ") + step.finding + "\n";
  EXPECT_EQ(text,
            "ban + no ban covers 192.0.2.7\n"
            "service + 10.200.0.1:3389 is service win1-rdp (rdp)\n"
            "server + server win1 is active\n"
            "source + 192.0.2.7 is user alice by source 192.0.2.7\n"
            "user + user alice is active\n"
            "grant - grant late begins 2026-12-01T00:00:00Z\n"
            "grant - grant shell is for ssh, not for rdp\n"
            "grant - grant early ended 2026-01-01T00:00:00Z\n");
}

TEST(Engine, EndsTheExplanationWithTheStepThatFailed) {
  const auto last_step = [](const Snapshot& snap, const Question& asked) {
    Trace trace;
    const auto decision = decide(snap, asked, &trace);
    const auto without_trace = decide(snap, asked);
    EXPECT_EQ(decision.reason, without_trace.reason);
    EXPECT_EQ(trace.back().passed, decision.allowed);
    for (std::size_t i = 0; i + 1 < trace.size(); ++i) EXPECT_TRUE(trace[i].passed) << trace[i].finding;
    return trace.back().subject + ": " + trace.back().finding;
  };
  const auto snap = snapshot(with_grants("  g: {user: alice, server: win1, end: 2027-01-01}\n"),
                             {{3, Prefix::parse("192.0.2.66").value(), moment("2027-01-01")}});
  EXPECT_EQ(last_step(snap, question("192.0.2.66", "10.200.0.1", 3389)),
            "ban: 192.0.2.66 is banned by ban 3 of 192.0.2.66 until 2027-01-01T00:00:00Z");
  EXPECT_EQ(last_step(snap, question("192.0.2.7", "2001:db8:f::9", 1)),
            "service: no service stands on [2001:db8:f::9]:1 over tcp");
  EXPECT_EQ(last_step(snap, question("192.0.2.7", "10.200.0.2", 3389)), "server: server old is not active");
  EXPECT_EQ(last_step(snap, question("203.0.113.1", "10.200.0.1", 3389)), "source: no user has the source 203.0.113.1");
  EXPECT_EQ(last_step(snap, question("192.0.2.8", "10.200.0.1", 3389)), "user: user bob is not active");
  EXPECT_EQ(last_step(snap, question("192.0.2.9", "10.200.0.1", 3389)), "grant: no grant lets everyone reach win1");
  EXPECT_EQ(last_step(snap, question("192.0.2.7", "10.200.0.1", 3389)),
            "grant: grant g allows rdp until 2027-01-01T00:00:00Z");
}

}  // namespace
}  // namespace gatehouse::policy
