// The data plane's life: coming up, being taken over, stopping. What it refuses and how it is upgraded:
// kernel_dataplane_refusals_test.cc.
#include "unit/kernel_plane_life.h"

namespace gatehouse::kernel::test {
namespace {

TEST_F(PlaneLife, PinsEveryMapProgramAndLinkByName) {
  const auto plane = rig.open();
  auto expected = map_names;
  expected.insert({"prog_guard", "prog_steer", "link_steer", "link_guard_guard0"});
  EXPECT_EQ(pins(), expected);
  const auto status = plane->status();
  EXPECT_EQ(status.steering, "sk_lookup");
  EXPECT_EQ(status.enforcement, "enforce");
  EXPECT_EQ(status.pins, rig.pin("").parent_path());
  EXPECT_FALSE(status.reused_pins);
  ASSERT_EQ(status.guards.size(), 1U);
  EXPECT_EQ(status.guards[0].interface, "guard0");
  EXPECT_EQ(status.guards[0].mode, "native");
  EXPECT_TRUE(has_xdp("guard0"));
  EXPECT_TRUE(gatehouse::test::eventually([&] { return !has_xdp("guard1"); }));
  EXPECT_TRUE(is_routed());
  const auto mode = require(rig.maps().read_mode());
  EXPECT_EQ(mode.schema, unsigned{GATEHOUSE_SCHEMA});
  EXPECT_EQ(mode.mode, unsigned{MODE_ENFORCE});
  EXPECT_EQ(mode.steering, unsigned{STEERING_SK_LOOKUP});
}

// What operators see; the maps carry BTF.
TEST_F(PlaneLife, DumpsItsMapsWithNamedFields) {
  auto options = rig.options();
  options.failsafe = {{address("203.0.113.9")}, {22}};
  const auto plane = rig.open(options);
  const Listening listening(rig.where);
  rig.in([&] {
    require(plane->set_listeners(std::vector{listening.pair()}));
    require(plane->set_services(std::vector{service_of("198.51.100.20", 3389, 7)},
                                std::vector{network("198.51.100.0/24")}, 3));
    require(plane->add_bans(std::vector{ban_of("192.0.2.7", 1), ban_of("2001:db8::/32", 2)}));
    require(plane->put_verdict(verdict_of("192.0.2.8", "198.51.100.20", 3389, std::chrono::minutes(1))));
  });
  struct Expected {
    const char* map;
    const char* key_field;
    const char* value_field;
  };
  for (const auto& [map, key_field, value_field] :
       {Expected{"services", "l4proto", "service_id"}, Expected{"banned_hosts", "bytes", "ban_id"},
        Expected{"banned_nets", "prefix_length", "ban_id"}, Expected{"denied_flows", "destination", "audit_id"},
        Expected{"failsafe", "kind", "zero"}, Expected{"mode", "", "policy_version"}, Expected{"counters", "", ""}}) {
    const auto dump = run_command({"bpftool", "-j", "map", "dump", "pinned", rig.pin(map)});
    ASSERT_EQ(dump.exit_code, 0) << map << dump.errors;
    const auto entries = nlohmann::json::parse(dump.output);
    ASSERT_FALSE(entries.empty()) << map;
    ASSERT_TRUE(entries[0].contains("formatted")) << map << " " << dump.output.substr(0, 300);
    const auto& formatted = entries[0]["formatted"];
    if (*key_field != '\0') {
      EXPECT_TRUE(formatted["key"].contains(key_field)) << map << " " << formatted.dump();
    }
    if (*value_field != '\0') {
      EXPECT_TRUE(formatted["value"].contains(value_field)) << map << " " << formatted.dump();
    }
  }
}

TEST_F(PlaneLife, IsTakenOverWithItsBansVerdictsServicesAndLinks) {
  std::uint32_t guard_before = 0;
  std::uint32_t steer_before = 0;
  {
    const auto plane = rig.open();
    rig.in([&] {
      require(plane->set_services(std::vector{service_of("198.51.100.20", 3389, 7)},
                                  std::vector{network("198.51.100.0/24")}, 3));
      require(plane->add_bans(std::vector{ban_of("192.0.2.7", 1)}));
      require(plane->put_verdict(verdict_of("192.0.2.8", "198.51.100.20", 3389, std::chrono::minutes(1))));
    });
    guard_before = program_of_link("link_guard_guard0");
    steer_before = program_of_link("link_steer");
  }
  // The daemon is dead: everything that denies stays.
  EXPECT_TRUE(has_xdp("guard0"));
  EXPECT_TRUE(has_table());
  const auto plane = rig.open();
  EXPECT_TRUE(plane->status().reused_pins);
  EXPECT_EQ(program_of_link("link_guard_guard0"), guard_before);
  EXPECT_EQ(program_of_link("link_steer"), steer_before);
  const auto maps = rig.maps();
  EXPECT_EQ(require(maps.banned_hosts.entries()).size(), 1U);
  EXPECT_EQ(require(maps.services.entries()).size(), 1U);
  EXPECT_EQ(require(maps.read_mode()).policy_version, 3U);
  const auto verdicts = rig.in([&] { return require(plane->verdicts()); });
  ASSERT_EQ(verdicts.size(), 1U);
  EXPECT_EQ(verdicts[0].audit_id, 77U);
}

TEST_F(PlaneLife, FollowsChangedInterfacesAndModesWhenItIsTakenOver) {
  rig.open().reset();
  auto options = rig.options();
  options.interfaces = {"guard1"};
  rig.open(options).reset();
  EXPECT_TRUE(gatehouse::test::eventually([&] { return !has_xdp("guard0"); }));
  EXPECT_TRUE(has_xdp("guard1"));
  EXPECT_TRUE(pins().contains("link_guard_guard1"));
  EXPECT_FALSE(pins().contains("link_guard_guard0"));

  options.xdp = XdpMode::generic;
  {
    const auto plane = rig.open(options);
    ASSERT_EQ(plane->status().guards.size(), 1U);
    EXPECT_EQ(plane->status().guards[0].mode, "generic");
  }
  options.xdp = XdpMode::off;
  const auto plane = rig.open(options);
  EXPECT_TRUE(plane->status().guards.empty());
  EXPECT_TRUE(gatehouse::test::eventually([&] { return !has_xdp("guard1"); }));
  EXPECT_FALSE(pins().contains("link_guard_guard1"));
}

TEST_F(PlaneLife, FallsBackToGenericModeWhereTheDriverHasNone) {
  auto options = rig.options();
  options.interfaces = {"lo"};
  {
    const auto plane = rig.open(options);
    EXPECT_EQ(plane->status().guards.at(0).mode, "generic");
    rig.in([&] { require(plane->stop(false)); });
  }
  options.xdp = XdpMode::native;
  const auto refused = rig.try_open(options);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("lo"), std::string::npos) << refused.error().text();
  EXPECT_NE(refused.error().mend.find("xdp: generic"), std::string::npos) << refused.error().text();
}

TEST_F(PlaneLife, PinsTheGuardOfAVlanInterface) {
  // What matters is the dot in the name, which a pin cannot have; VLAN devices are not in every kernel.
  rig.where.ip({"link set guard1 down", "link set guard1 name guard1.100", "link set guard1.100 up"});
  auto options = rig.options();
  options.interfaces = {"guard1.100"};
  {
    const auto plane = rig.open(options);
    EXPECT_TRUE(pins().contains("link_guard_guard1:100"));
  }
  const auto again = rig.open(options);
  EXPECT_EQ(again->status().guards.size(), 1U);
}

TEST_F(PlaneLife, ChangesItsSteeringWhenItIsTakenOver) {
  rig.open().reset();
  auto options = rig.options();
  options.steering = SteeringMode::tproxy;
  {
    const auto plane = rig.open(options);
    EXPECT_EQ(plane->status().steering, "tproxy");
    EXPECT_FALSE(pins().contains("link_steer"));
    EXPECT_FALSE(pins().contains("prog_steer"));
    EXPECT_EQ(require(rig.maps().read_mode()).steering, unsigned{STEERING_TPROXY});
  }
  const auto plane = rig.open();
  EXPECT_EQ(plane->status().steering, "sk_lookup");
  EXPECT_TRUE(pins().contains("link_steer"));
  EXPECT_TRUE(pins().contains("prog_steer"));
  EXPECT_EQ(require(rig.maps().read_mode()).steering, unsigned{STEERING_SK_LOOKUP});
}

TEST_F(PlaneLife, StopsClosedAndGoesOnRejecting) {
  {
    const auto plane = rig.open();
    rig.in([&] {
      require(plane->set_services(std::vector{service_of("198.51.100.20", 3389, 7)},
                                  std::vector{network("198.51.100.0/24")}, 3));
      require(plane->add_bans(std::vector{ban_of("192.0.2.7", 1)}));
      EXPECT_NE(table().find("198.51.100.20"), std::string::npos);
      require(plane->stop(false));
      require(plane->stop(false));
    });
  }
  EXPECT_TRUE(has_xdp("guard0"));
  EXPECT_TRUE(is_routed());
  const auto maps = rig.maps();
  EXPECT_EQ(require(maps.banned_hosts.entries()).size(), 1U);
  EXPECT_TRUE(require(maps.services.entries()).empty());
  const auto left = table();
  EXPECT_NE(left.find("198.51.100.0/24"), std::string::npos) << left;
  EXPECT_EQ(left.find("198.51.100.20"), std::string::npos) << left;
}

// Without its own table there is nobody to reject: steer must go on dropping what is a service.
TEST_F(PlaneLife, KeepsServicesThatItNeverHeardOfWhenItStops) {
  {
    const auto plane = rig.open();
    rig.in([&] {
      require(plane->set_services(std::vector{service_of("198.51.100.20", 3389, 7)},
                                  std::vector{network("198.51.100.0/24")}, 3));
    });
  }
  const auto plane = rig.open();
  rig.in([&] { require(plane->stop(false)); });
  EXPECT_EQ(require(rig.maps().services.entries()).size(), 1U);
  EXPECT_NE(table().find("198.51.100.20"), std::string::npos);
}

TEST_F(PlaneLife, StopsForAHandOverWithoutTakingAnythingDown) {
  const auto plane = rig.open();
  rig.in([&] {
    require(plane->set_services(std::vector{service_of("198.51.100.20", 3389, 7)},
                                std::vector{network("198.51.100.0/24")}, 3));
    require(plane->stop(true));
  });
  EXPECT_EQ(require(rig.maps().services.entries()).size(), 1U);
  EXPECT_NE(table().find("198.51.100.20"), std::string::npos);
}

TEST_F(PlaneLife, StopsOpenAndLeavesNothing) {
  auto options = rig.options();
  options.on_stop = OnStop::open;
  {
    const auto plane = rig.open(options);
    rig.in([&] {
      require(plane->set_services(std::vector{service_of("198.51.100.20", 3389, 7)},
                                  std::vector{network("198.51.100.0/24")}, 3));
      require(plane->stop(false));
    });
    EXPECT_TRUE(gatehouse::test::eventually([&] { return !has_xdp("guard0"); }));
  }
  EXPECT_FALSE(has_table());
  EXPECT_FALSE(is_routed());
  EXPECT_FALSE(std::filesystem::exists(rig.bpffs.path() / "gatehouse"));
}

TEST_F(PlaneLife, GivesItsPinsToAGroup) {
  auto options = rig.options();
  options.pin_group = 4242;
  const auto plane = rig.open(options);
  for (const auto& name : pins()) {
    struct stat about{};
    ASSERT_EQ(::stat(rig.pin(name).c_str(), &about), 0);
    EXPECT_EQ(about.st_gid, 4242U) << name;
    EXPECT_EQ(about.st_mode & 0777U, 0640U) << name;
  }
}

TEST(Features, AreFoundOnThisKernel) {
  const auto features = probe_features();
  EXPECT_FALSE(features.kernel_release.empty());
  EXPECT_TRUE(features.sk_lookup);
  EXPECT_TRUE(features.xdp);
  EXPECT_TRUE(features.ring_buffer);
  const auto table = features.table();
  EXPECT_EQ(table.size(), 10U);
  for (const auto& feature : table) EXPECT_FALSE(feature.used_for.empty()) << feature.name;
}

TEST(ContractNames, AreAllThere) {
  std::set<std::string> names;
  for (unsigned i = 0; i < COUNTER_COUNT; ++i) names.insert(counter_name(static_cast<gatehouse_counter>(i)));
  EXPECT_EQ(names.size(), std::size_t{COUNTER_COUNT});
  EXPECT_STREQ(counter_name(COUNTER_STEERED), "steered");
  EXPECT_STREQ(counter_name(COUNTER_EVENTS_LOST), "events_lost");
  EXPECT_STREQ(deny_event_name(DENY_EVENT_VERDICT), "verdict");
  EXPECT_STREQ(deny_event_name(DENY_EVENT_NO_LISTENER), "no_listener");
}

}  // namespace
}  // namespace gatehouse::kernel::test
