// What somebody else changed in the kernel is found, mended and counted.
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "kernel/routes.h"
#include "support/process.h"
#include "unit/kernel_plane.h"

namespace gatehouse::kernel::test {
namespace {

using gatehouse::test::run_command;

class Reconcile : public testing::Test {
 protected:
  Reconcile() {
    rig.in([this] {
      require(plane->set_listeners(std::vector{listening.pair()}));
      require(plane->set_services(services, std::vector{network("198.51.100.0/24"), network("2001:db8:64::/64")}, 3));
      require(plane->sync_bans(
          std::vector{ban_of("192.0.2.7", 1), ban_of("192.0.2.128/25", 2), ban_of("2001:db8::/32", 3)}));
    });
  }
  static DataplaneOptions with_failsafe(DataplaneOptions options) {
    options.failsafe = {{address("203.0.113.9")}, {22}};
    return options;
  }
  Drift reconcile() const {
    return rig.in([this] { return require(plane->reconcile()); });
  }
  // Mended once, and nothing is left to mend.
  Drift mended() const {
    const Drift drift = reconcile();
    const Drift again = reconcile();
    EXPECT_FALSE(again.any()) << again.services << " " << again.bans << " " << again.rules << " " << again.guards;
    return drift;
  }
  std::string nft(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "nft");
    const auto result = run_command(arguments, {.where = &rig.where});
    return result.output + result.errors;
  }

  const std::vector<ServiceBinding> services{service_of("198.51.100.20", 3389, 7),
                                             service_of("2001:db8:64::20", 3389, 8)};
  const PlaneRig rig;
  const Listening listening{rig.where};
  const std::unique_ptr<Dataplane> plane = rig.open(with_failsafe(rig.options()));
  const KernelMaps maps = rig.maps();
};

TEST_F(Reconcile, FindsNothingWhereNothingWasChanged) {
  EXPECT_FALSE(reconcile().any());
}

TEST_F(Reconcile, PutsServicesBackAndTakesForeignOnesOut) {
  require(maps.services.erase(service_key_of(services[0])));
  auto changed = service_value_of(services[1]);
  changed.service_id = 99;
  require(maps.services.put(service_key_of(services[1]), changed));
  const auto foreign = service_of("198.51.100.99", 80, 5);
  require(maps.services.put(service_key_of(foreign), service_value_of(foreign)));
  EXPECT_EQ(mended().services, 3U);
  EXPECT_TRUE(require(maps.services.get(service_key_of(services[0]))));
  EXPECT_EQ(require(maps.services.get(service_key_of(services[1])))->service_id, 8U);
  EXPECT_FALSE(require(maps.services.get(service_key_of(foreign))));
}

TEST_F(Reconcile, PutsListenersBack) {
  require(maps.listeners.erase(1));
  EXPECT_EQ(mended().services, 1U);
  EXPECT_TRUE(require(maps.listeners.get(1)));
}

TEST_F(Reconcile, PutsBansBackAndTakesForeignOnesOut) {
  require(maps.banned_hosts.erase(raw_address(address("192.0.2.7"))));
  require(maps.banned_nets.put(net_key_of(network("192.0.2.128/25")), ban_value{1, 2, 15, 121, {}}));
  require(maps.banned_nets.put(net_key_of(network("203.0.113.0/24")), ban_value{0, 9, 15, 120, {}}));
  EXPECT_EQ(mended().bans, 3U);
  EXPECT_TRUE(require(maps.banned_hosts.get(raw_address(address("192.0.2.7")))));
  EXPECT_EQ(require(maps.banned_nets.get(net_key_of(network("192.0.2.128/25"))))->expires_ns, 0U);
  EXPECT_FALSE(require(maps.banned_nets.get(net_key_of(network("203.0.113.0/24")))));
}

TEST_F(Reconcile, PutsAFlushedTableBack) {
  nft({"flush", "ruleset"});
  EXPECT_EQ(mended().rules, 1U);
  EXPECT_NE(nft({"list", "table", "inet", "gatehouse"}).find("198.51.100.20"), std::string::npos);
}

TEST_F(Reconcile, PutsThePolicyRouteBack) {
  rig.where.ip({"rule del priority 2726"});
  EXPECT_EQ(mended().rules, 1U);
  ASSERT_EQ(run_command({"ip", "-6", "route", "flush", "table", "27262"}, {.where = &rig.where}).exit_code, 0);
  EXPECT_EQ(mended().rules, 1U);
}

TEST_F(Reconcile, SetsTheModeAndTheFailsafeEntriesRight) {
  auto mode = require(maps.read_mode());
  mode.mode = MODE_OFF;
  require(maps.write_mode(mode));
  require(maps.failsafe.erase(failsafe_key{{}, 22, 6, FAILSAFE_PORT}));
  require(maps.failsafe.put(failsafe_key{{}, 23, 6, FAILSAFE_PORT}, failsafe_value{}));
  EXPECT_EQ(mended().rules, 3U);
  EXPECT_EQ(require(maps.read_mode()).mode, unsigned{MODE_ENFORCE});
  EXPECT_TRUE(require(maps.failsafe.get(failsafe_key{{}, 22, 6, FAILSAFE_PORT})));
  EXPECT_FALSE(require(maps.failsafe.get(failsafe_key{{}, 23, 6, FAILSAFE_PORT})));
}

TEST_F(Reconcile, PinsAgainWhatWasUnpinned) {
  ASSERT_EQ(::unlink(rig.pin("link_steer").c_str()), 0);
  ASSERT_EQ(::unlink(rig.pin("denied_flows").c_str()), 0);
  EXPECT_EQ(mended().rules, 2U);
  std::filesystem::remove_all(rig.pin(""));
  EXPECT_EQ(mended().rules, 15U) << "eleven maps, two programs, two links";
  EXPECT_TRUE(std::filesystem::exists(rig.pin("link_guard_guard0")));
}

TEST_F(Reconcile, AttachesSteerAgain) {
  {
    const Fd link(::bpf_obj_get(rig.pin("link_steer").c_str()));
    ASSERT_EQ(::bpf_link_detach(link.get()), 0);
  }
  EXPECT_EQ(mended().rules, 1U);
  const Fd link(::bpf_obj_get(rig.pin("link_steer").c_str()));
  EXPECT_NE(require(link_state(link.get())).network_namespace, 0U);
}

TEST_F(Reconcile, AttachesGuardToAnInterfaceThatCameBack) {
  rig.where.ip({"link del guard0"});
  const auto gone = rig.in([this] { return plane->reconcile(); });
  ASSERT_FALSE(gone);
  EXPECT_NE(gone.error().what.find("guard0"), std::string::npos) << gone.error().text();
  EXPECT_TRUE(plane->status().guards.empty());
  rig.where.ip({"link add guard0 type veth peer name guard1", "link set guard0 up"});
  EXPECT_EQ(mended().guards, 1U);
  ASSERT_EQ(plane->status().guards.size(), 1U);
  EXPECT_TRUE(std::filesystem::exists(rig.pin("link_guard_guard0")));
}

TEST_F(Reconcile, AttachesGuardToANewInterfaceOfTheOldName) {
  rig.where.ip({"link del guard0", "link add guard0 type veth peer name guard1", "link set guard0 up"});
  EXPECT_EQ(mended().guards, 1U);
}

TEST_F(Reconcile, MendsTheRestWhenOnePartCannotBeMended) {
  rig.where.ip({"link del guard0"});
  require(maps.banned_hosts.erase(raw_address(address("192.0.2.7"))));
  EXPECT_FALSE(rig.in([this] { return plane->reconcile(); }));
  EXPECT_TRUE(require(maps.banned_hosts.get(raw_address(address("192.0.2.7")))));
}

TEST_F(Reconcile, DoesNotBringServicesBackAfterAStop) {
  rig.in([this] { require(plane->stop(false)); });
  EXPECT_FALSE(reconcile().any());
  EXPECT_TRUE(require(maps.services.entries()).empty());
}

}  // namespace
}  // namespace gatehouse::kernel::test
