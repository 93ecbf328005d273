// The policy route as `ip` lists it.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "kernel/routes.h"
#include "support/namespace.h"
#include "support/process.h"

namespace gatehouse::kernel {
namespace {

using gatehouse::test::Namespace;
using gatehouse::test::run_command;
using nlohmann::json;

constexpr PolicyRoute route{.mark = 0x6a7e, .table = 27262, .priority = 2726};

class PolicyRoutes : public testing::Test {
 protected:
  json ip(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"ip", "-j"});
    const auto result = run_command(arguments, {.where = &place});
    return result.output.empty() ? json::array() : json::parse(result.output);
  }
  json our_rules(const std::string& family) const {
    json found = json::array();
    for (const json& rule : ip({family, "rule", "show"})) {
      if (rule.at("priority") == 2726) found.push_back(rule);
    }
    return found;
  }
  void add() const {
    const auto added = place.run([] { return add_policy_route(route); });
    ASSERT_TRUE(added) << added.error().text();
  }
  void remove() const {
    const auto removed = place.run([] { return remove_policy_route(route); });
    ASSERT_TRUE(removed) << removed.error().text();
  }
  bool intact() const {
    const auto result = place.run([] { return policy_route_is_intact(route); });
    EXPECT_TRUE(result) << result.error().text();
    return result.value_or(false);
  }

  const Namespace place;
};

TEST_F(PolicyRoutes, DeliverMarkedPacketsLocallyInBothFamilies) {
  EXPECT_FALSE(intact());
  for (int round = 0; round < 3; ++round) add();
  EXPECT_TRUE(intact());
  for (const char* family : {"-4", "-6"}) {
    const json rules = our_rules(family);
    ASSERT_EQ(rules.size(), 1U) << family;
    EXPECT_EQ(rules[0]["fwmark"], "0x6a7e");
    EXPECT_EQ(rules[0]["table"], "27262");
    EXPECT_FALSE(rules[0].contains("fwmask"));
    const json routes = ip({family, "route", "show", "table", "27262"});
    ASSERT_EQ(routes.size(), 1U) << family;
    EXPECT_EQ(routes[0]["type"], "local");
    EXPECT_EQ(routes[0]["dst"], "default");
    EXPECT_EQ(routes[0]["dev"], "lo");
  }
  EXPECT_EQ(ip({"route", "get", "203.0.113.9", "mark", "0x6a7e"})[0]["type"], "local");
  EXPECT_EQ(ip({"route", "get", "2001:db8::9", "mark", "0x6a7e"})[0]["type"], "local");
  EXPECT_NE(run_command({"ip", "route", "get", "203.0.113.9"}, {.where = &place}).exit_code, 0);
}

TEST_F(PolicyRoutes, GoAwayAndMayBeGoneAlready) {
  remove();
  add();
  place.ip({"route add local 192.0.2.0/24 dev lo table 27262"});
  remove();
  remove();
  EXPECT_FALSE(intact());
  for (const char* family : {"-4", "-6"}) EXPECT_TRUE(our_rules(family).empty());
  // What others put into the table stays theirs.
  EXPECT_EQ(ip({"route", "show", "table", "27262"}).size(), 1U);
}

TEST_F(PolicyRoutes, BringLoopbackUp) {
  place.ip({"link set lo down"});
  add();
  EXPECT_TRUE(intact());
  place.ip({"link set lo down"});
  EXPECT_FALSE(intact());
  add();
  EXPECT_TRUE(intact());
}

TEST_F(PolicyRoutes, AreFoundBrokenWhenAPartIsGone) {
  for (const char* change : {"rule del priority 2726", "route del local default dev lo table 27262",
                             "route del local ::/0 dev lo table 27262", "route flush table 27262"}) {
    add();
    ASSERT_TRUE(intact());
    place.ip({change});
    EXPECT_FALSE(intact()) << change;
  }
  add();
  ASSERT_EQ(run_command({"ip", "-6", "rule", "del", "priority", "2726"}, {.where = &place}).exit_code, 0);
  EXPECT_FALSE(intact());
  add();
  // Another rule in its place is not ours.
  place.ip({"rule del priority 2726", "rule add fwmark 0x6a7e/0xffff lookup 27262 priority 2726"});
  EXPECT_FALSE(intact());
  add();
  EXPECT_TRUE(intact());
}

TEST_F(PolicyRoutes, RefuseWhatWouldTakeEverybodysRoutes) {
  for (const PolicyRoute& bad : {PolicyRoute{0, 27262, 2726}, PolicyRoute{1, 254, 2726}, PolicyRoute{1, 255, 2726},
                                 PolicyRoute{1, 0, 2726}, PolicyRoute{1, 27262, 0}, PolicyRoute{1, 27262, 32766}}) {
    const auto added = place.run([&] { return add_policy_route(bad); });
    ASSERT_FALSE(added);
    EXPECT_FALSE(added.error().mend.empty()) << added.error().what;
    EXPECT_FALSE(place.run([&] { return remove_policy_route(bad); }));
  }
  EXPECT_EQ(ip({"rule", "show"}).size(), 3U);
}

TEST_F(PolicyRoutes, SayHowToMendASwitchedOffLoopback) {
  place.set_sysctl("net.ipv6.conf.lo.disable_ipv6", "1");
  const auto added = place.run([] { return add_policy_route(route); });
  if (added) {
    EXPECT_TRUE(intact());
  } else {
    EXPECT_NE(added.error().mend.find("disable_ipv6=0"), std::string::npos) << added.error().text();
  }
}

}  // namespace
}  // namespace gatehouse::kernel
