// An instance taken out of the kernel by hand, and instances that would be in each other's way.
#include "unit/kernel_plane_life.h"

namespace gatehouse::kernel::test {
namespace {

class TearDown : public PlaneLife {
 protected:
  Result<void> tear_down() const {
    return rig.in([&] { return Dataplane::tear_down(rig.options()); });
  }
  void add_table_of(const std::string& instance, const std::string& table) const {
    const auto made =
        run_command({"nft", "-f", "-"},
                    {.where = &rig.where,
                     .input = "table inet " + table + " { comment \"gatehouse instance=" + instance + "\"; }\n"});
    ASSERT_EQ(made.exit_code, 0) << made.errors;
  }
  bool has_table_named(const std::string& name) const {
    return run_command({"nft", "list", "table", "inet", name}, {.where = &rig.where}).exit_code == 0;
  }
  void leave_what_a_stop_leaves() const {
    const auto plane = rig.open();
    rig.in([&] {
      require(plane->set_services({}, std::vector{network("203.0.113.0/24")}, 1));
      require(plane->add_bans(std::vector{ban_of("192.0.2.7", 1)}));
      require(plane->stop(false));
    });
  }
};

TEST_F(TearDown, TakesAwayTableRouteProgramsAndPins) {
  leave_what_a_stop_leaves();
  ASSERT_TRUE(has_table());
  ASSERT_TRUE(has_xdp("guard0"));
  require(tear_down());
  EXPECT_FALSE(has_table());
  EXPECT_FALSE(is_routed());
  // The kernel lets go of a link a moment after its last holder.
  EXPECT_TRUE(gatehouse::test::eventually([&] { return !has_xdp("guard0"); }));
  EXPECT_FALSE(std::filesystem::exists(rig.pin("")));
}

TEST_F(TearDown, NeedsNeitherTheInterfacesNorProgramsOfThisVersion) {
  leave_what_a_stop_leaves();
  put_foreign_guard();
  ASSERT_EQ(run_command({"ip", "link", "delete", "guard0"}, {.where = &rig.where}).exit_code, 0);
  require(tear_down());
  EXPECT_FALSE(has_table());
  EXPECT_FALSE(std::filesystem::exists(rig.pin("")));
}

TEST_F(TearDown, FindsNothingToDoTwice) {
  leave_what_a_stop_leaves();
  require(tear_down());
  EXPECT_TRUE(tear_down());
}

TEST_F(TearDown, RefusesWhileADaemonRuns) {
  const auto plane = rig.open();
  EXPECT_FALSE(tear_down());
  EXPECT_TRUE(std::filesystem::exists(rig.pin("prog_guard")));
}

TEST_F(TearDown, LeavesTheTableAndTheRouteOfAnotherInstance) {
  leave_what_a_stop_leaves();
  add_table_of("other", "other");
  require(tear_down());
  EXPECT_FALSE(has_table());
  EXPECT_TRUE(has_table_named("other"));
  EXPECT_TRUE(is_routed()) << "the other instance lost the route that both used";
}

TEST_F(TearDown, RefusesThePinsOfAnotherNetworkNamespace) {
  leave_what_a_stop_leaves();
  const Namespace elsewhere;
  const auto refused = elsewhere.run([&] { return Dataplane::tear_down(rig.options()); });
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("another network namespace"), std::string::npos) << refused.error().text();
  EXPECT_TRUE(has_xdp("guard0"));
}

TEST_F(TearDown, IsNamedToWhoFindsAnotherInstanceInItsNetworkNamespace) {
  for (const char* table : {"gatehouse", "gh_other"}) {
    add_table_of("other", table);
    const auto refused = rig.try_open(rig.options());
    ASSERT_FALSE(refused) << table;
    EXPECT_NE(refused.error().what.find("the instance other has this network namespace"), std::string::npos)
        << refused.error().text();
    EXPECT_NE(refused.error().mend.find("teardown"), std::string::npos);
    EXPECT_TRUE(has_table_named(table));
    EXPECT_FALSE(std::filesystem::exists(rig.pin("")));
    ASSERT_EQ(run_command({"nft", "delete", "table", "inet", table}, {.where = &rig.where}).exit_code, 0);
  }
}

TEST_F(PlaneLife, ChecksWhatAStartWouldRefuseWithoutTouchingAnything) {
  const auto check = [&](const DataplaneOptions& options) { return rig.in([&] { return Dataplane::check(options); }); };
  EXPECT_TRUE(check(rig.options()));
  EXPECT_FALSE(std::filesystem::exists(rig.pin("")));
  const auto plane = rig.open();
  EXPECT_TRUE(check(rig.options())) << "beside the running daemon";
  auto options = rig.options();
  options.interfaces = {"absent0"};
  EXPECT_FALSE(check(options));
  put_foreign_guard();
  const auto refused = check(rig.options());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("is of another version"), std::string::npos) << refused.error().text();
  EXPECT_NE(refused.error().mend.find("gatehoused upgrade"), std::string::npos);
}

TEST_F(TearDown, IsNotNeededForAFormerTableOfTheSameInstance) {
  leave_what_a_stop_leaves();
  auto options = rig.options();
  options.table = "renamed";
  const auto plane = rig.open(options);
  EXPECT_TRUE(has_table()) << "gone before the new one was there";
  rig.in([&] { require(plane->set_services({}, std::vector{network("203.0.113.0/24")}, 2)); });
  EXPECT_TRUE(has_table_named("renamed"));
  EXPECT_FALSE(has_table());
}

}  // namespace
}  // namespace gatehouse::kernel::test
