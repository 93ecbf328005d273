// guard, run by the kernel on frames made up here: which bans and ways in hold. How it reads frames:
// kernel_guard_frames_test.cc. What it counts and reports: kernel_guard_reports_test.cc.
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <chrono>
#include <string>
#include <thread>

#include "unit/kernel_guard.h"

namespace gatehouse::kernel::test {
namespace {

TEST_F(Guard, PassesWhatIsNotBanned) {
  EXPECT_EQ(kernel.guard(v4().tcp(rdp)), Fate::passed);
  EXPECT_EQ(kernel.guard(v6().tcp(rdp)), Fate::passed);
  EXPECT_EQ(kernel.counter(COUNTER_GUARD_PASSED), 2U);
  EXPECT_TRUE(kernel.events().empty());
}

TEST_F(Guard, DropsABannedHostOfBothFamiliesAndNobodyElse) {
  kernel.ban(v4_client);
  kernel.ban(v6_client);
  EXPECT_EQ(kernel.guard(v4().tcp(rdp)), Fate::dropped);
  EXPECT_EQ(kernel.guard(v6().tcp(rdp)), Fate::dropped);
  EXPECT_EQ(kernel.guard(PacketBuilder().v4("192.0.2.8", v4_proxy).tcp(rdp)), Fate::passed);
  EXPECT_EQ(kernel.guard(PacketBuilder().v6("2001:db8:1::8", v6_proxy).tcp(rdp)), Fate::passed);
  EXPECT_EQ(kernel.counter(COUNTER_BANNED_HOST_DROPPED), 2U);
  EXPECT_EQ(kernel.counter(COUNTER_GUARD_PASSED), 2U);
}

TEST_F(Guard, DropsEveryPacketOfABannedHostWhateverItsProtocol) {
  kernel.ban(v4_client);
  EXPECT_EQ(kernel.guard(v4().tcp(rdp, tcp_ack)), Fate::dropped);
  EXPECT_EQ(kernel.guard(v4().udp(rdp)), Fate::dropped);
  EXPECT_EQ(kernel.guard(v4().next(Next::icmp).payload(8)), Fate::dropped);
  EXPECT_EQ(kernel.guard(v4().next(Next::esp).payload(40)), Fate::dropped);
}

TEST_F(Guard, DropsABannedNetworkOfBothFamilies) {
  kernel.ban("192.0.2.0/28");
  kernel.ban("2001:db8:1::/48");
  EXPECT_EQ(kernel.guard(v4().tcp(rdp)), Fate::dropped);
  EXPECT_EQ(kernel.guard(v6().tcp(rdp)), Fate::dropped);
  EXPECT_EQ(kernel.guard(PacketBuilder().v4("192.0.2.16", v4_proxy).tcp(rdp)), Fate::passed);
  EXPECT_EQ(kernel.guard(PacketBuilder().v6("2001:db8:2::7", v6_proxy).tcp(rdp)), Fate::passed);
  EXPECT_EQ(kernel.counter(COUNTER_BANNED_NET_DROPPED), 2U);
  EXPECT_EQ(kernel.counter(COUNTER_BANNED_HOST_DROPPED), 0U);
}

TEST_F(Guard, AnswersForTheWholeOfOneFamilyWithoutTheOther) {
  kernel.ban("0.0.0.0/0");
  EXPECT_EQ(kernel.guard(v4().tcp(rdp)), Fate::dropped);
  EXPECT_EQ(kernel.guard(v6().tcp(rdp)), Fate::passed);
}

TEST_F(Guard, LetsTheHostsOwnBanGoBeforeItsNetworks) {
  kernel.ban("192.0.2.0/24", 0, 10);
  kernel.ban(v4_client, 0, 11);
  EXPECT_EQ(kernel.guard(v4().tcp(rdp)), Fate::dropped);
  const auto events = kernel.events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].cause_id, 11U);
  EXPECT_EQ(events[0].kind, DENY_EVENT_BANNED_HOST);
}

TEST_F(Guard, NamesTheLongestBannedNetwork) {
  kernel.ban("192.0.0.0/16", 0, 20);
  kernel.ban("192.0.2.0/24", 0, 21);
  EXPECT_EQ(kernel.guard(v4().tcp(rdp)), Fate::dropped);
  const auto events = kernel.events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].cause_id, 21U);
  EXPECT_EQ(events[0].kind, DENY_EVENT_BANNED_NET);
}

TEST_F(Guard, HoldsABanUntilItsExpiryAndNoLonger) {
  kernel.ban(v4_client, in_one_hour());
  EXPECT_EQ(kernel.guard(v4().tcp(rdp)), Fate::dropped);
  const auto soon = boot_time_ns() + 50'000'000;
  kernel.ban(v4_client, soon);
  kernel.ban("2001:db8:1::/48", soon);
  std::this_thread::sleep_for(std::chrono::nanoseconds(soon - boot_time_ns() + 1));
  EXPECT_EQ(kernel.guard(v4().tcp(rdp)), Fate::passed);
  EXPECT_EQ(kernel.guard(v6().tcp(rdp)), Fate::passed);
}

TEST_F(Guard, AsksTheNetworksWhenTheHostsOwnBanIsOver) {
  kernel.ban(v4_client, long_ago);
  kernel.ban("192.0.2.0/24");
  EXPECT_EQ(kernel.guard(v4().tcp(rdp)), Fate::dropped);
  EXPECT_EQ(kernel.counter(COUNTER_BANNED_NET_DROPPED), 1U);
}

// The trie shows the longest network only, and the daemon may not be there to sweep it.
TEST_F(Guard, StepsOverExpiredNetworksToAWiderOneThatHolds) {
  kernel.ban("192.0.0.0/16", in_one_hour(), 30);
  for (const char* inner :
       {"192.0.2.0/24", "192.0.2.0/25", "192.0.2.0/26", "192.0.2.0/27", "192.0.2.0/28", "192.0.2.0/29"}) {
    kernel.ban(inner, long_ago);
  }
  EXPECT_EQ(kernel.guard(v4().tcp(rdp)), Fate::dropped);
  const auto events = kernel.events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].cause_id, 30U);
  kernel.ban("192.0.0.0/16", long_ago);
  EXPECT_EQ(kernel.guard(v4().tcp(rdp)), Fate::passed);
}

TEST_F(Guard, PassesAFailsafeSourceWhateverIsBanned) {
  kernel.ban(v4_client);
  kernel.ban("192.0.2.0/24");
  kernel.ban(v6_client);
  kernel.set_failsafe({{address(v4_client), address(v6_client)}, {}});
  EXPECT_EQ(kernel.guard(v4().tcp(rdp)), Fate::passed);
  EXPECT_EQ(kernel.guard(v4().udp(53)), Fate::passed);
  EXPECT_EQ(kernel.guard(v6().tcp(rdp)), Fate::passed);
  EXPECT_EQ(kernel.counter(COUNTER_FAILSAFE_PASSED), 3U);
  EXPECT_EQ(kernel.guard(PacketBuilder().v4("192.0.2.9", v4_proxy).tcp(rdp)), Fate::dropped);
}

TEST_F(Guard, PassesAFailsafePortOfTcpAndNotOfUdp) {
  kernel.ban(v4_client);
  kernel.ban(v6_client);
  kernel.set_failsafe({{}, {22}});
  EXPECT_EQ(kernel.guard(v4().tcp(22)), Fate::passed);
  EXPECT_EQ(kernel.guard(v4().tcp(22, tcp_ack)), Fate::passed);
  EXPECT_EQ(kernel.guard(v6().tcp(22)), Fate::passed);
  EXPECT_EQ(kernel.guard(v4().tcp(23)), Fate::dropped);
  EXPECT_EQ(kernel.guard(v4().udp(22)), Fate::dropped);
  EXPECT_EQ(kernel.counter(COUNTER_FAILSAFE_PASSED), 3U);
}

TEST_F(Guard, DoesNotTakeASourceForAPortNorAPortForASource) {
  // Both keys have the same layout; the kind keeps them apart.
  require(kernel.maps.failsafe.put(failsafe_key{{}, 0, 0, FAILSAFE_PORT}, failsafe_value{}));
  kernel.ban(v4_client);
  EXPECT_EQ(kernel.guard(v4().next(Next::icmp).payload(8)), Fate::dropped);
  EXPECT_EQ(kernel.guard(v4().tcp(0)), Fate::dropped);
}

// What nobody said to be absent is looked up: a mode cell of zeros closes no way in.
TEST_F(Guard, LooksForEveryFailsafeEntryUntilItIsToldWhichAreAbsent) {
  kernel.ban(v4_client);
  require(kernel.maps.failsafe.put(failsafe_key{{}, 22, IPPROTO_TCP, FAILSAFE_PORT}, failsafe_value{}));
  EXPECT_EQ(kernel.guard(v4().tcp(22)), Fate::passed);
  kernel.set_failsafe({});
  EXPECT_EQ(kernel.guard(v4().tcp(22)), Fate::dropped);
}

TEST_F(Guard, KeepsEveryPortAndSourceOpenThatIsFailsafe) {
  kernel.ban("0.0.0.0/0");
  kernel.ban("::/0");
  Failsafe failsafe;
  for (unsigned i = 0; i < 40; ++i) {
    failsafe.tcp_ports.push_back(static_cast<std::uint16_t>(2000 + i * 7));
    failsafe.sources.push_back(address("203.0.113." + std::to_string(i * 5)));
    kernel.set_failsafe({{failsafe.sources.back()}, {failsafe.tcp_ports.back()}});
    EXPECT_EQ(kernel.guard(v6().tcp(failsafe.tcp_ports.back())), Fate::passed) << i;
    EXPECT_EQ(kernel.guard(PacketBuilder().v4(failsafe.sources.back().text(), v4_proxy).tcp(rdp)), Fate::passed) << i;
  }
  kernel.set_failsafe(failsafe);
  for (const auto port : failsafe.tcp_ports) EXPECT_EQ(kernel.guard(v4().tcp(port)), Fate::passed) << port;
  for (const auto& source : failsafe.sources) {
    EXPECT_EQ(kernel.guard(PacketBuilder().v4(source.text(), v4_proxy).tcp(rdp)), Fate::passed) << source.text();
  }
  EXPECT_EQ(kernel.guard(v4().tcp(rdp)), Fate::dropped);
  EXPECT_EQ(kernel.guard(v6().udp(2000)), Fate::dropped);
}

TEST_F(Guard, IgnoresEveryBanWhenItIsOff) {
  kernel.set_mode(MODE_OFF);
  kernel.ban(v4_client);
  EXPECT_EQ(kernel.guard(v4().tcp(rdp)), Fate::passed);
  EXPECT_EQ(kernel.counter(COUNTER_OBSERVED), 0U);
  EXPECT_TRUE(kernel.events().empty());
}

}  // namespace
}  // namespace gatehouse::kernel::test
