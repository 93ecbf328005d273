// The loader and what decides over users and servers: groups, schedules, maintenance, grants and denials.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "unit/policy_fixture.h"

namespace gatehouse::policy {
namespace {

using testing::HasSubstr;

TEST(Loader, ReadsEveryKeyOfGroupsSchedulesMaintenanceGrantsAndDenials) {
  const auto document = loaded(R"(
pools: {p: 10.200.0.0/24}
users: {alice: {}, bob: {}}
servers: {win1: {address: 198.51.100.1}}
services: {win1-rdp: {server: win1, proxy_ip: 10.200.0.1, port: 3389, kind: rdp}}
grants:
  staff-windows:
    user_group: staff
    server_group: windows
    active: false
    sources: [10.1.0.0/16, 10.0.0.1]
    schedules: [nights, office]
    logins: [svc, Administrator]
    idle_timeout: 15m
    session_limit: 3
    recording: best_effort
    channels: [clipboard, audio]
    dynamic_channels: [Contoso::Meeting, "Contoso::Whiteboard*", Contoso::Meeting]
  staff-rdp: {user_group: staff, service: win1-rdp, channels: all}
user_groups:
  staff: {description: everybody, users: [bob, alice], groups: admins}
  admins: {}
server_groups:
  windows: {servers: win1, groups: [old]}
  old: {description: to be replaced}
schedules:
  office: {zone: Europe/Warsaw, description: in the office, rules: [{weekdays: [mon-fri], time: "08:00-18:00"}]}
  nights: {zone: UTC, rules: [{days: 1, months: [jan-mar, 12], time: "22:00-06:00"}, {}]}
maintenance:
  disks: {gate: true, start: 2026-12-01, end: 2026-12-02, grace: 30m, exempt_users: bob, exempt_user_groups: [admins], reason: new disks}
  win1: {server: win1, start: 2026-12-01, end: 2026-12-02}
denials:
  no-root: {protocol: ssh, logins: root, reason: use your own}
  bob-out: {user: bob, sources: 192.0.2.0/24, start: 2026-12-01, end: 2026-12-02, schedules: office}
)");
  const auto& full = document.grants.at("staff-windows");
  EXPECT_EQ(full.user_group, "staff");
  EXPECT_EQ(full.server_group, "windows");
  EXPECT_FALSE(full.active);
  EXPECT_EQ(full.sources.size(), 2U);
  EXPECT_TRUE(std::is_sorted(full.sources.begin(), full.sources.end()));
  EXPECT_THAT(full.schedules, testing::ElementsAre("nights", "office"));
  EXPECT_THAT(full.logins, testing::ElementsAre("Administrator", "svc"));
  EXPECT_EQ(full.idle_timeout, std::chrono::minutes(15));
  EXPECT_EQ(full.session_limit, 3U);
  EXPECT_EQ(full.recording, Recording::best_effort);
  EXPECT_EQ(full.channels,
            whole_channels(static_cast<Channels>(Channel::clipboard) | static_cast<Channels>(Channel::audio)));
  EXPECT_THAT(full.dynamic_channels, testing::ElementsAre("Contoso::Meeting", "Contoso::Whiteboard*"));
  const auto& plain = document.grants.at("staff-rdp");
  EXPECT_EQ(plain.service, "win1-rdp");
  EXPECT_EQ(plain.channels, all_channels);
  EXPECT_TRUE(plain.active);
  EXPECT_EQ(plain.recording, Recording::as_configured);
  EXPECT_EQ(plain.session_limit, std::nullopt);
  EXPECT_THAT(document.user_groups.at("staff").users, testing::ElementsAre("alice", "bob"));
  EXPECT_THAT(document.user_groups.at("staff").groups, testing::ElementsAre("admins"));
  EXPECT_EQ(document.server_groups.at("old").description, "to be replaced");
  const auto& night = document.schedules.at("nights").rules.front();
  EXPECT_EQ(night.days, 2U);
  EXPECT_EQ(night.months, 0x100eU);
  EXPECT_TRUE(night.overnight());
  EXPECT_TRUE(document.maintenance.at("disks").of_gate());
  EXPECT_EQ(document.maintenance.at("disks").grace, std::chrono::minutes(30));
  EXPECT_EQ(document.maintenance.at("win1").server, "win1");
  EXPECT_THAT(document.denials.at("no-root").logins, testing::ElementsAre("root"));
  EXPECT_EQ(document.denials.at("bob-out").end, moment("2026-12-02"));
  EXPECT_EQ(loaded(to_yaml(document)), document) << to_yaml(document);
}

TEST(Loader, NamesEachCircleOfGroupsOnce) {
  const auto text =
      faults("user_groups:\n  a: {groups: b}\n  b: {groups: a}\n  c: {groups: [a, d]}\n  d: {groups: d}\n  e: {}\n");
  EXPECT_EQ(text,
            "policy.yaml:2: user group a is part of itself: a > b > a: take one of these groups out of the other\n"
            "policy.yaml:5: user group d is part of itself: d > d: take one of these groups out of the other\n");
}

struct RuleFaultCase {
  const char* title;
  const char* text;
  const char* expected;  // the beginning of one line of the faults
};

void PrintTo(const RuleFaultCase& fault, std::ostream* out) {
  *out << fault.title;
}

class RuleFault : public testing::TestWithParam<RuleFaultCase> {};

TEST_P(RuleFault, IsListedWithItsLineAndItsMend) {
  const auto document = load({{"policy.yaml", GetParam().text}});
  ASSERT_FALSE(document);
  EXPECT_THAT(document.error().text(), HasSubstr(GetParam().expected));
  for (const auto& issue : document.error().list()) {
    EXPECT_GT(issue.line, 0) << issue.text();
    EXPECT_FALSE(issue.mend.empty()) << issue.text();
  }
}

const std::vector<RuleFaultCase> rule_fault_cases{
    {"GrantToTwo", "grants:\n  g: {user: a, user_group: b}\n",
     "policy.yaml:2: grant g has both 'user' and 'user_group': keep one of them"},
    {"GrantForTwo", "grants:\n  g:\n    server: a\n    service: b\n",
     "policy.yaml:4: grant g has both 'server' and 'service'"},
    {"GrantDanglingUserGroup", "grants:\n  g:\n    user_group: nobody\n",
     "policy.yaml:3: grant g: there is no user group 'nobody': add it under user_groups"},
    {"GrantDanglingServerGroup", "grants:\n  g:\n    server_group: nowhere\n",
     "policy.yaml:3: grant g: there is no server group 'nowhere'"},
    {"GrantDanglingService", "grants:\n  g:\n    service: nothing\n",
     "policy.yaml:3: grant g: there is no service 'nothing'"},
    {"GrantDanglingSchedule", "grants:\n  g:\n    schedules:\n      - never\n",
     "policy.yaml:4: grant g: there is no schedule 'never'"},
    {"GrantScheduleTwice", "schedules: {s: {zone: UTC, rules: [{}]}}\ngrants:\n  g: {schedules: [s, s]}\n",
     "policy.yaml:3: grant g, schedules: 's' comes twice"},
    {"GrantEmptySchedules", "grants:\n  g:\n    schedules: []\n",
     "policy.yaml:3: grant g, schedules: is empty: name at least one"},
    {"GrantNullSources", "grants:\n  g:\n    sources:\n", "grant g, sources: is empty: name at least one"},
    {"GrantEmptyLogins", "grants:\n  g: {logins: []}\n", "policy.yaml:2: grant g, logins: is empty"},
    {"GrantEmptyLogin", "grants:\n  g: {logins: ['']}\n",
     "policy.yaml:2: grant g, logins: an entry is empty: write a value there, or take it out"},
    {"GrantLoginTwice", "grants:\n  g: {logins: [a, a]}\n", "policy.yaml:2: grant g, logins: 'a' comes twice"},
    {"GrantBadSource", "grants:\n  g: {sources: [10.0.0.0/33]}\n",
     "policy.yaml:2: grant g, sources: '10.0.0.0/33' has no usable prefix length"},
    {"GrantSourceTwice", "grants:\n  g: {sources: [10.0.0.1, 10.0.0.1]}\n",
     "policy.yaml:2: grant g: source 10.0.0.1 comes twice"},
    {"GrantBadIdleTimeout", "grants:\n  g: {idle_timeout: 1M2d}\n",
     "policy.yaml:2: grant g, idle_timeout: '1M2d' is not a duration"},
    {"GrantNoSessions", "grants:\n  g: {session_limit: 0}\n",
     "policy.yaml:2: grant g, session_limit: '0' is not a number of sessions"},
    {"GrantBadSessions", "grants:\n  g: {session_limit: 3x}\n", "policy.yaml:2: grant g, session_limit: '3x'"},
    {"GrantBadRecording", "grants:\n  g: {recording: maybe}\n",
     "policy.yaml:2: grant g, recording: 'maybe' is no way to record: write required, best_effort or off"},
    {"GrantRecordBesideRecording", "grants:\n  g: {recording: required, record: false}\n",
     "policy.yaml:2: grant g, record: stands beside recording: keep recording alone"},
    {"GrantBadRecord", "grants:\n  g: {record: maybe}\n",
     "policy.yaml:2: grant g, record: 'maybe' is neither true nor false"},
    {"GrantBadChannel", "grants:\n  g: {channels: [clipboard, telepathy]}\n",
     "policy.yaml:2: grant g, channels: 'telepathy' is not a channel"},
    {"GrantDynamicChannelNotOne", "grants:\n  g: {dynamic_channels: ['a b']}\n",
     "policy.yaml:2: grant g, dynamic_channels: 'a b' is not the name of a dynamic channel"},
    {"GrantDynamicChannelOfAll", "grants:\n  g: {dynamic_channels: '*'}\n",
     "policy.yaml:2: grant g, dynamic_channels: '*' has a * where none can be"},
    {"GrantDynamicChannelWithin", "grants:\n  g: {dynamic_channels: ['a*b']}\n",
     "policy.yaml:2: grant g, dynamic_channels: 'a*b' has a * where none can be"},
    {"GroupDanglingUser", "user_groups:\n  g:\n    users: [nobody]\n",
     "policy.yaml:3: user group g: there is no user 'nobody': add it under users"},
    {"GroupDanglingServer", "server_groups:\n  g:\n    servers: nowhere\n",
     "policy.yaml:3: server group g: there is no server 'nowhere'"},
    {"GroupDanglingGroup", "user_groups:\n  g: {groups: [h]}\n",
     "policy.yaml:2: user group g: there is no user group 'h'"},
    {"GroupMemberTwice", "users: {a: {}}\nuser_groups:\n  g: {users: [a, a]}\n",
     "policy.yaml:3: user group g, users: 'a' comes twice"},
    {"GroupInItself", "user_groups:\n  g:\n    groups: g\n",
     "policy.yaml:3: user group g is part of itself: g > g: take one"},
    {"GroupsInACircle", "server_groups:\n  a: {groups: b}\n  b: {groups: [c, d]}\n  c: {groups: a}\n  d: {}\n",
     "policy.yaml:2: server group a is part of itself: a > b > c > a"},
    {"UnknownGroupKey", "user_groups:\n  g: {members: []}\n", "policy.yaml:2: unknown key 'members' in user group g"},
    {"ScheduleWithoutZone", "schedules:\n  s: {rules: [{}]}\n", "policy.yaml:2: schedule s has no 'zone'"},
    {"ScheduleUnknownZone", "schedules:\n  s: {zone: Europe/Nowhere, rules: [{}]}\n",
     "policy.yaml:2: schedule s, zone: there is no time zone 'Europe/Nowhere'"},
    {"ScheduleWithoutRules", "schedules:\n  s: {zone: UTC}\n", "policy.yaml:2: schedule s has no 'rules'"},
    {"ScheduleOfNoRules", "schedules:\n  s: {zone: UTC, rules: []}\n",
     "policy.yaml:2: schedule s has no rules: it would never open"},
    {"ScheduleBadWeekday", "schedules:\n  s:\n    zone: UTC\n    rules:\n      - weekdays: [mon, moon]\n",
     "policy.yaml:5: schedule s, rule 1, weekdays: 'moon' is not a weekday"},
    {"ScheduleBadDay", "schedules:\n  s: {zone: UTC, rules: [{}, {days: 32}]}\n",
     "policy.yaml:2: schedule s, rule 2, days: '32' is not a day of the month"},
    {"ScheduleBadMonth", "schedules:\n  s: {zone: UTC, rules: [{months: 0}]}\n",
     "policy.yaml:2: schedule s, rule 1, months: '0' is not a month"},
    {"ScheduleBadTime", "schedules:\n  s: {zone: UTC, rules: [{time: 8-18}]}\n",
     "policy.yaml:2: schedule s, rule 1, time: '8-18' is not a time range"},
    {"ScheduleEmptyTime", "schedules:\n  s: {zone: UTC, rules: [{time: '08:00-08:00'}]}\n",
     "policy.yaml:2: schedule s, rule 1, time: '08:00-08:00' ends when it begins"},
    {"ScheduleOfNoDay", "schedules:\n  s: {zone: UTC, rules: [{days: [30, 31], months: feb}]}\n",
     "policy.yaml:2: schedule s, rule 1 never opens: no such day exists"},
    {"ScheduleOfNoWeekday", "schedules:\n  s: {zone: UTC, rules: [{weekdays: []}]}\n",
     "policy.yaml:2: schedule s, rule 1 never opens"},
    {"ScheduleUnknownRuleKey", "schedules:\n  s: {zone: UTC, rules: [{weekday: mon}]}\n",
     "policy.yaml:2: unknown key 'weekday' in schedule s, rule 1"},
    {"MaintenanceOfNothing", "maintenance:\n  m: {start: 2026-01-01, end: 2026-01-02}\n",
     "policy.yaml:2: maintenance m has no 'gate', 'server' or 'server_group'"},
    {"MaintenanceOfTwo", "maintenance:\n  m: {gate: true, server: s}\n",
     "policy.yaml:2: maintenance m has both 'gate' and 'server'"},
    {"MaintenanceNotOfTheGate", "maintenance:\n  m: {gate: false, start: 2026-01-01, end: 2026-01-02}\n",
     "policy.yaml:2: maintenance m, gate: can only be true"},
    {"MaintenanceWithoutStart", "maintenance:\n  m: {gate: true, end: 2026-01-02}\n",
     "policy.yaml:2: maintenance m has no 'start'"},
    {"MaintenanceWithoutEnd", "maintenance:\n  m: {gate: true, start: 2026-01-02}\n",
     "policy.yaml:2: maintenance m has no 'end'"},
    {"MaintenanceEndsBeforeItStarts", "maintenance:\n  m: {gate: true, start: 2026-01-02, end: 2026-01-02}\n",
     "policy.yaml:2: maintenance m ends 2026-01-02T00:00:00Z, not after its start"},
    {"MaintenanceLongGrace", "maintenance:\n  m: {grace: 8d}\n",
     "policy.yaml:2: maintenance m, grace: '8d' is longer than 1w"},
    {"MaintenanceDanglingServer", "maintenance:\n  m: {server: nowhere}\n",
     "policy.yaml:2: maintenance m: there is no server 'nowhere'"},
    {"MaintenanceDanglingUser", "maintenance:\n  m: {exempt_users: nobody}\n",
     "policy.yaml:2: maintenance m: there is no user 'nobody'"},
    {"MaintenanceDanglingGroup", "maintenance:\n  m: {exempt_user_groups: nobody}\n",
     "policy.yaml:2: maintenance m: there is no user group 'nobody'"},
    {"DenialOfEverything", "denials:\n  d: {end: 2026-01-01, reason: tired}\n",
     "policy.yaml:2: denial d would deny everything to everybody"},
    {"DenialOfTwo", "denials:\n  d: {user: a, user_group: b}\n", "policy.yaml:2: denial d has both 'user' and"},
    {"DenialDanglingServer", "denials:\n  d: {server: nowhere}\n",
     "policy.yaml:2: denial d: there is no server 'nowhere'"},
    {"DenialWithAGrantsKey", "denials:\n  d: {user: a, record: true}\n",
     "policy.yaml:2: unknown key 'record' in denial d"},
    {"DenialEndsBeforeItStarts", "denials:\n  d: {protocol: rdp, start: 2026-01-02, end: 2026-01-01}\n",
     "policy.yaml:2: denial d ends 2026-01-01T00:00:00Z, not after its start"},
};

INSTANTIATE_TEST_SUITE_P(Each, RuleFault, testing::ValuesIn(rule_fault_cases),
                         [](const testing::TestParamInfo<RuleFaultCase>& one) { return std::string(one.param.title); });

}  // namespace
}  // namespace gatehouse::policy
