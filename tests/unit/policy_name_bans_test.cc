// Bans of users, servers and devices: when they count, and the table that holds them.
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <string>
#include <utility>

#include "unit/policy_fixture.h"

namespace gatehouse::policy {
namespace {

constexpr const char* two_servers = R"(
pools: {main: 10.200.0.0/16}
users: {alice: {sources: 192.0.2.7}, bob: {sources: 192.0.2.8}}
servers: {win1: {address: 198.51.100.1}, win2: {address: 198.51.100.2}}
services:
  win1-rdp: {server: win1, proxy_ip: 10.200.0.1, port: 3389, kind: rdp}
  win2-rdp: {server: win2, proxy_ip: 10.200.0.2, port: 3389, kind: rdp}
grants: {g: {user: alice, server: win1}}
)";

TEST(NameBans, OfUserServerAndDeviceComeBeforeEverythingButTheAddress) {
  auto snap = snapshot(two_servers, {{9, Prefix::parse("192.0.2.8").value(), std::nullopt}});
  const auto until = moment("2026-11-24");
  const std::vector<NameBan> bans{{1, Subject::user, "alice", until},
                                  {2, Subject::server, "win2", std::nullopt},
                                  {3, Subject::device, "123456789", std::nullopt}};
  snap.bans = snap.bans->with_names(NameBans(bans));
  const auto user = decide(snap, question("192.0.2.7", "10.200.0.1", 3389));
  EXPECT_EQ(user.reason, Reason::banned_user);
  EXPECT_EQ(user.ban_id, 1U);
  EXPECT_EQ(user.holds_until, until);
  EXPECT_EQ(user.user->name, "alice");
  EXPECT_TRUE(decide(snap, question("192.0.2.7", "10.200.0.1", 3389, "2026-11-24")).allowed) << "it has expired";
  EXPECT_EQ(decide(snap, question("203.0.113.1", "10.200.0.2", 3389)).reason, Reason::banned_backend);
  EXPECT_EQ(decide(snap, question("192.0.2.8", "10.200.0.2", 3389)).reason, Reason::banned_source);
  auto device = question("192.0.2.7", "10.200.0.1", 3389, "2026-11-24");
  device.device = "123456789";
  EXPECT_EQ(decide(snap, device).reason, Reason::banned_device);
  device.device = "987654321";
  EXPECT_TRUE(decide(snap, device).allowed);
}

TEST(NameBans, KeepOneBanANameAndLeaveTheOldTableAsItWas) {
  const std::vector<NameBan> first{{1, Subject::user, "alice", std::nullopt},
                                   {2, Subject::server, "alice", std::nullopt}};
  const NameBans before(first);
  const auto after = before.with(std::vector<NameBan>{{3, Subject::user, "alice", moment("2027-01-01")}},
                                 std::vector<NameBan>{{0, Subject::server, "alice", std::nullopt}});
  EXPECT_EQ(before.size(), 2U);
  EXPECT_EQ(after.size(), 1U);
  EXPECT_EQ(after.find(Subject::user, "alice", moment("2026-12-01"))->id, 3U);
  EXPECT_EQ(after.find(Subject::user, "alice", moment("2027-01-01")), nullptr);
  EXPECT_EQ(after.find(Subject::server, "alice", moment("2026-12-01")), nullptr);
  EXPECT_EQ(BanTable().with_names(after)->with({}, {})->names().list(), after.list())
      << "a change of addresses keeps them";
}

TEST(NameBans, AgreeWithAPlainMapOverManyChanges) {
  std::map<std::pair<Subject, std::string>, std::uint64_t> plain;
  NameBans bans;
  const auto kinds = std::array{Subject::user, Subject::server, Subject::device};
  std::uint64_t number = 7;
  for (std::uint64_t round = 0; round < 200; ++round) {
    std::vector<NameBan> added;
    std::vector<NameBan> removed;
    for (std::uint64_t i = 0; i < 40; ++i) {
      number = number * 6364136223846793005U + 1442695040888963407U;
      NameBan ban{round * 100 + i + 1, kinds[(number >> 40U) % 3], std::to_string((number >> 45U) % 3000),
                  std::nullopt};
      (i % 3 == 0 ? removed : added).push_back(std::move(ban));
    }
    for (const auto& ban : removed) plain.erase({ban.subject, ban.name});
    for (const auto& ban : added) plain[{ban.subject, ban.name}] = ban.id;
    bans = bans.with(added, removed);
    ASSERT_EQ(bans.size(), plain.size()) << "round " << round;
  }
  ASSERT_GT(plain.size(), 1000U);
  std::map<std::pair<Subject, std::string>, std::uint64_t> listed;
  for (const auto& ban : bans.list()) listed[{ban.subject, ban.name}] = ban.id;
  EXPECT_EQ(listed, plain);
  for (const auto& [who, id] : plain) EXPECT_EQ(bans.find(who.first, who.second, moment("2026-12-01"))->id, id);
}

TEST(NameBans, TellWhatDiffersFromAnOlderTable) {
  const std::vector<NameBan> first{{1, Subject::device, "111111", std::nullopt},
                                   {2, Subject::device, "222222", std::nullopt},
                                   {3, Subject::user, "alice", std::nullopt}};
  const NameBans before(first);
  EXPECT_TRUE(before.differing_from(before).empty());
  EXPECT_EQ(before.differing_from({}).size(), 3U);
  const auto after = before.with(
      std::vector<NameBan>{{4, Subject::device, "333333", std::nullopt}, {5, Subject::device, "222222", std::nullopt}},
      std::vector<NameBan>{{0, Subject::device, "111111", std::nullopt}});
  std::map<std::string, std::uint64_t> differing;
  for (const auto& ban : after.differing_from(before)) differing.emplace(ban.name, ban.id);
  EXPECT_EQ(differing, (std::map<std::string, std::uint64_t>{{"111111", 1}, {"222222", 5}, {"333333", 4}}));
}

}  // namespace
}  // namespace gatehouse::policy
