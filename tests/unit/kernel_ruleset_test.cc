// The table as `nft` lists it: what is in it, and what the comparison notices. How it is replaced, what it holds and
// refuses: kernel_ruleset_changes_test.cc. Real packets: kernel_ruleset_packets_test.cc.
#include "unit/kernel_ruleset_table.h"

namespace gatehouse::kernel {
namespace {

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

}  // namespace
}  // namespace gatehouse::kernel
