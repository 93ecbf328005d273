// guard, run by the kernel on frames made up here: which are dropped, which pass, and what is counted and reported.
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <chrono>
#include <string>
#include <thread>

#include "base/time.h"
#include "unit/kernel_programs.h"

namespace gatehouse::kernel::test {
namespace {

using gatehouse::test::Next;
using gatehouse::test::PacketBuilder;
using gatehouse::test::tcp_ack;
using gatehouse::test::tcp_syn;

constexpr const char* v4_client = "192.0.2.7";
constexpr const char* v4_proxy = "198.51.100.20";
constexpr const char* v6_client = "2001:db8:1::7";
constexpr const char* v6_proxy = "2001:db8:64::20";
constexpr std::uint16_t rdp = 3389;
constexpr std::uint64_t long_ago = 1;

PacketBuilder v4() {
  return PacketBuilder().v4(v4_client, v4_proxy);
}
PacketBuilder v6() {
  return PacketBuilder().v6(v6_client, v6_proxy);
}

std::uint64_t in_one_hour() {
  return boot_time_ns() + 3'600'000'000'000ULL;
}

class Guard : public testing::Test {
 protected:
  LoadedPrograms kernel;
};

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

TEST_F(Guard, SeesThroughVlanTags) {
  kernel.ban(v4_client);
  kernel.ban(v6_client);
  EXPECT_EQ(kernel.guard(PacketBuilder().vlan(7).v4(v4_client, v4_proxy).tcp(rdp)), Fate::dropped);
  EXPECT_EQ(kernel.guard(PacketBuilder().vlan(7, 0x88a8).vlan(8).v4(v4_client, v4_proxy).tcp(rdp)), Fate::dropped);
  EXPECT_EQ(kernel.guard(PacketBuilder().vlan(7, 0x88a8).vlan(8).v6(v6_client, v6_proxy).tcp(rdp)), Fate::dropped);
  EXPECT_EQ(kernel.guard(PacketBuilder().vlan(7).v4("192.0.2.8", v4_proxy).tcp(rdp)), Fate::passed);
  // Three tags are no frame that the stack would deliver.
  EXPECT_EQ(kernel.guard(PacketBuilder().vlan(1).vlan(2).vlan(3).v4(v4_client, v4_proxy).tcp(rdp)), Fate::passed);
}

TEST_F(Guard, FindsThePortBehindIpv4OptionsOfEveryLength) {
  kernel.ban(v4_client);
  kernel.set_failsafe({{}, {22}});
  for (unsigned words = 0; words <= 10; ++words) {
    EXPECT_EQ(kernel.guard(PacketBuilder().v4(v4_client, v4_proxy, words).tcp(22)), Fate::passed) << words;
    EXPECT_EQ(kernel.guard(PacketBuilder().v4(v4_client, v4_proxy, words).tcp(23)), Fate::dropped) << words;
  }
}

TEST_F(Guard, FindsThePortBehindIpv6ExtensionHeaders) {
  kernel.ban(v6_client);
  kernel.set_failsafe({{}, {22}});
  for (const Next kind :
       {Next::hop_by_hop, Next::routing, Next::destination_options, Next::authentication, Next::fragment}) {
    for (unsigned units = 1; units <= 4; ++units) {
      auto packet = [&](std::uint16_t port) {
        return kind == Next::fragment ? v6().fragment(0, true).tcp(port) : v6().extension(kind, units).tcp(port);
      };
      EXPECT_EQ(kernel.guard(packet(22)), Fate::passed) << static_cast<int>(kind) << " " << units;
      EXPECT_EQ(kernel.guard(packet(23)), Fate::dropped) << static_cast<int>(kind) << " " << units;
    }
  }
  auto chain = [](std::uint16_t port) {
    return v6()
        .extension(Next::hop_by_hop)
        .extension(Next::routing, 3)
        .extension(Next::destination_options, 2)
        .fragment(0)
        .extension(Next::authentication, 3)
        .extension(Next::destination_options)
        .tcp(port);
  };
  EXPECT_EQ(kernel.guard(chain(22)), Fate::passed);
  EXPECT_EQ(kernel.guard(chain(23)), Fate::dropped);
}

TEST_F(Guard, JudgesTheSourceBehindAnyChainOfExtensionHeaders) {
  kernel.ban(v6_client);
  kernel.set_failsafe({{}, {22}});
  // Longer than guard follows: no port, so no failsafe port, but a source.
  EXPECT_EQ(kernel.guard(v6().extension(Next::destination_options, 40).tcp(22)), Fate::dropped);
  EXPECT_EQ(kernel.guard(v6().extension(Next::destination_options, 256).tcp(22)), Fate::dropped);
  auto many = v6();
  for (int i = 0; i < 20; ++i) many.extension(Next::destination_options);
  EXPECT_EQ(kernel.guard(many.tcp(22)), Fate::dropped);
  EXPECT_EQ(kernel.guard(v6().next(Next::none)), Fate::dropped);
  EXPECT_EQ(kernel.guard(v6().next(Next::icmp_v6).payload(8)), Fate::dropped);
}

TEST_F(Guard, JudgesFragmentsByTheirSourceAndTakesNoPortFromLaterOnes) {
  kernel.set_failsafe({{}, {22}});
  // The bytes of a later fragment that happen to lie where a port would be.
  const auto later_v4 = PacketBuilder().v4(v4_client, v4_proxy, 0, 185).tcp(22);
  const auto later_v6 = v6().fragment(185).tcp(22);
  EXPECT_EQ(kernel.guard(later_v4), Fate::passed);
  EXPECT_EQ(kernel.counter(COUNTER_FAILSAFE_PASSED), 0U);
  kernel.ban(v4_client);
  kernel.ban(v6_client);
  EXPECT_EQ(kernel.guard(later_v4), Fate::dropped);
  EXPECT_EQ(kernel.guard(later_v6), Fate::dropped);
  EXPECT_EQ(kernel.guard(PacketBuilder().v4(v4_client, v4_proxy, 0, 0, true).tcp(22)),
            Fate::passed);  // the first has a port
  EXPECT_EQ(kernel.guard(v6().fragment(0, true).tcp(22)), Fate::passed);
}

// BPF_PROG_TEST_RUN takes no frame shorter than an Ethernet header; shorter ones are for the fuzz target.
TEST_F(Guard, PassesFramesCutOffBeforeTheEndOfTheAddressesAndJudgesLongerOnes) {
  kernel.ban(v4_client);
  kernel.ban(v6_client);
  struct Case {
    PacketBuilder packet;
    std::size_t header_bytes;
  };
  for (const auto& [packet, header_bytes] : {
           Case{v4().tcp(rdp).payload(8), 20},
           Case{PacketBuilder().vlan(7, 0x88a8).vlan(8).v4(v4_client, v4_proxy, 10).tcp(rdp), 20},
           Case{v6().extension(Next::hop_by_hop, 2).extension(Next::authentication, 2).fragment(0).tcp(rdp).payload(8),
                40},
       }) {
    const auto& whole = packet.frame();
    for (std::size_t length = 14; length <= whole.size(); ++length) {
      const std::vector<std::uint8_t> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
      const bool has_addresses = length >= packet.network_header() + header_bytes;
      EXPECT_EQ(kernel.guard(cut), has_addresses ? Fate::dropped : Fate::passed) << "cut to " << length;
    }
  }
}

TEST_F(Guard, CountsBrokenIpHeadersAndPassesThem) {
  kernel.ban("0.0.0.0/0");
  kernel.ban("::/0");
  auto wrong_version = v4().tcp(rdp).frame();
  wrong_version[14] = 0x65;
  auto short_header = v4().tcp(rdp).frame();
  short_header[14] = 0x44;
  auto wrong_version_v6 = v6().tcp(rdp).frame();
  wrong_version_v6[14] = 0x40;
  EXPECT_EQ(kernel.guard(wrong_version), Fate::passed);
  EXPECT_EQ(kernel.guard(short_header), Fate::passed);
  EXPECT_EQ(kernel.guard(wrong_version_v6), Fate::passed);
  EXPECT_EQ(kernel.counter(COUNTER_MALFORMED), 3U);
}

TEST_F(Guard, PassesArpAndDoesNotCallItBroken) {
  EXPECT_EQ(kernel.guard(PacketBuilder().arp()), Fate::passed);
  EXPECT_EQ(kernel.counter(COUNTER_MALFORMED), 0U);
  EXPECT_EQ(kernel.counter(COUNTER_GUARD_PASSED), 1U);
}

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

TEST_F(Guard, IgnoresEveryBanWhenItIsOff) {
  kernel.set_mode(MODE_OFF);
  kernel.ban(v4_client);
  EXPECT_EQ(kernel.guard(v4().tcp(rdp)), Fate::passed);
  EXPECT_EQ(kernel.counter(COUNTER_OBSERVED), 0U);
  EXPECT_TRUE(kernel.events().empty());
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

TEST_F(Guard, ReportsEachSourceAFewTimesInAWindowAndThenSaysHowOftenItDidNot) {
  constexpr unsigned packets = 40;
  kernel.ban("192.0.2.0/24");
  for (unsigned i = 0; i < packets; ++i) EXPECT_EQ(kernel.guard(v4().tcp(rdp)), Fate::dropped);
  EXPECT_EQ(kernel.counter(COUNTER_BANNED_NET_DROPPED), packets);
  EXPECT_EQ(kernel.counter(COUNTER_EVENTS_SENT), unsigned{GATEHOUSE_EVENTS_PER_SOURCE});
  EXPECT_EQ(kernel.counter(COUNTER_EVENTS_SUPPRESSED), packets - GATEHOUSE_EVENTS_PER_SOURCE);
  EXPECT_EQ(kernel.events().size(), std::size_t{GATEHOUSE_EVENTS_PER_SOURCE});

  // Another source has reports of its own.
  EXPECT_EQ(kernel.guard(PacketBuilder().v4("192.0.2.8", v4_proxy).tcp(rdp)), Fate::dropped);
  EXPECT_EQ(kernel.events().size(), 1U);

  // The next window, by setting the clock of this one back.
  BpfMap<gatehouse_address, event_rate> rates(std::move(kernel.maps.event_rates), "event_rates");
  const auto source = raw_address(address(v4_client));
  auto rate = require(rates.get(source));
  ASSERT_TRUE(rate);
  EXPECT_EQ(rate->suppressed, packets - GATEHOUSE_EVENTS_PER_SOURCE);
  rate->window_start_ns -= GATEHOUSE_EVENT_WINDOW_NS;
  rate->tick = 0;
  require(rates.put(source, *rate));
  EXPECT_EQ(kernel.guard(v4().tcp(rdp)), Fate::dropped);
  const auto events = kernel.events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].suppressed, packets - GATEHOUSE_EVENTS_PER_SOURCE);
  EXPECT_EQ(require(rates.get(source))->suppressed, 0U);
}

TEST_F(Guard, GoesOnDroppingWhenNobodyReadsItsReports) {
  kernel.ban("192.0.0.0/8");
  const unsigned more_than_fit = GATEHOUSE_EVENT_RING_BYTES / sizeof(deny_event) + 100;
  for (unsigned i = 0; i < more_than_fit; ++i) {
    const std::string source =
        "192." + std::to_string(i / 65536 % 256) + "." + std::to_string(i / 256 % 256) + "." + std::to_string(i % 256);
    ASSERT_EQ(kernel.guard(PacketBuilder().v4(source, v4_proxy).tcp(rdp)), Fate::dropped);
  }
  EXPECT_GT(kernel.counter(COUNTER_EVENTS_LOST), 0U);
  EXPECT_EQ(kernel.counter(COUNTER_EVENTS_LOST) + kernel.counter(COUNTER_EVENTS_SENT), more_than_fit);
  EXPECT_EQ(kernel.events().size(), kernel.counter(COUNTER_EVENTS_SENT));
}

}  // namespace
}  // namespace gatehouse::kernel::test
