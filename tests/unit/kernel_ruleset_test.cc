// The table as `nft` lists it, and what apply, remove and the comparison do with it. Real packets:
// kernel_ruleset_packets_test.cc.
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "kernel/address_intervals.h"
#include "kernel/ruleset.h"
#include "support/namespace.h"
#include "support/patience.h"
#include "support/process.h"

namespace gatehouse::kernel {
namespace {

using gatehouse::test::Namespace;
using gatehouse::test::run_command;
using nlohmann::json;

struct Listing {
  std::string comment;
  std::map<std::string, json> sets;
  std::map<std::string, json> chains;
  std::map<std::string, std::vector<json>> rules;  // by chain
  std::string text;
};

class Ruleset : public testing::Test {
 protected:
  RulesetSpec spec() const {
    RulesetSpec result;
    result.instance = "test";
    result.mark = 0x6a7e;
    result.pools = {*Prefix::parse("10.9.0.0/16"), *Prefix::parse("fd09::/32")};
    result.services = {service("10.9.0.1", 3389), service("10.9.0.1", 3389, policy::Transport::udp),
                       service("fd09::1", 22)};
    return result;
  }
  static ServiceBinding service(const std::string& address, std::uint16_t port,
                                policy::Transport transport = policy::Transport::tcp) {
    return {.proxy = {*Address::parse(address), port},
            .transport = transport,
            .service_id = 1,
            .kind = policy::Kind::relay,
            .listener_slot = 0};
  }
  Result<void> apply(const RulesetSpec& wanted) const {
    return place.run([&] { return apply_ruleset(wanted); });
  }
  bool intact(const RulesetSpec& wanted) const {
    return place.run([&] {
      const auto result = ruleset_is_intact(wanted);
      EXPECT_TRUE(result) << result.error().text();
      return result.value_or(false);
    });
  }
  void nft(const std::string& commands) const {
    const auto result = run_command({"nft", "-f", "-"}, {.where = &place, .input = commands});
    ASSERT_EQ(result.exit_code, 0) << result.errors << commands;
  }
  Listing list(const std::string& table = "gatehouse") const {
    Listing listing;
    const auto result = run_command({"nft", "-j", "list", "table", "inet", table}, {.where = &place});
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    if (result.exit_code != 0) return listing;
    listing.text = run_command({"nft", "list", "table", "inet", table}, {.where = &place}).output;
    const json parsed = json::parse(result.output);
    for (const json& entry : parsed.at("nftables")) {
      if (entry.contains("set")) listing.sets[entry["set"]["name"]] = entry["set"];
      if (entry.contains("chain")) listing.chains[entry["chain"]["name"]] = entry["chain"];
      if (entry.contains("rule")) listing.rules[entry["rule"]["chain"]].push_back(entry["rule"]);
    }
    return listing;
  }
  std::size_t tables() const {
    const json parsed = json::parse(run_command({"nft", "-j", "list", "tables"}, {.where = &place}).output);
    return static_cast<std::size_t>(
        std::ranges::count_if(parsed["nftables"], [](const json& entry) { return entry.contains("table"); }));
  }
  std::size_t handle() const {
    const std::string text = run_command({"nft", "-a", "list", "table", "inet", "gatehouse"}, {.where = &place}).output;
    return static_cast<std::size_t>(std::stoul(text.substr(text.find("# handle ") + 9)));
  }

  const Namespace place;
};

TEST_F(Ruleset, MakesTheTableThatWasAskedFor) {
  ASSERT_TRUE(apply(spec()));
  const Listing listing = list();
  EXPECT_NE(listing.text.find("comment \"gatehouse instance=test\""), std::string::npos) << listing.text;

  ASSERT_EQ(listing.sets.size(), 4U);
  EXPECT_EQ(listing.sets.at("pools4_a")["elem"], json::parse(R"([{"prefix":{"addr":"10.9.0.0","len":16}}])"));
  EXPECT_EQ(listing.sets.at("pools6_a")["elem"], json::parse(R"([{"prefix":{"addr":"fd09::","len":32}}])"));
  EXPECT_EQ(listing.sets.at("services4_a")["type"], json::parse(R"(["ipv4_addr","inet_proto","inet_service"])"));
  EXPECT_EQ(listing.sets.at("services4_a")["elem"],
            json::parse(R"([{"concat":["10.9.0.1","tcp",3389]},{"concat":["10.9.0.1","udp",3389]}])"));
  EXPECT_EQ(listing.sets.at("services6_a")["elem"], json::parse(R"([{"concat":["fd09::1","tcp",22]}])"));

  ASSERT_EQ(listing.chains.size(), 3U);
  EXPECT_EQ(listing.chains.at("prerouting")["hook"], "prerouting");
  EXPECT_EQ(listing.chains.at("prerouting")["prio"], -150);
  EXPECT_EQ(listing.chains.at("forward")["hook"], "forward");
  EXPECT_EQ(listing.chains.at("forward")["prio"], -10);
  EXPECT_FALSE(listing.chains.at("pool").contains("hook"));

  const std::string& text = listing.text;
  for (const char* line : {
           "ip daddr @pools4_a goto pool",
           "ip6 daddr @pools6_a goto pool",
           "ip daddr . meta l4proto . th dport @services4_a meta mark set 0x00006a7e accept",
           "ip6 daddr . meta l4proto . th dport @services6_a meta mark set 0x00006a7e accept",
           "meta l4proto icmp meta mark set 0x00006a7e accept",
           "meta l4proto ipv6-icmp meta mark set 0x00006a7e accept",
           "tcp flags != syn / syn,ack socket transparent 1 socket wildcard 0 meta mark set 0x00006a7e accept",
           "meta l4proto tcp counter packets 0 bytes 0 reject with tcp reset",
           "meta l4proto udp counter packets 0 bytes 0 reject\n",
           "counter packets 0 bytes 0 drop comment \"digest=",
           "ip daddr @pools4_a counter packets 0 bytes 0 drop",
           "ip saddr @pools4_a counter packets 0 bytes 0 drop",
           "ip6 daddr @pools6_a counter packets 0 bytes 0 drop",
           "ip6 saddr @pools6_a counter packets 0 bytes 0 drop",
       }) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
  EXPECT_TRUE(intact(spec()));
}

TEST_F(Ruleset, PutsADropBehindEveryTproxy) {
  RulesetSpec wanted = spec();
  wanted.tproxy = true;
  wanted.tproxy_port = 9100;
  wanted.reject = RejectMode::drop;
  ASSERT_TRUE(apply(wanted));
  const std::string text = list().text;
  for (const char* line : {
           "@services4_a tproxy ip to 127.0.0.1:9100 meta mark set 0x00006a7e accept",
           "@services6_a tproxy ip6 to [::1]:9100 meta mark set 0x00006a7e accept",
           "meta l4proto tcp counter packets 0 bytes 0 drop",
       }) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
  for (const char* family : {"services4_a", "services6_a"}) {
    const std::size_t last_tproxy = text.rfind(std::string(family) + " tproxy");
    const std::size_t drop = text.rfind(std::string(family) + " counter packets 0 bytes 0 drop");
    EXPECT_NE(drop, std::string::npos) << text;
    EXPECT_LT(last_tproxy, drop) << text;
  }
  EXPECT_TRUE(intact(wanted));
  EXPECT_FALSE(intact(spec()));
}

TEST_F(Ruleset, LeavesSocketsAloneWhereTheKernelCannotLookForThem) {
  RulesetSpec wanted = spec();
  wanted.socket_match = false;
  ASSERT_TRUE(apply(wanted));
  EXPECT_EQ(list().text.find("socket"), std::string::npos);
  EXPECT_TRUE(intact(wanted));
}

TEST_F(Ruleset, MergesOverlappingAndAdjacentPoolsUpToTheLastAddress) {
  RulesetSpec wanted = spec();
  wanted.services.clear();
  for (const char* pool : {"10.9.4.0/24", "10.10.0.0/16", "255.255.255.0/24", "0.0.0.0/8", "192.0.2.7", "fd09:0:1::/48",
                           "ffff::/16", "::/128", "2001:db8::1"}) {
    wanted.pools.push_back(*Prefix::parse(pool));
  }
  ASSERT_TRUE(apply(wanted));
  const Listing listing = list();
  EXPECT_EQ(listing.sets.at("pools4_a")["elem"],
            json::parse(R"([{"prefix":{"addr":"0.0.0.0","len":8}},{"range":["10.9.0.0","10.10.255.255"]},"192.0.2.7",
                            {"prefix":{"addr":"255.255.255.0","len":24}}])"));
  EXPECT_EQ(listing.sets.at("pools6_a")["elem"],
            json::parse(
                R"(["::","2001:db8::1",{"prefix":{"addr":"fd09::","len":32}},{"prefix":{"addr":"ffff::","len":16}}])"));
  EXPECT_TRUE(intact(wanted));

  wanted.pools = {*Prefix::parse("0.0.0.0/0"), *Prefix::parse("::/0"), *Prefix::parse("10.0.0.0/8"),
                  *Prefix::parse("255.255.255.255")};
  ASSERT_TRUE(apply(wanted));
  EXPECT_TRUE(intact(wanted));
  EXPECT_EQ(merged_intervals(wanted.pools, AddressFamily::ipv4).size(), 1U);
  EXPECT_EQ(merged_intervals(wanted.pools, AddressFamily::ipv6).size(), 1U);
}

TEST_F(Ruleset, ReplacesOnlyWhatChangesAndKeepsItsChainsHooked) {
  ASSERT_TRUE(apply(spec()));
  const std::size_t first = handle();
  RulesetSpec wanted = spec();
  wanted.services = {service("10.9.0.7", 5900)};
  wanted.mark = 0x77;
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(apply(wanted));
    EXPECT_TRUE(intact(wanted));
    const Listing listing = list();
    ASSERT_EQ(listing.sets.size(), 4U);
    const std::string generation = round % 2 == 0 ? "_b" : "_a";
    EXPECT_EQ(listing.sets.at("services4" + generation)["elem"],
              json::parse(R"([{"concat":["10.9.0.7","tcp",5900]}])"));
    EXPECT_EQ(listing.text.find("0x00006a7e"), std::string::npos);
    EXPECT_EQ(handle(), first);
  }
  EXPECT_EQ(tables(), 1U);
}

TEST_F(Ruleset, TakesOverATableOfAnybody) {
  nft("table inet gatehouse {\n set mine { type ipv4_addr; }\n chain mine { type filter hook input priority 5; drop\n "
      "}\n}\n");
  EXPECT_FALSE(intact(spec()));
  ASSERT_TRUE(apply(spec()));
  EXPECT_TRUE(intact(spec()));
  EXPECT_EQ(list().chains.count("mine"), 0U);
  // What a daemon leaves behind that ends between the two transactions.
  nft("add set inet gatehouse services4_b { type ipv4_addr . inet_proto . inet_service; }\n"
      "add set inet gatehouse pools6_b { type ipv6_addr; }\n");
  EXPECT_FALSE(intact(spec()));
  ASSERT_TRUE(apply(spec()));
  EXPECT_TRUE(intact(spec()));
  EXPECT_EQ(list().sets.size(), 4U);
}

TEST_F(Ruleset, NoticesEveryForeignChange) {
  const std::string moved_chain = R"(flush chain inet gatehouse forward
delete chain inet gatehouse forward
add chain inet gatehouse forward { type filter hook forward priority 10; })";
  for (const std::string& change : std::vector<std::string>{
           "delete table inet gatehouse",
           "flush ruleset",
           "flush table inet gatehouse",
           "flush chain inet gatehouse forward",
           "flush set inet gatehouse services4_a ",
           "delete element inet gatehouse services6_a { fd09::1 . tcp . 22 }",
           "delete element inet gatehouse pools4_a { 10.9.0.0/16 }",
           "add element inet gatehouse pools4_a { 10.11.0.0/16 }",
           "insert rule inet gatehouse prerouting accept",
           "add rule inet gatehouse forward accept",
           "add chain inet gatehouse other",
           "add set inet gatehouse other { type ipv4_addr; }",
           "chain inet gatehouse forward { policy drop; }",
           "table inet gatehouse { flags dormant; }",
           moved_chain,
       }) {
    ASSERT_TRUE(apply(spec())) << change;
    ASSERT_TRUE(intact(spec())) << change;
    std::string commands = change;
    const std::string generation = list().sets.contains("pools4_a") ? "_a" : "_b";
    for (std::size_t at = 0; (at = commands.find("_a ", at)) != std::string::npos; ++at)
      commands.replace(at, 2, generation);
    nft(commands + "\n");
    EXPECT_FALSE(intact(spec())) << change;
    ASSERT_TRUE(apply(spec())) << change;
    EXPECT_TRUE(intact(spec())) << change;
  }
  // One rule for another one.
  ASSERT_TRUE(apply(spec()));
  const auto rules = list().rules.at("pool");
  nft("replace rule inet gatehouse pool handle " + std::to_string(rules.at(7)["handle"].get<int>()) +
      " meta l4proto tcp counter accept\n");
  EXPECT_FALSE(intact(spec()));
}

TEST_F(Ruleset, CountersDoNotDisturbTheComparison) {
  ASSERT_TRUE(apply(spec()));
  place.ip({"route add local 10.9.0.0/16 dev lo"});
  place.run([] {
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_storage to{};
    const socklen_t length = Endpoint{*Address::parse("10.9.0.9"), 9}.to_sockaddr(to);
    ASSERT_EQ(::sendto(socket.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), length), 1);
  });
  EXPECT_NE(list().text.find("meta l4proto udp counter packets 1 "), std::string::npos) << list().text;
  EXPECT_TRUE(intact(spec()));
}

TEST_F(Ruleset, IsRemovedAndStaysRemoved) {
  EXPECT_FALSE(intact(spec()));
  ASSERT_TRUE(apply(spec()));
  nft("table inet other { }\n");
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(place.run([] { return remove_ruleset("gatehouse"); }));
    EXPECT_EQ(tables(), 1U);
    EXPECT_FALSE(intact(spec()));
  }
}

TEST_F(Ruleset, OutlivesTheProcessThatMadeIt) {
  // Every call opens and closes its own socket: an owned table would be gone by now, and a foreign owner could not be
  // flushed.
  ASSERT_TRUE(apply(spec()));
  EXPECT_EQ(list().text.find("flags"), list().text.find("flags interval"));
  EXPECT_TRUE(intact(spec()));
}

TEST_F(Ruleset, HoldsTenThousandServices) {
  RulesetSpec wanted = spec();
  wanted.services.clear();
  for (std::uint32_t index = 0; index < 5000; ++index) {
    wanted.services.push_back(service("10.9.0.1", 1));
    wanted.services.back().proxy = {Address::from_v4(0x0a090000U + index), 3389};
    wanted.services.push_back(service("fd09::1", 3389));
    Address& address = wanted.services.back().proxy.address;
    address.bytes[14] = static_cast<std::uint8_t>(index >> 8U);
    address.bytes[15] = static_cast<std::uint8_t>(index & 0xffU);
  }
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(apply(wanted));
    ASSERT_TRUE(intact(wanted));
  }
  const Listing listing = list();
  EXPECT_EQ(listing.sets.at("services4_b")["elem"].size(), 5000U);
  EXPECT_EQ(listing.sets.at("services6_b")["elem"].size(), 5000U);
  wanted.services.resize(1000);
  EXPECT_FALSE(intact(wanted));
}

TEST_F(Ruleset, HoldsThousandsOfPools) {
  RulesetSpec wanted = spec();
  wanted.services.clear();
  wanted.pools.clear();
  for (std::uint32_t index = 0; index < 3000; ++index) {
    wanted.pools.push_back(Prefix::covering(Address::from_v4(0x0a000000U + index * 512), 120));
    Address address = *Address::parse("fd09::");
    address.bytes[4] = static_cast<std::uint8_t>(index >> 7U);
    address.bytes[5] = static_cast<std::uint8_t>((index & 0x7fU) << 1U);
    wanted.pools.push_back(Prefix::covering(address, 48));
  }
  for (int round = 0; round < 2; ++round) ASSERT_TRUE(apply(wanted));
  EXPECT_TRUE(intact(wanted));
  EXPECT_EQ(list().sets.at("pools4_b")["elem"].size(), 3000U);
}

TEST_F(Ruleset, NeverShowsHalfATableWhileItIsReplaced) {
  RulesetSpec small = spec();
  small.services = {service("10.9.0.1", 1)};
  RulesetSpec large = spec();
  large.services.clear();
  for (std::uint16_t port = 1; port <= 2000; ++port) large.services.push_back(service("10.9.0.2", port));
  ASSERT_TRUE(apply(small));
  const std::size_t prerouting = list().rules.at("prerouting").size();
  const std::size_t pool = list().rules.at("pool").size();

  std::atomic<bool> done = false;
  std::atomic<int> replaced = 0;
  std::thread replacing([&] {
    for (; !done; ++replaced) ASSERT_TRUE(apply(replaced % 2 == 0 ? large : small));
  });
  // For three seconds, and on a slow machine for as long as it takes to look between some replacements.
  const auto start = std::chrono::steady_clock::now();
  const auto enough = start + std::chrono::seconds(3);
  const auto end = start + test::patiently(std::chrono::seconds(20));
  int listed = 0;
  for (auto time = start; time < end && (time < enough || listed <= 5 || replaced <= 5);
       time = std::chrono::steady_clock::now(), ++listed) {
    const Listing listing = list();
    ASSERT_EQ(listing.chains.size(), 3U);
    ASSERT_EQ(listing.rules.at("prerouting").size(), prerouting);
    ASSERT_EQ(listing.rules.at("pool").size(), pool);
    ASSERT_EQ(listing.rules.at("forward").size(), 4U);
    // The set that the rules use is whole.
    const json& first = listing.rules.at("prerouting").at(0);
    const std::string generation = first.dump().find("@pools4_a") != std::string::npos ? "_a" : "_b";
    ASSERT_EQ(listing.sets.count("services4" + generation), 1U);
    const std::size_t services = listing.sets.at("services4" + generation)["elem"].size();
    ASSERT_TRUE(services == 1 || services == 2000) << services;
  }
  done = true;
  replacing.join();
  EXPECT_GT(listed, 5);
  EXPECT_GT(replaced, 5);
}

TEST_F(Ruleset, RefusesWhatItCannotCarryAndChangesNothing) {
  ASSERT_TRUE(apply(spec()));
  struct Bad {
    std::string expected;
    RulesetSpec wanted;
  };
  std::vector<Bad> all{{"service 192.0.2.1:22 lies in no pool", spec()},
                       {"mark 0", spec()},
                       {"table 'a b'", spec()},
                       {"table ''", spec()},
                       {"instance 'a\"b'", spec()},
                       {"service [fe80::1]:22", spec()}};
  all[0].wanted.services.push_back(service("192.0.2.1", 22));
  all[1].wanted.mark = 0;
  all[2].wanted.table = "a b";
  all[3].wanted.table.clear();
  all[4].wanted.instance = "a\"b";
  all[5].wanted.services.push_back(service("fe80::1", 22));
  for (const Bad& bad : all) {
    const auto applied = apply(bad.wanted);
    ASSERT_FALSE(applied) << bad.expected;
    EXPECT_NE(applied.error().what.find(bad.expected), std::string::npos) << applied.error().what;
    EXPECT_FALSE(applied.error().mend.empty()) << bad.expected;
    EXPECT_TRUE(intact(spec()));
  }
}

TEST_F(Ruleset, SaysWhatItLacksWithoutTheCapability) {
  ASSERT_TRUE(apply(spec()));
  place.run([&] {
    // Capabilities belong to threads, and this one ends here.
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    const std::array<__user_cap_data_struct, 2> none{};
    ASSERT_EQ(::syscall(SYS_capset, &header, none.data()), 0);
    const auto applied = apply_ruleset(spec());
    ASSERT_FALSE(applied);
    EXPECT_NE(applied.error().what.find("not permitted"), std::string::npos) << applied.error().what;
    EXPECT_NE(applied.error().mend.find("CAP_NET_ADMIN"), std::string::npos);
    const auto removed = remove_ruleset("gatehouse");
    ASSERT_FALSE(removed);
    EXPECT_NE(removed.error().mend.find("CAP_NET_ADMIN"), std::string::npos) << removed.error().text();
    EXPECT_FALSE(ruleset_is_intact(spec()));
  });
  EXPECT_TRUE(intact(spec()));
}

TEST_F(Ruleset, RemovesForeignMapsAndSetsOfItsTable) {
  ASSERT_TRUE(apply(spec()));
  nft("add map inet gatehouse hold { type ipv4_addr : verdict; elements = { 192.0.2.1 : jump pool }; }\n"
      "add set inet gatehouse other { type ipv4_addr; flags timeout; }\n");
  EXPECT_FALSE(intact(spec()));
  const auto applied = apply(spec());
  ASSERT_TRUE(applied) << applied.error().text();
  EXPECT_TRUE(intact(spec()));
}

}  // namespace
}  // namespace gatehouse::kernel
