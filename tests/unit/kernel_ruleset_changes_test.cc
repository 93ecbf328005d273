// The table replaced, removed, filled to its limits, and what it refuses.
#include "unit/kernel_ruleset_table.h"

namespace gatehouse::kernel {
namespace {

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
  const auto end = start + gatehouse::test::patiently(std::chrono::seconds(20));
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
