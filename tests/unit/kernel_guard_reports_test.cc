// guard: verdicts where there is no steer, what is only observed, and what is reported to the daemon.
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <string>

#include "unit/kernel_guard.h"

namespace gatehouse::kernel::test {
namespace {

TEST_F(Guard, ObservesWithoutDropping) {
  kernel.set_mode(MODE_OBSERVE);
  kernel.ban(v4_client, 0, 5);
  kernel.ban("2001:db8:1::/48", 0, 6);
  EXPECT_EQ(kernel.guard(v4().tcp(rdp)), Fate::passed);
  EXPECT_EQ(kernel.guard(v6().tcp(rdp)), Fate::passed);
  EXPECT_EQ(kernel.counter(COUNTER_OBSERVED), 2U);
  EXPECT_EQ(kernel.counter(COUNTER_BANNED_HOST_DROPPED), 0U);
  EXPECT_EQ(kernel.counter(COUNTER_BANNED_NET_DROPPED), 0U);
  EXPECT_EQ(kernel.counter(COUNTER_GUARD_PASSED), 2U);
  const auto events = kernel.events();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].observed, 1);
  EXPECT_EQ(events[1].observed, 1);
}

TEST_F(Guard, LeavesVerdictsToSteerWhereThereIsOne) {
  kernel.deny(v4_client, v4_proxy, rdp, in_one_hour());
  EXPECT_EQ(kernel.guard(v4().tcp(rdp)), Fate::passed);
  EXPECT_EQ(kernel.counter(COUNTER_VERDICT_DROPPED), 0U);
}

TEST_F(Guard, DropsNewConnectionsThatAVerdictDeniesWhereTproxySteers) {
  kernel.set_mode(MODE_ENFORCE, STEERING_TPROXY);
  kernel.deny(v4_client, v4_proxy, rdp, in_one_hour());
  kernel.deny(v6_client, v6_proxy, rdp, in_one_hour());
  kernel.deny(v4_client, v4_proxy, 500, in_one_hour(), policy::Transport::udp);
  EXPECT_EQ(kernel.guard(v4().tcp(rdp)), Fate::dropped);
  EXPECT_EQ(kernel.guard(v6().extension(Next::hop_by_hop).tcp(rdp)), Fate::dropped);
  EXPECT_EQ(kernel.guard(v4().udp(500)), Fate::dropped);
  EXPECT_EQ(kernel.counter(COUNTER_VERDICT_DROPPED), 3U);

  EXPECT_EQ(kernel.guard(v4().tcp(rdp, tcp_ack)), Fate::passed) << "a running connection";
  EXPECT_EQ(kernel.guard(v4().tcp(rdp, tcp_syn | tcp_ack)), Fate::passed) << "an answer";
  EXPECT_EQ(kernel.guard(v4().tcp(rdp + 1)), Fate::passed) << "another port";
  EXPECT_EQ(kernel.guard(v4().udp(rdp)), Fate::passed) << "another protocol";
  EXPECT_EQ(kernel.guard(PacketBuilder().v4("192.0.2.8", v4_proxy).tcp(rdp)), Fate::passed) << "another source";
  EXPECT_EQ(kernel.guard(PacketBuilder().v4(v4_client, "198.51.100.21").tcp(rdp)), Fate::passed) << "another service";
}

TEST_F(Guard, CountsTheHitsOfAVerdictAndReportsIt) {
  kernel.set_mode(MODE_ENFORCE, STEERING_TPROXY);
  kernel.deny(v4_client, v4_proxy, rdp, in_one_hour());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(kernel.guard(v4().tcp(rdp)), Fate::dropped);
  const auto entries = require(kernel.maps.denied_flows.entries());
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].second.hits, 3U);
  const auto events = kernel.events();
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].kind, DENY_EVENT_VERDICT);
  EXPECT_EQ(events[0].cause_id, 4711U);
  EXPECT_EQ(events[0].reason, static_cast<__u32>(policy::Reason::no_matching_policy));
}

TEST_F(Guard, IgnoresAVerdictThatIsOverAndObservesOneInObserveMode) {
  kernel.set_mode(MODE_ENFORCE, STEERING_TPROXY);
  kernel.deny(v4_client, v4_proxy, rdp, long_ago);
  EXPECT_EQ(kernel.guard(v4().tcp(rdp)), Fate::passed);
  kernel.set_mode(MODE_OBSERVE, STEERING_TPROXY);
  kernel.deny(v4_client, v4_proxy, rdp, in_one_hour());
  EXPECT_EQ(kernel.guard(v4().tcp(rdp)), Fate::passed);
  EXPECT_EQ(kernel.counter(COUNTER_OBSERVED), 1U);
  EXPECT_EQ(kernel.counter(COUNTER_VERDICT_DROPPED), 0U);
}

TEST_F(Guard, ReportsWhatItDropped) {
  kernel.ban(v6_client, 0, 99);
  const auto before = boot_time_ns();
  EXPECT_EQ(kernel.guard(v6().tcp(rdp)), Fate::dropped);
  const auto events = kernel.events();
  ASSERT_EQ(events.size(), 1U);
  const auto& event = events[0];
  EXPECT_GE(event.time_ns, before);
  EXPECT_LE(event.time_ns, boot_time_ns());
  EXPECT_EQ(event.cause_id, 99U);
  EXPECT_EQ(address_of(event.source), address(v6_client));
  EXPECT_EQ(address_of(event.destination), address(v6_proxy));
  EXPECT_EQ(event.port, rdp);
  EXPECT_EQ(event.l4proto, IPPROTO_TCP);
  EXPECT_EQ(event.kind, DENY_EVENT_BANNED_HOST);
  EXPECT_EQ(event.reason, static_cast<__u32>(policy::Reason::banned_source));
  EXPECT_EQ(event.suppressed, 0U);
  EXPECT_EQ(event.observed, 0);
}

TEST_F(Guard, ReportsEachBanAFewTimesInAWindowAndThenSaysHowOftenItDidNot) {
  constexpr unsigned packets = 40;
  kernel.ban("192.0.2.0/24");
  for (unsigned i = 0; i < packets; ++i) {
    const auto source = "192.0.2." + std::to_string(i);
    EXPECT_EQ(kernel.guard(PacketBuilder().v4(source, v4_proxy).tcp(rdp)), Fate::dropped);
  }
  EXPECT_EQ(kernel.counter(COUNTER_BANNED_NET_DROPPED), packets);
  EXPECT_EQ(kernel.counter(COUNTER_EVENTS_SENT), unsigned{GATEHOUSE_EVENTS_PER_SUBJECT});
  EXPECT_EQ(kernel.counter(COUNTER_EVENTS_SUPPRESSED), packets - GATEHOUSE_EVENTS_PER_SUBJECT);
  EXPECT_EQ(kernel.events().size(), std::size_t{GATEHOUSE_EVENTS_PER_SUBJECT});

  // Another ban has reports of its own.
  kernel.ban("192.0.3.1");
  EXPECT_EQ(kernel.guard(PacketBuilder().v4("192.0.3.1", v4_proxy).tcp(rdp)), Fate::dropped);
  EXPECT_EQ(kernel.events().size(), 1U);

  // The next window, by setting the clock of this one back.
  const auto key = net_key_of(*Prefix::parse("192.0.2.0/24"));
  auto ban = require(kernel.maps.banned_nets.get(key));
  ASSERT_TRUE(ban);
  EXPECT_EQ(ban->reports.suppressed, packets - GATEHOUSE_EVENTS_PER_SUBJECT);
  ban->reports.window_start_ns -= GATEHOUSE_EVENT_WINDOW_NS;
  ban->reports.tick = 0;
  require(kernel.maps.banned_nets.put(key, *ban));
  EXPECT_EQ(kernel.guard(v4().tcp(rdp)), Fate::dropped);
  const auto events = kernel.events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].suppressed, packets - GATEHOUSE_EVENTS_PER_SUBJECT);
  EXPECT_EQ(require(kernel.maps.banned_nets.get(key))->reports.suppressed, 0U);
}

TEST_F(Guard, ReportsTheVerdictsOfOneSourceAFewTimesInAWindow) {
  constexpr unsigned verdicts = 40;
  kernel.set_mode(MODE_ENFORCE, STEERING_TPROXY);
  for (unsigned i = 0; i < verdicts; ++i) {
    const auto port = static_cast<std::uint16_t>(1000 + i);
    kernel.deny(v4_client, v4_proxy, port, in_one_hour());
    EXPECT_EQ(kernel.guard(v4().tcp(port)), Fate::dropped);
  }
  EXPECT_EQ(kernel.events().size(), std::size_t{GATEHOUSE_EVENTS_PER_SUBJECT});
  EXPECT_EQ(kernel.counter(COUNTER_EVENTS_SUPPRESSED), verdicts - GATEHOUSE_EVENTS_PER_SUBJECT);
}

TEST_F(Guard, GoesOnDroppingWhenNobodyReadsItsReports) {
  const unsigned more_than_fit = GATEHOUSE_EVENT_RING_BYTES / sizeof(deny_event) + 100;
  for (unsigned i = 0; i < more_than_fit; ++i) {
    const std::string source =
        "192." + std::to_string(i / 65536 % 256) + "." + std::to_string(i / 256 % 256) + "." + std::to_string(i % 256);
    kernel.ban(source, 0, i + 1);
    ASSERT_EQ(kernel.guard(PacketBuilder().v4(source, v4_proxy).tcp(rdp)), Fate::dropped);
  }
  EXPECT_GT(kernel.counter(COUNTER_EVENTS_LOST), 0U);
  EXPECT_EQ(kernel.counter(COUNTER_EVENTS_LOST) + kernel.counter(COUNTER_EVENTS_SENT), more_than_fit);
  EXPECT_EQ(kernel.events().size(), kernel.counter(COUNTER_EVENTS_SENT));
}

}  // namespace
}  // namespace gatehouse::kernel::test
