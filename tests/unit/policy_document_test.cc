#include "policy/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "unit/policy_fixture.h"

namespace gatehouse::policy {
namespace {

using testing::ElementsAre;

Document example() {
  return loaded(R"(
pools: {office: 10.200.0.0/24}
users: {alice: {sources: [192.0.2.7, 192.0.2.9]}, bob: {active: false, full_name: Bob}}
servers: {win1: {address: 198.51.100.1}}
services: {win1-rdp: {server: win1, proxy_ip: 10.200.0.1, port: 3389, kind: rdp}}
grants: {g: {user: alice, server: win1, end: 2027-01-01}}
)");
}

TEST(Document, LoadsBackFromItsYaml) {
  const auto document = example();
  EXPECT_EQ(loaded(to_yaml(document)), document);
  EXPECT_EQ(to_yaml(loaded(to_yaml(document))), to_yaml(document));
}

TEST(Document, PrintsNothingForAnEmptyPolicy) {
  EXPECT_EQ(to_yaml({}), "");
  EXPECT_EQ(loaded(to_yaml({})), Document());
}

TEST(Document, LeavesDefaultsOutOfItsYaml) {
  EXPECT_EQ(to_yaml(example()), R"(pools:
  office: [10.200.0.0/24]
users:
  alice:
    sources: [192.0.2.7, 192.0.2.9]
  bob:
    active: false
    full_name: Bob
servers:
  win1:
    address: 198.51.100.1
services:
  win1-rdp:
    server: win1
    proxy_ip: 10.200.0.1
    port: 3389
    kind: rdp
grants:
  g:
    user: alice
    server: win1
    end: "2027-01-01T00:00:00Z"
)");
}

TEST(Document, QuotesWhatYamlWouldReadAsSomethingElse) {
  Document document;
  for (const char* name : {"null", "Null", "true", "no", "on", "1", "1.5", "0x10", "1e3", "a@b", "y", "2026-11-23"}) {
    document.users[name] = {};
  }
  int number = 0;
  for (const char* text :
       {"~",   "null", "true", "- x", "a: b", "a #b", "#",  "&a", "*a",       "!x",        "\"",           "\\",
        "'",   "{a}",  "[",    "|",   ">",    "%a",   "@a", "`",  " leading", "trailing ", "öß – 漢字 🙂", "x\\n",
        "? a", "a,b",  "---",  "...", "=",    "<<"}) {
    document.users["u" + std::to_string(++number)].full_name = text;
  }
  for (const char* prefix : {"::1", "2001:db8::", "2001:db8::/32", "0.0.0.0/0", "::ffff:0:0/97", "fe80::/10"}) {
    document.users["sources"].sources.push_back(Prefix::parse(prefix).value());
  }
  std::sort(document.users["sources"].sources.begin(), document.users["sources"].sources.end());
  EXPECT_EQ(loaded(to_yaml(document)), document) << to_yaml(document);
}

TEST(Document, LoadsBackWhateverItsNumbersAre) {
  std::mt19937 random(20261123);  // NOLINT(bugprone-random-generator-seed): the same numbers in every run
  const auto below = [&](unsigned limit) { return static_cast<std::uint32_t>(random() % limit); };
  for (int round = 0; round < 50; ++round) {
    Document document;
    document.pools["p"].networks = {Prefix::parse("10.200.0.0/16").value(), Prefix::parse("2001:db8:f::/64").value()};
    for (std::uint32_t i = 0; i < 20; ++i) {
      const auto number = std::to_string(i);
      auto& user = document.users["u" + number];
      user.active = below(2) == 0;
      user.sources = {Prefix::host(Address::from_v4(0x0b000000U + i))};
      auto& server = document.servers["s" + number];
      server.address = Address::from_v4(0x0c000000U + i);
      auto& service = document.services["v" + number];
      service.server = "s" + number;
      service.proxy_ip = Address::from_v4(0x0ac80000U + i);
      service.port = static_cast<std::uint16_t>(1 + below(65535));
      service.kind = below(2) == 0 ? Kind::rdp : Kind::relay;
      service.protocol = below(2) == 0 ? "rdp" : "tcp";
      service.backend_port = static_cast<std::uint16_t>(1 + below(65535));
      service.source = below(2) == 0 ? SourceMode::gateway : SourceMode::client;
      service.proxy_protocol = below(2) == 0 ? ProxyProtocol::off : ProxyProtocol::v2;
      if (below(2) == 0) service.connect_timeout = Duration(1 + below(3'600'000));
      if (below(2) == 0) service.idle_timeout = Duration(1 + below(2'000'000'000));
      if (below(2) == 0) service.until = WallTime(Duration(below(4'000'000'000U) * 1000LL + below(1000)));
      auto& grant = document.grants["g" + number];
      grant.user = "u" + number;
      grant.server = "s" + number;
      if (below(2) == 0) grant.start = WallTime(Duration(below(4'000'000'000U) * 1000LL + below(1000)));
      if (below(2) == 0) grant.end = WallTime(Duration(5'000'000'000'000LL + below(4'000'000'000U)));
    }
    ASSERT_EQ(loaded(to_yaml(document)), document);
  }
}

TEST(Difference, IsEmptyBetweenEqualDocuments) {
  EXPECT_TRUE(difference(example(), example()).empty());
  EXPECT_EQ(text_of(std::vector<Change>{}), "");
}

TEST(Difference, ShowsEveryChangeOnceInTheOrderOfTheDocument) {
  const auto from = example();
  auto to = from;
  to.pools["lab"].networks = {Prefix::parse("10.201.0.0/24").value()};
  to.users["alice"].active = false;
  to.users["alice"].sources = {Prefix::parse("192.0.2.0/29").value(), Prefix::parse("192.0.2.9").value()};
  to.users.erase("bob");
  to.users["carol"].full_name = "Carol";
  to.services["win1-rdp"].idle_timeout = std::chrono::hours(1);
  to.services["win1-rdp"].backend_port = 3390;
  to.grants["g"].end = std::nullopt;
  EXPECT_EQ(text_of(difference(from, to)),
            "+ pools lab\n"
            "    networks: 10.201.0.0/24\n"
            "~ users alice\n"
            "    active: true -> false\n"
            "    sources: - 192.0.2.7\n"
            "    sources: + 192.0.2.0/29\n"
            "- users bob\n"
            "    active: false\n"
            "    full_name: Bob\n"
            "+ users carol\n"
            "    full_name: Carol\n"
            "~ services win1-rdp\n"
            "    backend_port: 3389 -> 3390\n"
            "    idle_timeout: (none) -> 1h\n"
            "~ grants g\n"
            "    end: 2027-01-01T00:00:00Z -> (none)\n");
}

TEST(Difference, KnowsTheSectionsOfRules) {
  const auto from = loaded(R"(
users: {alice: {}}
user_groups: {staff: {users: alice}}
schedules: {office: {zone: UTC, rules: [{weekdays: [mon-fri]}]}}
maintenance: {disks: {gate: true, start: 2026-12-01, end: 2026-12-02}}
denials: {no-root: {logins: root}}
)");
  auto to = from;
  to.user_groups["staff"].users.clear();
  to.server_groups["windows"].description = "all";
  to.schedules["office"].rules.front().from = 8 * 60;
  to.maintenance["disks"].grace = std::chrono::minutes(30);
  to.denials.erase("no-root");
  EXPECT_EQ(text_of(difference(from, to)),
            "~ user_groups staff\n"
            "    users: - alice\n"
            "+ server_groups windows\n"
            "    description: all\n"
            "~ schedules office\n"
            "    rules: - {weekdays: [mon-fri]}\n"
            "    rules: + {weekdays: [mon-fri], time: \"08:00-24:00\"}\n"
            "~ maintenance disks\n"
            "    grace: 0s -> 30m\n"
            "- denials no-root\n"
            "    logins: root\n");
}

TEST(Difference, NamesVerbSectionNameAndDetails) {
  auto to = example();
  to.users["bob"].active = true;
  const auto changes = difference(example(), to);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].verb, Change::Verb::modify);
  EXPECT_EQ(changes[0].section, "users");
  EXPECT_EQ(changes[0].name, "bob");
  EXPECT_THAT(changes[0].details, ElementsAre("active: false -> true"));
}

TEST(Difference, IsTheSameBackwardsWithAddAndRemoveExchanged) {
  const auto forward = difference(example(), {});
  const auto backward = difference({}, example());
  ASSERT_EQ(forward.size(), 6U);
  ASSERT_EQ(backward.size(), 6U);
  for (std::size_t i = 0; i < forward.size(); ++i) {
    EXPECT_EQ(forward[i].verb, Change::Verb::remove);
    EXPECT_EQ(backward[i].verb, Change::Verb::add);
    EXPECT_EQ(forward[i].name, backward[i].name);
    EXPECT_EQ(forward[i].details, backward[i].details);
  }
}

TEST(Policy, KeepsServicesPoolsAndItsVersion) {
  const auto policy = Policy::compile(example(), 42);
  EXPECT_EQ(policy->version(), 42U);
  EXPECT_EQ(policy->document(), example());
  ASSERT_EQ(policy->services().size(), 1U);
  EXPECT_EQ(policy->services()[0].id, 1U);
  EXPECT_EQ(policy->server(policy->services()[0].server).name, "win1");
  EXPECT_EQ(policy->service_at(address("10.200.0.1"), 3389, Transport::tcp), policy->services().data());
  EXPECT_EQ(policy->service_at(address("10.200.0.1"), 3389, Transport::udp), nullptr);
  EXPECT_EQ(policy->pools().size(), 1U);
  EXPECT_EQ(policy->user_at(address("192.0.2.9"))->user->name, "alice");
  EXPECT_FALSE(policy->user_at(address("192.0.2.10")));
}

}  // namespace
}  // namespace gatehouse::policy
