#include "base/address.h"

#include <gtest/gtest.h>

#include <string>
#include <unordered_set>

namespace gatehouse {
namespace {

Address address(const std::string& text) {
  return Address::parse(text).value();
}
Prefix prefix(const std::string& text) {
  return Prefix::parse(text).value();
}

TEST(Address, PrintsWhatItParses) {
  for (const char* text :
       {"192.0.2.1", "0.0.0.0", "255.255.255.255", "2001:db8::1", "::", "::1", "fe80::1", "2001:db8:1:2:3:4:5:6"}) {
    EXPECT_EQ(address(text).text(), text);
  }
}

TEST(Address, FoldsTheMappedFormIntoIpv4) {
  EXPECT_EQ(address("::ffff:192.0.2.1"), address("192.0.2.1"));
  EXPECT_EQ(address("::ffff:c000:201"), address("192.0.2.1"));
  EXPECT_EQ(address("::ffff:192.0.2.1").text(), "192.0.2.1");
  EXPECT_TRUE(address("::ffff:192.0.2.1").is_v4());
  EXPECT_FALSE(address("::192.0.2.1").is_v4()) << "the deprecated compatible form is another address";
  EXPECT_FALSE(address("2001:db8::1").is_v4());
}

TEST(Address, ConvertsToAndFromHostOrder) {
  EXPECT_EQ(Address::from_v4(0xc0000201U), address("192.0.2.1"));
  EXPECT_EQ(address("192.0.2.1").v4(), 0xc0000201U);
}

TEST(Address, RefusesWhatIsNoAddress) {
  for (const char* text :
       {"", " ", "192.0.2", "192.0.2.256", "192.0.2.1 ", " 192.0.2.1", "192.0.2.1/24", "192.0.2.01.1", "1.2.3.4.5",
        "0x7f.0.0.1", "2001:db8::1%eth0", "2001:db8:::1", "[::1]", "host.example", "192.0.2.1:80", "12345"}) {
    const auto result = Address::parse(text);
    ASSERT_FALSE(result) << text;
    EXPECT_NE(result.error().what.find("not an IP address"), std::string::npos) << text;
    EXPECT_FALSE(result.error().mend.empty()) << text;
  }
}

TEST(Address, RefusesTextWithAHiddenEnd) {
  EXPECT_FALSE(Address::parse(std::string_view("192.0.2.1\0 rest", 15)));
  EXPECT_FALSE(Prefix::parse(std::string_view("192.0.2.0\0/24", 13)));
}

TEST(Address, SurvivesTheWayThroughASocketAddress) {
  for (const char* text : {"192.0.2.7", "2001:db8::7"}) {
    const Endpoint endpoint{address(text), 3389};
    sockaddr_storage storage{};
    const socklen_t length = endpoint.to_sockaddr(storage);
    EXPECT_EQ(storage.ss_family, endpoint.address.is_v4() ? AF_INET : AF_INET6);
    EXPECT_EQ(length, endpoint.address.is_v4() ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    EXPECT_EQ(Endpoint::from_sockaddr(storage), endpoint);
    EXPECT_EQ(Address::from_sockaddr(storage), endpoint.address);
  }
}

TEST(Address, FoldsAMappedSocketAddressOfADualStackSocket) {
  sockaddr_in6 mapped{};
  mapped.sin6_family = AF_INET6;
  mapped.sin6_port = htons(22);
  mapped.sin6_addr.s6_addr[10] = 0xff;
  mapped.sin6_addr.s6_addr[11] = 0xff;
  mapped.sin6_addr.s6_addr[12] = 192;
  mapped.sin6_addr.s6_addr[14] = 2;
  mapped.sin6_addr.s6_addr[15] = 1;
  sockaddr_storage storage{};
  std::memcpy(&storage, &mapped, sizeof mapped);
  EXPECT_EQ(Endpoint::from_sockaddr(storage), (Endpoint{address("192.0.2.1"), 22}));
}

TEST(Endpoint, PutsIpv6InBrackets) {
  EXPECT_EQ((Endpoint{address("192.0.2.1"), 3389}).text(), "192.0.2.1:3389");
  EXPECT_EQ((Endpoint{address("2001:db8::1"), 3389}).text(), "[2001:db8::1]:3389");
}

TEST(Prefix, PrintsWhatItParses) {
  for (const char* text : {"192.0.2.0/24", "0.0.0.0/0", "192.0.2.1", "192.0.2.0/31", "2001:db8::/32", "::/0",
                           "2001:db8::1", "fe80::/10"}) {
    EXPECT_EQ(prefix(text).text(), text);
  }
  EXPECT_EQ(prefix("192.0.2.1/32").text(), "192.0.2.1");
  EXPECT_EQ(prefix("2001:db8::1/128").text(), "2001:db8::1");
}

TEST(Prefix, CountsTheBitsOfTheMappedFormForIpv4) {
  EXPECT_EQ(prefix("192.0.2.0/24").length, 120);
  EXPECT_EQ(prefix("0.0.0.0/0").length, 96);
  EXPECT_EQ(prefix("::ffff:192.0.2.0/120"), prefix("192.0.2.0/24"));
}

TEST(Prefix, RefusesHostBitsAndNamesTheMend) {
  const auto result = Prefix::parse("192.0.2.7/24");
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().what.find("192.0.2.7/24"), std::string::npos);
  EXPECT_NE(result.error().mend.find("192.0.2.0/24"), std::string::npos);
  EXPECT_FALSE(Prefix::parse("2001:db8::1/32"));
}

TEST(Prefix, RefusesLengthsThatDoNotFit) {
  for (const char* text :
       {"192.0.2.0/33", "192.0.2.0/", "192.0.2.0/-1", "192.0.2.0/ 24", "192.0.2.0/24 ", "192.0.2.0/+8",
        "2001:db8::/129", "192.0.2.0/24/24", "/24", "192.0.2.0/99999999999", "192.0.2.0/2a"}) {
    EXPECT_FALSE(Prefix::parse(text)) << text;
  }
}

TEST(Prefix, ContainsItsFirstAndLastAddressAndNoOther) {
  EXPECT_TRUE(prefix("192.0.2.0/25").contains(address("192.0.2.0")));
  EXPECT_TRUE(prefix("192.0.2.0/25").contains(address("192.0.2.127")));
  EXPECT_FALSE(prefix("192.0.2.0/25").contains(address("192.0.2.128")));
  EXPECT_FALSE(prefix("192.0.2.0/25").contains(address("192.0.1.255")));
  EXPECT_TRUE(prefix("2001:db8::/33").contains(address("2001:db8:7fff::")));
  EXPECT_FALSE(prefix("2001:db8::/33").contains(address("2001:db8:8000::")));
  EXPECT_FALSE(prefix("0.0.0.0/0").contains(address("2001:db8::1")));
  EXPECT_TRUE(prefix("::/0").contains(address("2001:db8::1")));
}

TEST(Prefix, OverlapsWhatHoldsItAndWhatItHolds) {
  EXPECT_TRUE(prefix("192.0.2.0/24").overlaps(prefix("192.0.2.128/25")));
  EXPECT_TRUE(prefix("192.0.2.128/25").overlaps(prefix("192.0.2.0/24")));
  EXPECT_FALSE(prefix("192.0.2.0/25").overlaps(prefix("192.0.2.128/25")));
}

TEST(Prefix, CoveringClearsTheBitsBeyondItsLength) {
  const auto host = address("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff");
  for (unsigned length = 0; length <= 128; ++length) {
    const auto covering = Prefix::covering(host, static_cast<std::uint8_t>(length));
    EXPECT_TRUE(covering.contains(host));
    EXPECT_EQ(Prefix::covering(covering.address, static_cast<std::uint8_t>(length)), covering);
    EXPECT_EQ(Prefix::parse(covering.text()).value(), covering);
  }
}

TEST(Port, TakesOneTo65535Only) {
  EXPECT_EQ(parse_port("1").value(), 1);
  EXPECT_EQ(parse_port("65535").value(), 65535);
  for (const char* text : {"", "0", "65536", "-1", "+1", " 1", "1 ", "1.0", "0x10", "rdp", "99999999999999999999"}) {
    EXPECT_FALSE(parse_port(text)) << text;
  }
}

TEST(Hash, KeepsNeighbouringAddressesApart) {
  std::unordered_set<std::uint64_t> low_bits;
  constexpr std::uint32_t count = 1U << 16U;
  for (std::uint32_t i = 0; i < count; ++i) {
    low_bits.insert(hash_bytes16(Address::from_v4(0x0a000000U + i).bytes) & 0xffffffU);
  }
  // Of 65,536 values thrown into 2^24 boxes about 128 share one.
  EXPECT_GT(low_bits.size(), count - 300);
}

}  // namespace
}  // namespace gatehouse
