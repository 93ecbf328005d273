// Who was seen where, what is a claim and what is not, who is banned through what, and who makes room.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "unit/rustdesk_devices.h"

namespace gatehouse::rustdesk {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

std::vector<std::string> ids_at(const DeviceTable& table, std::string_view address, std::size_t list = 0) {
  std::vector<std::string> ids;
  const auto* place = table.place(Address::parse(address).value());
  if (place == nullptr) return ids;
  for (auto slot = place->sightings.at(list).first; slot != no_slot; slot = table.sighting(slot).by_place.next) {
    ids.push_back(table.device(table.sighting(slot).device).id);
  }
  return ids;
}
const Device& device(const DeviceTable& table, std::string_view id) {
  return table.device(table.find(id));
}

TEST(DeviceTable, FindsWhoWasSeenAtAnAddressNewestFirst) {
  DeviceTable table;
  table.heartbeat(from("192.0.2.1:5000"), "111111111", at(0));
  table.heartbeat(from("192.0.2.1:5001"), "222222222", at(1));
  table.heartbeat(from("[2001:db8::1]:5000"), "333333333", at(1));
  EXPECT_THAT(ids_at(table, "192.0.2.1"), ElementsAre("222222222", "111111111"));
  table.heartbeat(from("192.0.2.1:5000"), "111111111", at(2));
  EXPECT_THAT(ids_at(table, "192.0.2.1"), ElementsAre("111111111", "222222222"));
  EXPECT_THAT(ids_at(table, "2001:db8::1"), ElementsAre("333333333"));
  EXPECT_EQ(table.place(Address::parse("192.0.2.2").value()), nullptr);
  EXPECT_EQ(table.find("444444444"), no_slot);
}

TEST(DeviceTable, Vector15MappedAndDottedSpellingsOfAnAddressAreOnePlace) {
  DeviceTable table;
  table.heartbeat(from("[::ffff:192.0.2.1]:5000"), "111111111", at(0));
  table.heartbeat(from("192.0.2.1:5001"), "222222222", at(0));
  EXPECT_THAT(ids_at(table, "::ffff:192.0.2.1"), UnorderedElementsAre("111111111", "222222222"));
  table.heartbeat(from("192.0.2.1:5000"), "111111111", at(1));
  EXPECT_EQ(table.place(Address::parse("192.0.2.1").value())->sighting_count, 2U);
}

TEST(DeviceTable, HoldsAHeartbeatForAClaimUntilHbbsKnewIt) {
  DeviceTable table;
  const auto here = from("192.0.2.1:5000");
  table.heartbeat(here, "111111111", at(0));
  EXPECT_FALSE(device(table, "111111111").confirmed);
  table.heartbeat_answered(here, true, at(0.1));
  EXPECT_FALSE(device(table, "111111111").confirmed);
  table.heartbeat_answered(here, false, at(6));
  EXPECT_FALSE(device(table, "111111111").confirmed) << "an answer comes at once, or belongs to something else";
  table.heartbeat(here, "111111111", at(15));
  table.heartbeat_answered(here, false, at(15.1));
  EXPECT_TRUE(device(table, "111111111").confirmed);
  EXPECT_TRUE(table.sighting(table.find("111111111"), here.address)->confirmed);
  table.heartbeat(from("203.0.113.9:1"), "111111111", at(16));
  table.heartbeat_answered(from("203.0.113.9:1"), true, at(16));
  EXPECT_FALSE(table.sighting(table.find("111111111"), Address::parse("203.0.113.9").value())->confirmed)
      << "hbbs knows it elsewhere";
  EXPECT_EQ(device(table, "111111111").last, from("203.0.113.9:1"));
}

TEST(DeviceTable, ConfirmsNeitherOfTwoIdsThatSpokeFromOneEndpointAtOnce) {
  DeviceTable table;
  const auto here = from("192.0.2.1:5000");
  table.heartbeat(here, "111111111", at(0));
  table.heartbeat(here, "222222222", at(0.1));
  table.heartbeat_answered(here, false, at(0.2));
  table.heartbeat(here, "222222222", at(0.3));
  table.heartbeat_answered(here, false, at(0.4));
  EXPECT_FALSE(device(table, "111111111").confirmed);
  EXPECT_FALSE(device(table, "222222222").confirmed);
}

TEST(DeviceTable, Vector1BansByIdByUuidByKeyAndByTheMachineOfABannedId) {
  DeviceTable table;
  registers(table, "192.0.2.1:5000", "111111111", "uuid-a", "key-a", at(0));
  registers(table, "192.0.2.2:5000", "222222222", "uuid-b", "key-b", at(0));
  registers(table, "192.0.2.3:5000", "333333333", "uuid-c", "key-c", at(0));
  table.set_bans(bans_of({{"111111111", at(100)}, {uuid_name(bytes("uuid-b")), {}}, {pk_name(bytes("key-c")), {}}}));
  EXPECT_EQ(table.ban_of("111111111", at(1)), (DeviceBan{1, at(100), DeviceBan::By::id, {}}));
  EXPECT_EQ(table.ban_of("222222222", at(1)), (DeviceBan{2, {}, DeviceBan::By::uuid, {}}));
  EXPECT_EQ(table.ban_of("333333333", at(1)), (DeviceBan{3, {}, DeviceBan::By::pk, {}}));
  // The machines with new ids, before the table has heard of those.
  EXPECT_EQ(table.ban_of("444444444", bytes("uuid-a"), bytes("new"), at(1)),
            (DeviceBan{1, at(100), DeviceBan::By::machine, "111111111"}));
  EXPECT_EQ(table.ban_of("444444444", bytes("new"), bytes("key-a"), at(1))->by, DeviceBan::By::machine);
  EXPECT_EQ(table.ban_of("444444444", bytes("uuid-b"), bytes("new"), at(1))->id, 2U);
  EXPECT_EQ(table.ban_of("444444444", bytes("new"), bytes("key-c"), at(1))->id, 3U);
  EXPECT_EQ(table.ban_of("444444444", bytes("new"), bytes("new"), at(1)), std::nullopt);
  // And afterwards.
  table.registration(from("192.0.2.1:5000"), "444444444", bytes("uuid-a"), bytes("new"), false, at(2));
  EXPECT_EQ(table.ban_of("444444444", at(2))->through, "111111111");
  EXPECT_EQ(table.ban_of("444444444", at(100)), std::nullopt) << "it has expired";
  table.set_bans(bans_of({}));
  for (const auto* id : {"111111111", "222222222", "333333333", "444444444"}) EXPECT_FALSE(table.ban_of(id, at(3)));
  EXPECT_TRUE(table.marked().empty());
}

TEST(DeviceTable, LetsNoClaimTakeWhatHbbsHasAccepted) {
  DeviceTable table;
  table.set_bans(bans_of({{"666666666", {}}, {uuid_name(bytes("banned")), {}}}));
  registers(table, "192.0.2.1:5000", "111111111", "uuid-a", "key-a", at(0));
  table.registration(from("203.0.113.9:1"), "111111111", bytes("banned"), bytes("x"), false, at(1));
  EXPECT_EQ(table.ban_of("111111111", at(1)), std::nullopt) << "a banned machine that says to be somebody else";
  table.registration(from("203.0.113.9:1"), "666666666", bytes("uuid-a"), bytes("key-a"), false, at(2));
  EXPECT_EQ(table.ban_of("111111111", at(2)), std::nullopt) << "a banned id that says to have somebody's machine";
  EXPECT_EQ(table.ban_of("777777777", bytes("uuid-a"), bytes("new"), at(2))->by, DeviceBan::By::machine);
}

TEST(DeviceTable, AsksForUuidAndKeyWithinWhatHbbsTakesFromOneAddress) {
  DeviceTable table;
  const auto nat = Address::parse("192.0.2.1").value();
  std::vector<double> asked;
  for (int tick = 0; tick < 3000; ++tick) {  // fifteen minutes of 200 devices, three heartbeats a second
    const auto id = std::to_string(100'000'000 + tick % 200);
    const auto slot = table.heartbeat({nat, static_cast<std::uint16_t>(1000 + tick % 200)}, id, at(tick * 0.3));
    if (table.ask_identity(slot, nat, at(tick * 0.3))) asked.push_back(tick * 0.3);
  }
  ASSERT_EQ(asked.size(), 80U);
  std::size_t run = 1;
  for (std::size_t i = 1; i < asked.size(); ++i) {
    run = asked[i] - asked[i - 1] <= 60 ? run + 1 : 1;
    EXPECT_LE(run, 8U);
  }
  registers(table, "192.0.2.2:5000", "111111111", "uuid-a", "key-a", at(0));
  EXPECT_FALSE(table.ask_identity(table.find("111111111"), Address::parse("192.0.2.2").value(), at(1)));
}

TEST(DeviceTable, WhenFullForgetsTheOldestClaimsAndNeverBannedOrApprovedOnes) {
  DeviceTable table({.devices = 5});
  table.set_bans(bans_of({{"666666666", {}}}));
  table.heartbeat(from("192.0.2.6:1"), "666666666", at(0));
  ASSERT_TRUE(table.approve("777777777", true, at(0)));
  registers(table, "192.0.2.1:1", "111111111", "uuid-a", "key-a", at(0));
  table.heartbeat(from("192.0.2.2:1"), "222222222", at(1));
  table.heartbeat(from("192.0.2.3:1"), "333333333", at(2));
  table.heartbeat(from("192.0.2.2:1"), "222222222", at(3));
  table.heartbeat(from("192.0.2.4:1"), "444444444", at(4));
  EXPECT_EQ(table.find("333333333"), no_slot);
  EXPECT_EQ(table.displaced(), 1U);
  for (int i = 0; i < 100; ++i) table.heartbeat(from("203.0.113.9:1"), std::to_string(500'000 + i), at(5));
  for (const auto* id : {"111111111", "666666666", "777777777"}) EXPECT_NE(table.find(id), no_slot) << id;
  EXPECT_EQ(table.size(), 5U);
  EXPECT_THAT(ids_at(table, "192.0.2.3"), ElementsAre());
}

TEST(DeviceTable, RefusesNewIdsWhereAllThatItHasMustStay) {
  DeviceTable table({.devices = 2});
  ASSERT_TRUE(table.approve("111111111", true, at(0)));
  ASSERT_TRUE(table.approve("222222222", true, at(0)));
  EXPECT_FALSE(table.approve("333333333", true, at(0)));
  EXPECT_EQ(table.heartbeat(from("192.0.2.1:1"), "333333333", at(0)), no_slot);
  EXPECT_EQ(table.refused(), 2U);
}

TEST(DeviceTable, KeepsFourAddressesOfADeviceAndTheConfirmedOnesBeforeOthers) {
  DeviceTable table;
  registers(table, "192.0.2.1:1", "111111111", "uuid-a", "key-a", at(0));
  for (int i = 1; i <= 20; ++i) table.heartbeat(from("203.0.113." + std::to_string(i) + ":1"), "111111111", at(i));
  EXPECT_THAT(ids_at(table, "192.0.2.1"), ElementsAre("111111111"));
  EXPECT_THAT(ids_at(table, "203.0.113.20"), ElementsAre("111111111"));
  EXPECT_THAT(ids_at(table, "203.0.113.17"), ElementsAre());
  EXPECT_EQ(table.entry(table.find("111111111")).addresses.size(), 4U);
}

TEST(DeviceTable, MovesWhoIsBannedIntoTheListOfThoseToLookAt) {
  DeviceTable table;
  for (int i = 0; i < 3; ++i) table.heartbeat(from("192.0.2.1:1"), std::to_string(111111 * (i + 1)), at(i));
  table.set_bans(bans_of({{"222222", {}}}));
  EXPECT_THAT(ids_at(table, "192.0.2.1", 1), ElementsAre("222222"));
  EXPECT_THAT(ids_at(table, "192.0.2.1", 0), ElementsAre("333333", "111111"));
  table.set_bans(bans_of({}));
  EXPECT_THAT(ids_at(table, "192.0.2.1", 0), ElementsAre("333333", "222222", "111111"));
  table.set_listed({"111111"});
  EXPECT_THAT(ids_at(table, "192.0.2.1", 1), ElementsAre("111111"));
}

TEST(DeviceTable, ComesBackFromTheStoreAsItWas) {
  DeviceTable table;
  registers(table, "192.0.2.1:5000", "111111111", "uuid-a", "key-a", at(0));
  beats(table, "[2001:db8::1]:5000", "111111111", at(15));
  table.heartbeat(from("192.0.2.9:1"), "claim-only", at(15));
  ASSERT_TRUE(table.approve("222222222", true, at(16)));
  const auto entries = table.take_changed(10);
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_TRUE(table.take_changed(10).empty());

  DeviceTable again;
  again.set_bans(bans_of({{"111111111", {}}}));
  again.import(entries);
  for (const auto& entry : entries) EXPECT_EQ(again.entry(again.find(entry.id)), entry);
  EXPECT_TRUE(again.take_changed(10).empty());
  EXPECT_EQ(again.ban_of("333333333", bytes("uuid-a"), bytes("new"), at(20))->through, "111111111");
  EXPECT_THAT(ids_at(again, "2001:db8::1", 1), ElementsAre("111111111"));
}

// Against tables of the standard library, in random order, small enough that everything happens.
TEST(DeviceTable, IsAsConsistentAfterAnythingAsAfterNothing) {
  std::mt19937 random(7);
  const auto pick = [&](std::uint32_t below) { return static_cast<std::uint32_t>(random() % below); };
  DeviceTable table({.devices = 40});
  double time = 0;
  for (int step = 0; step < 20'000; ++step) {
    time += 0.5;
    const auto id = "id" + std::to_string(pick(80));
    const auto uuid = "uuid" + std::to_string(pick(20));
    const Endpoint here{Address::from_v4(0xC0000200U + pick(6)), static_cast<std::uint16_t>(1 + pick(3))};
    switch (pick(8)) {
      case 0:
        table.online_request(here, id, at(time));
        break;
      case 1:
        table.registration(here, id, bytes(uuid), bytes(uuid), pick(2) == 0, at(time));
        break;
      case 2:
        table.registration_accepted(here, at(time));
        break;
      case 3:
        table.heartbeat_answered(here, pick(4) == 0, at(time));
        break;
      case 4:
        if (pick(20) == 0) table.set_bans(bans_of({{id, {}}, {uuid_name(bytes(uuid)), at(time + 50)}}));
        if (pick(20) == 0) table.set_listed({id});
        if (pick(20) == 0) table.approve(id, pick(3) == 0, at(time));
        break;
      default:
        table.heartbeat(here, id, at(time));
    }
    if (step % 50 != 0) continue;
    std::size_t devices = 0;
    std::size_t seen = 0;
    for (Slot slot = 0; slot < table.end(); ++slot) {
      const auto& one = table.device(slot);
      if (one.id.empty()) continue;
      ++devices;
      ASSERT_EQ(table.find(one.id), slot);
      ASSERT_EQ(table.marked().contains(slot), one.marked);
      ASSERT_TRUE(one.marked || !table.ban_of(slot, at(time)));
      const auto by_wire = table.ban_of(one.id, table.uuid_of(one), table.pk_of(one), at(time));
      ASSERT_EQ(table.ban_of(slot, at(time)), by_wire);
      for (auto at_place = one.first_sighting; at_place != no_slot; ++seen) {
        ASSERT_EQ(table.sighting(at_place).marked, one.marked);
        at_place = table.sighting(at_place).next_of_device;
      }
    }
    ASSERT_EQ(devices, table.size());
    for (std::uint32_t last = 0; last < 6; ++last) {
      const auto address = Address::from_v4(0xC0000200U + last).text();
      const auto count = ids_at(table, address, 0).size() + ids_at(table, address, 1).size();
      ASSERT_LE(count, seen);
      seen -= count;
    }
    ASSERT_EQ(seen, 0U);
  }
}

}  // namespace
}  // namespace gatehouse::rustdesk
