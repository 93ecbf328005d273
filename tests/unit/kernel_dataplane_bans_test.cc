// Bans, verdicts and settings in the maps of a data plane.
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <poll.h>

#include <algorithm>
#include <map>
#include <set>
#include <thread>

#include "unit/kernel_plane.h"
#include "unit/kernel_programs.h"

namespace gatehouse::kernel::test {
namespace {

using gatehouse::test::PacketBuilder;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""ms;

class PlaneBans : public testing::Test {
 protected:
  std::map<std::string, ban_value> banned() const {
    std::map<std::string, ban_value> all;
    for (const auto& [key, value] : require(maps.banned_hosts.entries()))
      all.emplace(Prefix::host(address_of(key)).text(), value);
    for (const auto& [key, value] : require(maps.banned_nets.entries())) all.emplace(network_of(key).text(), value);
    return all;
  }
  std::set<std::string> banned_names() const {
    std::set<std::string> names;
    for (const auto& [name, value] : banned()) names.insert(name);
    return names;
  }

  const PlaneRig rig;
  const std::unique_ptr<Dataplane> plane = rig.open();
  const KernelMaps maps = rig.maps();
};

TEST_F(PlaneBans, PutHostsAndNetworksWhereGuardLooksForThem) {
  const auto end = now() + 1h;
  require(plane->add_bans(std::vector{ban_of("192.0.2.7", 1, end), ban_of("192.0.2.0/24", 2), ban_of("2001:db8::9", 3),
                                      ban_of("2001:db8::/32", 4)}));
  EXPECT_EQ(require(maps.banned_hosts.entries()).size(), 2U);
  EXPECT_EQ(require(maps.banned_nets.entries()).size(), 2U);
  const auto all = banned();
  EXPECT_EQ(all.at("192.0.2.7").ban_id, 1U);
  EXPECT_NEAR(static_cast<double>(all.at("192.0.2.7").expires_ns), static_cast<double>(to_boot_time_ns(end)), 50e6);
  EXPECT_EQ(all.at("192.0.2.7").reason, static_cast<__u32>(policy::Reason::banned_source));
  EXPECT_EQ(all.at("192.0.2.7").prefix_length, 128U);
  EXPECT_EQ(all.at("192.0.2.0/24").expires_ns, 0U);
  EXPECT_EQ(all.at("192.0.2.0/24").prefix_length, 120U);
  EXPECT_EQ(plane->status().banned_hosts, 2U);
  EXPECT_EQ(plane->status().banned_nets, 2U);
}

TEST_F(PlaneBans, OfDevicesChangeOneByOneAmongTheRest) {
  const auto ids = [&] {
    std::map<std::string, std::uint64_t> all;
    for (const auto& [key, value] : require(maps.banned_devices.entries())) {
      all.emplace(std::string(key.id, ::strnlen(key.id, sizeof key.id)), value.ban_id);
    }
    return all;
  };
  using Ids = std::map<std::string, std::uint64_t>;
  require(plane->set_device_bans(std::vector<DeviceBan>{{"1", {}, 11}, {"2", {}, 12}, {"3", {}, 13}}));
  require(plane->change_device_bans(
      {.put = {{"3", {}, 23}, {"4", {}, 14}, {std::string(17, 'x'), {}, 15}}, .gone = {"1", "absent"}}));
  EXPECT_EQ(ids(), (Ids{{"2", 12}, {"3", 23}, {"4", 14}})) << "what is no key of the map is the daemon's alone";
  require(plane->change_device_bans({.put = {{"2", now() - 1h, 12}}}));
  EXPECT_EQ(ids(), (Ids{{"3", 23}, {"4", 14}})) << "one that has run out is none";
  require(plane->set_device_bans(std::vector<DeviceBan>{{"4", {}, 14}}));
  EXPECT_EQ(ids(), (Ids{{"4", 14}}));
}

TEST_F(PlaneBans, ReplaceAndRemove) {
  require(plane->add_bans(std::vector{ban_of("192.0.2.7", 1), ban_of("192.0.2.0/24", 2)}));
  require(plane->add_bans(std::vector{ban_of("192.0.2.7", 5, now() + 1h)}));
  EXPECT_EQ(banned().at("192.0.2.7").ban_id, 5U);
  EXPECT_EQ(plane->status().banned_hosts, 1U);
  require(plane->remove_bans(std::vector{network("192.0.2.7"), network("203.0.113.1"), network("192.0.2.0/24")}));
  EXPECT_TRUE(banned().empty());
  EXPECT_EQ(plane->status().banned_hosts, 0U);
  EXPECT_EQ(plane->status().banned_nets, 0U);
}

TEST_F(PlaneBans, DoNotPutWhatIsOverAlready) {
  require(plane->add_bans(std::vector{ban_of("192.0.2.7", 1, now() - 1ms)}));
  require(plane->sync_bans(std::vector{ban_of("192.0.2.8", 2, now())}));
  EXPECT_TRUE(banned().empty());
}

TEST_F(PlaneBans, SyncByTheDifferenceOnly) {
  const auto end = now() + 1h;
  const std::vector<policy::Ban> kept{ban_of("192.0.2.1", 1), ban_of("192.0.2.2", 2, end),
                                      ban_of("198.18.0.0/15", 3, end)};
  require(plane->add_bans(kept));
  require(
      plane->add_bans(std::vector{ban_of("192.0.2.3", 4), ban_of("192.0.2.4", 5, end), ban_of("2001:db8::/32", 6)}));
  // Entries of nobody, as after a restart with another store.
  require(maps.banned_hosts.put(raw_address(address("203.0.113.77")), ban_value{0, 9, 15, 128, {}}));
  require(maps.banned_nets.put(net_key_of(network("203.0.113.0/25")), ban_value{0, 9, 15, 121, {}}));
  const auto before = banned();
  std::this_thread::sleep_for(20ms);  // a conversion of the same expiry would give another number

  auto wanted = kept;
  wanted.push_back(ban_of("192.0.2.4", 5, end + 1h));  // longer
  wanted.push_back(ban_of("192.0.2.9", 7));            // new
  wanted.push_back(ban_of("192.0.2.9", 8));            // the later one counts
  require(plane->sync_bans(wanted));
  const auto after = banned();
  EXPECT_EQ(banned_names(),
            (std::set<std::string>{"192.0.2.1", "192.0.2.2", "192.0.2.4", "192.0.2.9", "198.18.0.0/15"}));
  for (const auto& ban : kept) {
    const auto name = ban.network.text();
    EXPECT_EQ(std::memcmp(&before.at(name), &after.at(name), sizeof(ban_value)), 0) << name << " was rewritten";
  }
  EXPECT_GT(after.at("192.0.2.4").expires_ns, before.at("192.0.2.4").expires_ns);
  EXPECT_EQ(after.at("192.0.2.9").ban_id, 8U);
  EXPECT_EQ(plane->status().banned_hosts, 4U);
  EXPECT_EQ(plane->status().banned_nets, 1U);
}

TEST_F(PlaneBans, ComeAHundredThousandAtATime) {
  std::vector<policy::Ban> bans;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    if (i % 10 == 0) {
      bans.push_back({i, Prefix::covering(Address::from_v4(0x0a000000U + (i << 8U)), 120), std::nullopt});
    } else {
      bans.push_back({i, Prefix::host(Address::from_v4(0xac000000U + i)), std::nullopt});
    }
  }
  require(plane->sync_bans(bans));
  EXPECT_EQ(require(maps.banned_hosts.entries()).size(), 90'000U);
  EXPECT_EQ(require(maps.banned_nets.entries()).size(), 10'000U);
  EXPECT_EQ(plane->status().banned_hosts, 90'000U);
  EXPECT_EQ(plane->status().banned_nets, 10'000U);
  EXPECT_FALSE(rig.in([&] { return require(plane->reconcile()); }).any());
  require(plane->sync_bans({}));
  EXPECT_TRUE(banned().empty());
}

TEST_F(PlaneBans, AreSweptWhenTheyAreOver) {
  const auto end = now() + 1h;
  require(plane->add_bans(std::vector{ban_of("192.0.2.1", 1, end), ban_of("192.0.2.0/25", 2, end),
                                      ban_of("192.0.2.2", 3), ban_of("192.0.2.3", 4, end)}));
  require(plane->add_bans(std::vector{ban_of("192.0.2.3", 5, end + 1h)}));
  EXPECT_EQ(require(plane->sweep(end - 1ms)), 0U);
  EXPECT_EQ(require(plane->sweep(end)), 2U) << "at that moment it holds no longer";
  EXPECT_EQ(banned_names(), (std::set<std::string>{"192.0.2.2", "192.0.2.3"}));
  EXPECT_EQ(require(plane->sweep(end)), 0U);
  EXPECT_EQ(require(plane->sweep(end + 1h)), 1U);
  EXPECT_EQ(banned_names(), std::set<std::string>{"192.0.2.2"});
  EXPECT_EQ(plane->status().banned_hosts, 1U);
  EXPECT_EQ(plane->status().banned_nets, 0U);
}

class PlaneVerdicts : public PlaneBans {};

TEST_F(PlaneVerdicts, AreListedAsTheyWerePut) {
  auto verdict = verdict_of("2001:db8:1::7", "2001:db8:64::20", 3389, 1min);
  verdict.transport = policy::Transport::udp;
  require(plane->put_verdict(verdict));
  require(plane->put_verdict(verdict_of("192.0.2.7", "198.51.100.20", 22, 1min)));
  auto listed = require(plane->verdicts());
  ASSERT_EQ(listed.size(), 2U);
  if (listed[0].destination.port == 22) std::swap(listed[0], listed[1]);
  EXPECT_EQ(listed[0].source, verdict.source);
  EXPECT_EQ(listed[0].destination, verdict.destination);
  EXPECT_EQ(listed[0].transport, policy::Transport::udp);
  EXPECT_EQ(listed[0].audit_id, 77U);
  EXPECT_EQ(listed[0].reason, policy::Reason::no_matching_policy);
  EXPECT_LT(std::chrono::abs(listed[0].expires - verdict.expires), 50ms);
  EXPECT_EQ(plane->status().verdicts, 2U);
}

TEST_F(PlaneVerdicts, AreNotPutWhenTheyAreOver) {
  require(plane->put_verdict(verdict_of("192.0.2.7", "198.51.100.20", 22, -1ms)));
  require(plane->put_verdict(verdict_of("192.0.2.7", "198.51.100.20", 23, 0ms)));
  EXPECT_TRUE(require(maps.denied_flows.entries()).empty());
}

TEST_F(PlaneVerdicts, AlwaysEnd) {
  auto verdict = verdict_of("192.0.2.7", "198.51.100.20", 22, 1min);
  verdict.expires = WallTime::max();
  require(plane->put_verdict(verdict));
  const auto entries = require(maps.denied_flows.entries());
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_GT(entries[0].second.expires_ns, boot_time_ns());
}

TEST_F(PlaneVerdicts, AreErasedByTheirKeyAndAbsentOnesAreFine) {
  const auto one = verdict_of("192.0.2.7", "198.51.100.20", 22, 1min);
  const auto two = verdict_of("192.0.2.7", "198.51.100.20", 23, 1min);
  require(plane->put_verdict(one));
  require(plane->put_verdict(two));
  require(plane->erase_verdicts(std::vector{verdict_of("192.0.2.9", "198.51.100.20", 22, 1min), one}));
  const auto listed = require(plane->verdicts());
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0].destination.port, 23);
  require(plane->erase_verdicts({}));
}

TEST_F(PlaneVerdicts, AreSweptWhenTheyAreOver) {
  require(plane->put_verdict(verdict_of("192.0.2.7", "198.51.100.20", 22, 30ms)));
  require(plane->put_verdict(verdict_of("192.0.2.7", "198.51.100.20", 23, 1h)));
  std::this_thread::sleep_for(40ms);
  EXPECT_EQ(require(plane->verdicts()).size(), 1U) << "over, though still in the map";
  EXPECT_EQ(require(plane->sweep(now())), 1U);
  EXPECT_EQ(require(maps.denied_flows.entries()).size(), 1U);
  EXPECT_EQ(plane->status().verdicts, 1U);
  EXPECT_EQ(require(plane->sweep(now() + 2h)), 1U);
  EXPECT_EQ(plane->status().verdicts, 0U);
}

TEST_F(PlaneVerdicts, SayThatTheMapIsFullAndGoOnWhenThereIsRoom) {
  std::vector<VerdictMap::Entry> entries;
  for (std::uint32_t i = 0; i < GATEHOUSE_MAX_DENIED_FLOWS; ++i) {
    flow_key key{};
    key.source = raw_address(Address::from_v4(0x0a000000U + i));
    key.l4proto = 6;
    entries.emplace_back(key, verdict_value{boot_time_ns() + 3'600'000'000'000ULL, 0, 0, 0, 0});
  }
  require(maps.denied_flows.put(entries));
  const auto verdict = verdict_of("192.0.2.7", "198.51.100.20", 22, 1min);
  const auto refused = plane->put_verdict(verdict);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("denied_flows"), std::string::npos) << refused.error().text();
  EXPECT_NE(refused.error().what.find("full"), std::string::npos) << refused.error().text();
  require(maps.denied_flows.erase(entries.front().first));
  require(plane->put_verdict(verdict));
}

TEST_F(PlaneVerdicts, AreTakenFromSeveralThreads) {
  std::vector<std::thread> threads;
  std::atomic<unsigned> refused = 0;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (unsigned i = 0; i < 500; ++i) {
        const auto source = "192.0." + std::to_string(t) + "." + std::to_string(i % 250);
        if (!plane->put_verdict(verdict_of(source, "198.51.100.20", static_cast<std::uint16_t>(i / 250 + 1), 1min)))
          ++refused;
        static_cast<void>(plane->counters());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(refused, 0U);
  EXPECT_EQ(require(plane->verdicts()).size(), 2000U);
}

class PlaneSettings : public PlaneBans {
 protected:
  std::set<std::string> failsafe() const {
    std::set<std::string> all;
    for (const auto& [key, value] : require(maps.failsafe.entries())) {
      all.insert(key.kind == FAILSAFE_PORT ? std::to_string(key.port) : address_of(key.address).text());
    }
    return all;
  }
};

TEST_F(PlaneSettings, ChangeTheEnforcementAndKeepTheRest) {
  const auto before = require(maps.read_mode());
  require(plane->set_enforcement(Enforcement::observe));
  auto after = require(maps.read_mode());
  EXPECT_EQ(after.mode, unsigned{MODE_OBSERVE});
  EXPECT_EQ(plane->status().enforcement, "observe");
  after.mode = before.mode;
  EXPECT_EQ(std::memcmp(&before, &after, sizeof after), 0);
  require(plane->set_enforcement(Enforcement::off));
  EXPECT_EQ(require(maps.read_mode()).mode, unsigned{MODE_OFF});
}

TEST_F(PlaneSettings, ReplaceTheFailsafeEntriesAndTellGuardWhichAreAbsent) {
  require(plane->set_failsafe({{address("203.0.113.1"), address("2001:db8::1")}, {22, 2222}}));
  EXPECT_EQ(failsafe(), (std::set<std::string>{"203.0.113.1", "2001:db8::1", "22", "2222"}));
  const auto absent = require(maps.read_mode()).failsafe_absent;
  for (const auto& [key, value] : require(maps.failsafe.entries()))
    EXPECT_EQ(absent >> gatehouse_failsafe_class(&key) & 1U, 0U);
  EXPECT_NE(absent, 0U);
  require(plane->set_failsafe({{address("203.0.113.2")}, {22}}));
  EXPECT_EQ(failsafe(), (std::set<std::string>{"203.0.113.2", "22"}));
  require(plane->set_failsafe({}));
  EXPECT_TRUE(failsafe().empty());
}

TEST_F(PlaneSettings, ReplaceAFullFailsafeMapAndRefuseMoreThanItHolds) {
  Failsafe first;
  Failsafe second;
  for (unsigned i = 0; i < GATEHOUSE_MAX_FAILSAFE; ++i) {
    first.tcp_ports.push_back(static_cast<std::uint16_t>(1000 + i));
    second.tcp_ports.push_back(static_cast<std::uint16_t>(2000 + i));
  }
  require(plane->set_failsafe(first));
  require(plane->set_failsafe(second));
  EXPECT_EQ(failsafe().size(), std::size_t{GATEHOUSE_MAX_FAILSAFE});
  EXPECT_TRUE(failsafe().contains("2000"));
  auto more = second;
  more.tcp_ports.push_back(9);
  EXPECT_FALSE(plane->set_failsafe(more));
  EXPECT_EQ(failsafe().size(), std::size_t{GATEHOUSE_MAX_FAILSAFE});
  EXPECT_FALSE(failsafe().contains("9"));
}

TEST_F(PlaneSettings, CountByTheNamesOfTheContract) {
  const auto counters = plane->counters();
  ASSERT_EQ(counters.values.size(), std::size_t{COUNTER_COUNT});
  EXPECT_EQ(counters.values[COUNTER_BANNED_NET_DROPPED].first, "banned_net_dropped");
  std::vector<std::uint64_t> cells(1024, 0);
  cells[0] = 5;
  const std::uint32_t index = COUNTER_OBSERVED;
  ASSERT_EQ(::bpf_map_update_elem(maps.counters.get(), &index, cells.data(), 0), 0);
  EXPECT_EQ(plane->counters().of(COUNTER_OBSERVED), 5U);
}

TEST_F(PlaneSettings, SayWhenThereAreEvents) {
  require(plane->add_bans(std::vector{ban_of("192.0.2.7", 42)}));
  pollfd poll{plane->events_fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&poll, 1, 0), 0);
  const Fd guard(::bpf_obj_get(rig.pin("prog_guard").c_str()));
  const auto frame = PacketBuilder().v4("192.0.2.7", "198.51.100.20").tcp(3389).frame();
  bpf_test_run_opts options{};
  options.sz = sizeof options;
  options.data_in = frame.data();
  options.data_size_in = static_cast<std::uint32_t>(frame.size());
  ASSERT_EQ(::bpf_prog_test_run_opts(guard.get(), &options), 0);
  EXPECT_EQ(options.retval, unsigned{XDP_DROP});
  EXPECT_EQ(::poll(&poll, 1, 1000), 1);
  std::vector<deny_event> events;
  EXPECT_EQ(plane->drain_events([&](const deny_event& event) { events.push_back(event); }, 10), 1U);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].cause_id, 42U);
  EXPECT_EQ(plane->drain_events({}, 10), 0U);

  // In rounds, so that a flood leaves room for other work.
  for (int i = 0; i < 3; ++i) ASSERT_EQ(::bpf_prog_test_run_opts(guard.get(), &options), 0);
  EXPECT_EQ(plane->drain_events({}, 2), 2U);
  EXPECT_EQ(::poll(&poll, 1, 1000), 1) << "what is left in the ring is not heard of";
  EXPECT_EQ(plane->drain_events({}, 2), 1U);
  EXPECT_EQ(plane->drain_events({}, 2), 0U);
}

}  // namespace
}  // namespace gatehouse::kernel::test
