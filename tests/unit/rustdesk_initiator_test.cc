// Who initiates: what tells neighbours behind one address apart, and what does not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rustdesk/initiator.h"
#include "unit/rustdesk_devices.h"

namespace gatehouse::rustdesk {
namespace {

using testing::ElementsAre;

constexpr std::string_view good = "111111111";
constexpr std::string_view bad = "666666666";

// A table in which `bad` is banned, and who is refused by it.
class Initiator : public testing::Test, protected Refused {
 protected:
  Initiator() { table.set_bans(bans_of({{std::string(bad), {}}})); }

  [[nodiscard]] bool refused(Slot device) const override {
    return table.ban_of(device, moment).has_value() || extra.contains(table.device(device).id);
  }
  [[nodiscard]] bool looks_at_all() const override { return !extra.empty(); }

  Resolution ask(double seconds, std::string_view token = {}, std::uint64_t connection = 0,
                 std::string_view source = "192.0.2.1") {
    moment = at(seconds);
    return resolver.resolve({Address::parse(source).value(), token, connection}, *this, moment);
  }
  void expect(const Resolution& resolution, Outcome outcome, Evidence evidence, std::string_view first_id) {
    EXPECT_EQ(name(resolution.outcome), name(outcome));
    EXPECT_EQ(name(resolution.evidence), name(evidence));
    EXPECT_EQ(resolution.ids.empty() ? "" : resolution.ids.front(), first_id);
  }

  DeviceTable table;
  InitiatorResolver resolver{table};
  WallTime moment = at(0);
  std::set<std::string> extra;
};

TEST_F(Initiator, IsUnknownWhereNobodyWasSeen) {
  expect(ask(0), Outcome::unknown, Evidence::none, "");
}

TEST_F(Initiator, IsTheOnlyDeviceThereWhateverItsPort) {
  beats(table, "192.0.2.1:5000", good, at(0));
  expect(ask(40), Outcome::known, Evidence::sole_device, good);
  expect(ask(46), Outcome::unknown, Evidence::none, "");
}

TEST_F(Initiator, IsUnknownWhereAHeartbeatIsAllThatSaysWhoItIs) {
  table.heartbeat(from("192.0.2.1:5000"), good, at(0));
  expect(ask(1), Outcome::unknown, Evidence::claim, good);
  table.heartbeat_answered(from("192.0.2.1:5000"), false, at(1));
  expect(ask(2), Outcome::known, Evidence::sole_device, good);
}

TEST_F(Initiator, IsTheBannedDeviceWhoseHeartbeatsAreDropped) {
  table.heartbeat(from("192.0.2.1:5000"), bad, at(0));
  expect(ask(1), Outcome::known, Evidence::sole_device, bad);
}

TEST_F(Initiator, MayBeAnyOfSeveralDevicesTheRefusedOnesFirst) {
  beats(table, "192.0.2.1:5000", good, at(0));
  beats(table, "192.0.2.1:5001", "222222222", at(0));
  EXPECT_FALSE(ask(1).refused);
  table.heartbeat(from("192.0.2.1:5002"), bad, at(1));
  const auto resolution = ask(2);
  expect(resolution, Outcome::ambiguous, Evidence::several_devices, bad);
  EXPECT_TRUE(resolution.refused);
  EXPECT_THAT(resolution.ids, ElementsAre(bad, "222222222", good));
}

TEST_F(Initiator, IsNotMadeAmbiguousByForgedHeartbeatsOfOthers) {
  beats(table, "192.0.2.1:5000", good, at(0));
  for (int i = 0; i < 500; ++i) table.heartbeat(from("192.0.2.1:6000"), std::to_string(300'000 + i), at(1));
  expect(ask(2), Outcome::known, Evidence::sole_device, good);
}

TEST_F(Initiator, IsWhoHasAListOfPeersOpenAmongSeveral) {
  beats(table, "192.0.2.1:5000", good, at(0));
  table.heartbeat(from("192.0.2.1:5002"), bad, at(0));
  table.online_request(from("192.0.2.1:40000"), good, at(1));
  expect(ask(2), Outcome::known, Evidence::online_request, good);
  table.online_request(from("192.0.2.1:40001"), bad, at(3));
  expect(ask(4), Outcome::ambiguous, Evidence::several_devices, bad);
  table.online_request(from("192.0.2.1:40002"), bad, at(25));
  table.heartbeat(from("192.0.2.1:5002"), bad, at(31));
  beats(table, "192.0.2.1:5000", good, at(31));
  expect(ask(32), Outcome::known, Evidence::online_request, bad);
}

TEST_F(Initiator, IsNoneThatHbbsKnowsElsewhereWhateverAnOnlineRequestSays) {
  beats(table, "203.0.113.1:5000", "222222222", at(0));
  table.online_request(from("192.0.2.1:40000"), "222222222", at(1));
  expect(ask(2), Outcome::unknown, Evidence::claim, "222222222");
  table.heartbeat(from("192.0.2.1:5002"), bad, at(2));
  beats(table, "192.0.2.1:5000", good, at(2));
  expect(ask(3), Outcome::ambiguous, Evidence::several_devices, bad);
}

TEST_F(Initiator, WithAStoppedServiceIsKnownByItsListOfPeers) {
  table.online_request(from("192.0.2.1:40000"), good, at(0));
  expect(ask(1), Outcome::known, Evidence::online_request, good);
}

TEST_F(Initiator, IsWhoseTokenItIsAmongSeveral) {
  beats(table, "192.0.2.1:5000", good, at(0));
  expect(ask(1, "secret of good"), Outcome::known, Evidence::sole_device, good);
  table.heartbeat(from("192.0.2.1:5002"), bad, at(2));
  expect(ask(3, "secret of good"), Outcome::known, Evidence::token, good);
  expect(ask(3, "another"), Outcome::ambiguous, Evidence::several_devices, bad);
  expect(ask(3), Outcome::ambiguous, Evidence::several_devices, bad);
  expect(ask(3, "secret of good", 0, "203.0.113.7"), Outcome::known, Evidence::token, good);
  expect(ask(50'000, "secret of good"), Outcome::unknown, Evidence::none, "");
}

TEST_F(Initiator, IsWhoRegisteredOnTheSameConnection) {
  resolver.registered(7, "444444444");
  expect(ask(0, {}, 7), Outcome::known, Evidence::connection, "444444444");
  expect(ask(0, {}, 8), Outcome::unknown, Evidence::none, "");
  beats(table, "192.0.2.1:5000", good, at(0));
  expect(ask(0, {}, 7), Outcome::known, Evidence::sole_device, good);  // a claim exonerates nobody
  table.heartbeat(from("203.0.113.1:5002"), bad, at(0));
  resolver.registered(9, bad);
  expect(ask(0, {}, 9), Outcome::known, Evidence::connection, bad);
  resolver.closed(9);
  expect(ask(0, {}, 9), Outcome::known, Evidence::sole_device, good);
}

TEST_F(Initiator, MayBeARefusedOneThatStoppedItsServiceHereUntilItIsHeardElsewhere) {
  table.heartbeat(from("192.0.2.1:5002"), bad, at(0));
  expect(ask(100), Outcome::ambiguous, Evidence::seen_before, bad);
  beats(table, "192.0.2.1:5000", good, at(100));
  EXPECT_TRUE(ask(101).refused) << "its neighbour's identity is not its own";
  table.heartbeat(from("203.0.113.1:5002"), bad, at(102));
  expect(ask(103), Outcome::known, Evidence::sole_device, good);
  beats(table, "192.0.2.1:5000", good, at(200));
  expect(ask(201), Outcome::ambiguous, Evidence::several_devices, bad);
  beats(table, "192.0.2.1:5000", good, at(3700));
  expect(ask(3701), Outcome::known, Evidence::sole_device, good);
}

TEST_F(Initiator, MayBeARefusedOneWithoutAMark) {
  for (int i = 0; i < 100; ++i) {
    beats(table, "192.0.2.1:" + std::to_string(5000 + i), std::to_string(300'000 + i), at(0));
  }
  EXPECT_FALSE(ask(1).refused);
  extra.insert("300000");
  const auto resolution = ask(1);
  EXPECT_TRUE(resolution.refused);
  EXPECT_TRUE(resolution.more);
  EXPECT_THAT(resolution.ids, testing::Contains("300000"));
}

TEST_F(Initiator, MayBeARefusedOneBehindManyWithAMarkThatAreNot) {
  table.heartbeat(from("192.0.2.1:5002"), bad, at(0));
  std::unordered_set<std::string> listed;
  for (int i = 0; i < 20; ++i) listed.insert(std::to_string(300'000 + i));
  table.set_listed(listed);
  for (const auto& id : listed) beats(table, "192.0.2.1:1" + id.substr(2), id, at(1));
  const auto resolution = ask(2);
  EXPECT_TRUE(resolution.refused);
  EXPECT_EQ(resolution.ids.front(), bad);
}

// So that who forges heartbeats of banned ids has no neighbours refused where the ambiguous are let through.
TEST_F(Initiator, IsOnlySurelyRefusedWhereNobodyElseIsThereHoweverManyAreRefused) {
  std::vector<NamedBan> banned;
  for (int i = 0; i < 12; ++i) banned.push_back({std::to_string(600'000 + i), {}});
  table.set_bans(bans_of(banned));
  for (int i = 0; i < 12; ++i) {
    table.heartbeat(from("192.0.2.1:" + std::to_string(5000 + i)), std::to_string(600'000 + i), at(1));
  }
  EXPECT_EQ(ask(2).outcome, Outcome::known) << "whichever of them it is";
  beats(table, "192.0.2.1:4000", good, at(0));
  const auto resolution = ask(2);
  EXPECT_EQ(resolution.outcome, Outcome::ambiguous);
  EXPECT_TRUE(resolution.refused);
  EXPECT_TRUE(resolution.more);
  EXPECT_THAT(resolution.ids, testing::Contains(good));
}

TEST_F(Initiator, IsTakenForRefusedAmongMoreThanCanBeLookedAt) {
  for (int i = 0; i < 2000; ++i) {
    beats(table, "192.0.2.1:" + std::to_string(5000 + i), std::to_string(300'000 + i), at(0));
  }
  EXPECT_FALSE(ask(1).refused);
  extra.insert("somebody else");
  EXPECT_TRUE(ask(1).refused);
}

}  // namespace
}  // namespace gatehouse::rustdesk
