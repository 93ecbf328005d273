// The data plane refuses what it cannot do whole, says how to mend it, and leaves what was there: a machine in use, bad
// names, pins of others; and it is upgraded, and needs no more rights than it says.
#include "unit/kernel_plane_life.h"

namespace gatehouse::kernel::test {
namespace {

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

}  // namespace
}  // namespace gatehouse::kernel::test
