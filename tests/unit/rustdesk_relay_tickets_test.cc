// Tickets of relays: minted once, used once by each side, forgotten in time.
#include <gtest/gtest.h>

#include "rustdesk/relay_tickets.h"
#include "unit/rustdesk_devices.h"

namespace gatehouse::rustdesk {
namespace {

using Mint = RelayTickets::Mint;

Ticket ticket(std::string uuid, std::string_view initiator = "192.0.2.1", std::string target = "123456789") {
  Ticket made;
  made.uuid = std::move(uuid);
  made.target = std::move(target);
  made.initiator = Address::parse(initiator).value();
  return made;
}

TEST(RelayTickets, Trap10AreUsedOnceByEachSideInAnyOrder) {
  RelayTickets tickets;
  EXPECT_EQ(tickets.find("u", at(0)), nullptr);
  ASSERT_EQ(tickets.mint(ticket("u"), at(0)), Mint::minted);
  auto* found = tickets.find("u", at(1));
  ASSERT_NE(found, nullptr);
  EXPECT_TRUE(tickets.join(*found, RelaySide::target, 7));
  EXPECT_FALSE(tickets.join(*found, RelaySide::target, 8));
  EXPECT_TRUE(tickets.join(*found, RelaySide::initiator, 9));
  EXPECT_NE(tickets.find("u", at(10'000)), nullptr) << "it lives as long as its session";
  tickets.closed(7);
  EXPECT_EQ(tickets.mint(ticket("u"), at(10'000)), Mint::in_use);
  tickets.closed(9);
  EXPECT_EQ(tickets.find("u", at(10'000)), nullptr);
  EXPECT_EQ(tickets.size(), 0U);
}

TEST(RelayTickets, Trap10AreNotMintedASecondTimeWhileLive) {
  RelayTickets tickets;
  ASSERT_EQ(tickets.mint(ticket("u"), at(0)), Mint::minted);
  EXPECT_EQ(tickets.mint(ticket("u"), at(3)), Mint::renewed) << "a resend";
  EXPECT_EQ(tickets.mint(ticket("u", "192.0.2.2"), at(3)), Mint::in_use);
  EXPECT_EQ(tickets.mint(ticket("u", "192.0.2.1", "987654321"), at(3)), Mint::in_use);
  EXPECT_NE(tickets.find("u", at(62)), nullptr) << "renewed at 3";
  EXPECT_EQ(tickets.find("u", at(63)), nullptr);
  EXPECT_EQ(tickets.mint(ticket("u", "192.0.2.2"), at(64)), Mint::minted);
}

TEST(RelayTickets, AreBoundedInAllAndForAnAddress) {
  RelayTickets tickets({.tickets = 5, .unused_of_address = 2});
  EXPECT_EQ(tickets.mint(ticket("1"), at(0)), Mint::minted);
  EXPECT_EQ(tickets.mint(ticket("2"), at(0)), Mint::minted);
  EXPECT_EQ(tickets.mint(ticket("3"), at(0)), Mint::full);
  ASSERT_TRUE(tickets.join(*tickets.find("1", at(1)), RelaySide::initiator, 1));
  EXPECT_EQ(tickets.mint(ticket("3"), at(1)), Mint::minted) << "one of them is in use now";
  EXPECT_EQ(tickets.mint(ticket("4", "192.0.2.2"), at(1)), Mint::minted);
  EXPECT_EQ(tickets.mint(ticket("5", "192.0.2.2"), at(1)), Mint::minted);
  EXPECT_EQ(tickets.mint(ticket("6", "192.0.2.3"), at(1)), Mint::full);
  EXPECT_EQ(tickets.mint(ticket("6", "192.0.2.3"), at(61)), Mint::minted);
  EXPECT_EQ(tickets.size(), 2U);
}

TEST(RelayTickets, StayWhenManyComeAndGoUnderOneUuid) {
  RelayTickets tickets;
  for (int i = 0; i < 200; ++i) {
    ASSERT_NE(tickets.mint(ticket("u"), at(i)), Mint::full);
    if (i % 3 != 0) continue;
    ASSERT_TRUE(tickets.join(*tickets.find("u", at(i)), RelaySide::initiator, 1));
    tickets.closed(1);
  }
  EXPECT_LE(tickets.size(), 1U);
  EXPECT_EQ(tickets.find("u", at(400)), nullptr);
}

}  // namespace
}  // namespace gatehouse::rustdesk
