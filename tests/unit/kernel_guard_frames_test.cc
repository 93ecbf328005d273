// guard on frames of every shape: what it finds in them, and what it does with broken ones.
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <string>

#include "unit/kernel_guard.h"

namespace gatehouse::kernel::test {
namespace {

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

}  // namespace
}  // namespace gatehouse::kernel::test
