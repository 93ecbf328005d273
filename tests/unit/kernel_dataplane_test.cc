// The data plane's life: coming up, being taken over, refusing, being upgraded, going down. On a bpffs and in a network
// namespace of its own.
#include <bpf/bpf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "kernel/routes.h"
#include "support/patience.h"
#include "support/process.h"
#include "unit/kernel_plane.h"

namespace gatehouse::kernel::test {
namespace {

using gatehouse::test::run_command;

const std::set<std::string> map_names{"services",       "listeners",    "banned_hosts", "banned_nets",
                                      "banned_devices", "denied_flows", "failsafe",     "mode",
                                      "deny_events",    "counters",     "event_rates"};

class PlaneLife : public testing::Test {
 protected:
  std::set<std::string> pins() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(rig.pin(""))) names.insert(entry.path().filename());
    return names;
  }
  Fd pinned(const std::string& name) const { return Fd(::bpf_obj_get(rig.pin(name).c_str())); }
  std::uint32_t program_of_link(const std::string& name) const {
    return require(link_state(pinned(name).get())).program_id;
  }
  std::uint32_t program_pinned(const std::string& name) const {
    return require(program_identity(pinned(name).get())).id;
  }
  bool has_xdp(const std::string& interface) const {
    return run_command({"ip", "-details", "link", "show", "dev", interface}, {.where = &rig.where})
               .output.find("prog/xdp") != std::string::npos;
  }
  bool is_routed() const {
    const auto options = rig.options();
    return rig.in(
        [&] { return require(policy_route_is_intact({options.mark, options.route_table, options.rule_priority})); });
  }
  bool has_table() const {
    return run_command({"nft", "list", "table", "inet", "gatehouse"}, {.where = &rig.where}).exit_code == 0;
  }
  std::string table() const {
    return run_command({"nft", "list", "table", "inet", "gatehouse"}, {.where = &rig.where}).output;
  }
  // As if a former version's programs were behind the pins.
  void put_foreign_guard() const {
    bpf_insn program[2] = {};
    program[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
    program[0].imm = XDP_PASS;
    program[1].code = BPF_JMP | BPF_EXIT;
    bpf_prog_load_opts attachable{};
    attachable.sz = sizeof attachable;
    attachable.expected_attach_type = BPF_XDP;  // as libbpf says of guard; a link takes no program of another
    const Fd loaded(::bpf_prog_load(BPF_PROG_TYPE_XDP, "former", "GPL", program, 2, &attachable));
    ASSERT_TRUE(loaded);
    require(replace_program(pinned("link_guard_guard0").get(), loaded.get()));
    ASSERT_EQ(::unlink(rig.pin("prog_guard").c_str()), 0);
    ASSERT_EQ(::bpf_obj_pin(loaded.get(), rig.pin("prog_guard").c_str()), 0);
  }

  const PlaneRig rig;
};

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

TEST_F(PlaneLife, RefusesASecondDaemonAndNamesTheFirst) {
  const auto plane = rig.open();
  const auto second = rig.try_open(rig.options());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().what, "the instance test is in use by process " + std::to_string(::getpid()));
  EXPECT_FALSE(rig.in([&] { return Dataplane::upgrade(rig.options()); }));
}

TEST_F(PlaneLife, RefusesAMissingInterfaceAndLeavesNothing) {
  auto options = rig.options();
  options.interfaces = {"guard0", "nowhere0"};
  const auto refused = rig.try_open(options);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("nowhere0"), std::string::npos) << refused.error().text();
  EXPECT_FALSE(std::filesystem::exists(rig.pin("")));
  EXPECT_TRUE(gatehouse::test::eventually([&] { return !has_xdp("guard0"); }));
  EXPECT_FALSE(is_routed());
}

TEST_F(PlaneLife, RefusesAnInterfaceThatAnotherProgramHoldsAndTakesBackWhatItHadBegun) {
  bpf_insn program[2] = {};
  program[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
  program[0].imm = XDP_PASS;
  program[1].code = BPF_JMP | BPF_EXIT;
  const Fd other(::bpf_prog_load(BPF_PROG_TYPE_XDP, "other", "GPL", program, 2, nullptr));
  const auto held = rig.in([&] { return require(attach_guard(other.get(), "guard1", XdpMode::native)); });
  auto options = rig.options();
  options.interfaces = {"guard0", "guard1"};
  const auto refused = rig.try_open(options);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("guard1"), std::string::npos) << refused.error().text();
  EXPECT_NE(refused.error().what.find("another XDP program"), std::string::npos) << refused.error().text();
  EXPECT_FALSE(std::filesystem::exists(rig.pin("")));
  EXPECT_TRUE(gatehouse::test::eventually([&] { return !has_xdp("guard0"); }));
  EXPECT_TRUE(has_xdp("guard1"));
  EXPECT_FALSE(is_routed());
}

TEST_F(PlaneLife, RefusesBadNames) {
  for (const char* name : {"", "Test", "a_b", "a/b", "..", "123456789012345678901234567890123"}) {
    auto options = rig.options();
    options.instance = name;
    EXPECT_FALSE(rig.try_open(options)) << name;
  }
  auto twice = rig.options();
  twice.interfaces = {"guard0", "guard0"};
  EXPECT_FALSE(rig.try_open(twice));
}

TEST_F(PlaneLife, RefusesPinsOfAnotherSchemaAndSaysHowToBeRidOfThem) {
  rig.open().reset();
  {
    const auto maps = rig.maps();
    auto mode = require(maps.read_mode());
    mode.schema = 99;
    require(maps.write_mode(mode));
  }
  for (const auto& refused :
       {rig.try_open(rig.options()).error(), rig.in([&] { return Dataplane::upgrade(rig.options()); }).error()}) {
    EXPECT_NE(refused.what.find("schema 99"), std::string::npos) << refused.text();
    EXPECT_NE(refused.mend.find("rm -r " + rig.pin("").parent_path().string()), std::string::npos) << refused.text();
  }
  EXPECT_TRUE(has_xdp("guard0")) << "what was there stays";
}

TEST_F(PlaneLife, RefusesPinsThatAreNotAllThere) {
  rig.open().reset();
  ASSERT_EQ(::unlink(rig.pin("failsafe").c_str()), 0);
  const auto refused = rig.try_open(rig.options());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("failsafe"), std::string::npos) << refused.error().text();
  EXPECT_NE(refused.error().mend.find("rm -r"), std::string::npos) << refused.error().text();
}

TEST_F(PlaneLife, RefusesMapsOfAnotherShape) {
  rig.open().reset();
  const Fd other(::bpf_map_create(BPF_MAP_TYPE_HASH, "banned_hosts", 16, 8, 16, nullptr));
  ASSERT_EQ(::unlink(rig.pin("banned_hosts").c_str()), 0);
  ASSERT_EQ(::bpf_obj_pin(other.get(), rig.pin("banned_hosts").c_str()), 0);
  const auto refused = rig.try_open(rig.options());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("banned_hosts has another shape"), std::string::npos) << refused.error().text();
}

TEST_F(PlaneLife, RefusesAFormerVersionsProgramsUntilTheyAreUpgraded) {
  {
    const auto plane = rig.open();
    rig.in([&] {
      require(plane->add_bans(std::vector{ban_of("192.0.2.7", 1)}));
      require(plane->put_verdict(verdict_of("192.0.2.8", "198.51.100.20", 3389, std::chrono::minutes(1))));
    });
  }
  put_foreign_guard();
  const auto foreign = program_pinned("prog_guard");
  const auto refused = rig.try_open(rig.options());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("prog_guard is of another version"), std::string::npos) << refused.error().text();
  EXPECT_NE(refused.error().mend.find("gatehoused upgrade"), std::string::npos) << refused.error().text();
  EXPECT_EQ(program_of_link("link_guard_guard0"), foreign) << "what was there stays";

  rig.in([&] { require(Dataplane::upgrade(rig.options())); });
  EXPECT_NE(program_pinned("prog_guard"), foreign);
  EXPECT_EQ(program_of_link("link_guard_guard0"), program_pinned("prog_guard"));
  EXPECT_EQ(program_of_link("link_steer"), program_pinned("prog_steer"));

  const auto plane = rig.open();
  EXPECT_TRUE(plane->status().reused_pins);
  EXPECT_EQ(require(rig.maps().banned_hosts.entries()).size(), 1U);
  EXPECT_EQ(rig.in([&] { return require(plane->verdicts()).size(); }), 1U);
}

TEST_F(PlaneLife, HasNothingToUpgradeWhereNothingIsOrAllIsNew) {
  rig.in([&] { require(Dataplane::upgrade(rig.options())); });
  EXPECT_FALSE(std::filesystem::exists(rig.pin("")));
  rig.open().reset();
  const auto before = program_pinned("prog_guard");
  rig.in([&] { require(Dataplane::upgrade(rig.options())); });
  EXPECT_EQ(program_pinned("prog_guard"), before);
}

// A kill between the switch of a link and that of the pin.
TEST_F(PlaneLife, PutsThePinnedProgramBackBehindItsLinks) {
  rig.open().reset();
  const auto ours = program_pinned("prog_guard");
  {
    const Fd kept = pinned("prog_guard");
    put_foreign_guard();
    ASSERT_EQ(::unlink(rig.pin("prog_guard").c_str()), 0);
    ASSERT_EQ(::bpf_obj_pin(kept.get(), rig.pin("prog_guard").c_str()), 0);
  }
  ASSERT_NE(program_of_link("link_guard_guard0"), ours);
  const auto plane = rig.open();
  EXPECT_EQ(program_of_link("link_guard_guard0"), ours);
}

TEST_F(PlaneLife, RefusesThePinsOfAnotherNetworkNamespace) {
  rig.open().reset();
  const Namespace elsewhere;
  elsewhere.ip({"link add guard0 type veth peer name guard1", "link set guard0 up"});
  const auto refused = elsewhere.run([&] { return Dataplane::open(rig.options()); });
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("another network namespace"), std::string::npos) << refused.error().text();
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

// The unit file grants no more than these.
TEST_F(PlaneLife, NeedsNoMoreThanItsThreeCapabilities) {
  const Listening listening(rig.where);
  const pid_t child = ::fork();
  if (child == 0) {
    // Entering a namespace needs CAP_SYS_ADMIN, so that comes first.
    if (::setns(rig.where.descriptor(), 0) != 0) ::_exit(2);
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2] = {};
    for (const unsigned capability : {CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF}) {
      data[capability / 32].effective |= 1U << (capability % 32);
      data[capability / 32].permitted |= 1U << (capability % 32);
    }
    if (::syscall(SYS_capset, &header, data) != 0) ::_exit(3);
    int code = 0;
    for (int round = 0; round < 2 && code == 0; ++round) {
      auto plane = Dataplane::open(rig.options());
      if (!plane) {
        std::fprintf(stderr, "open: %s\n", plane.error().text().c_str());
        ::_exit(4);
      }
      const auto note = [&code](const char* what, const auto& result) {
        if (result) return;
        std::fprintf(stderr, "%s: %s\n", what, result.error().text().c_str());
        code = 5;
      };
      note("set_listeners", (*plane)->set_listeners(std::vector{listening.pair()}));
      note("set_services", (*plane)->set_services(std::vector{service_of("198.51.100.20", 3389, 7)},
                                                  std::vector{network("198.51.100.0/24")}, 3));
      note("sync_bans", (*plane)->sync_bans(std::vector{ban_of("192.0.2.7", 1), ban_of("2001:db8::/32", 2)}));
      note("put_verdict",
           (*plane)->put_verdict(verdict_of("192.0.2.8", "198.51.100.20", 3389, std::chrono::minutes(1))));
      note("verdicts", (*plane)->verdicts());
      note("sweep", (*plane)->sweep(now()));
      note("reconcile", (*plane)->reconcile());
      note("stop", (*plane)->stop(false));
    }
    ::_exit(code);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
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
