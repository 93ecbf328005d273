// Tokens and who may try how often.
#include "admin/token.h"

#include <gtest/gtest.h>

#include <set>

#include "admin/login_limit.h"

namespace gatehouse::admin {
namespace {

using namespace std::chrono_literals;

Address address_of(const std::string& text) {
  return Address::parse(text).value();
}

TEST(Tokens, AreLongRandomAndKnownByTheirBeginning) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const auto token = make_token();
    EXPECT_EQ(token.size(), 10U + 43U) << token;
    EXPECT_TRUE(token.starts_with("gatehouse_")) << token;
    EXPECT_EQ(token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"),
              std::string::npos)
        << token;
    EXPECT_TRUE(seen.insert(token).second) << token << " came twice";
  }
}

TEST(Tokens, AreKeptAsTheirSha256) {
  // FIPS 180-4's example "abc".
  const TokenHash expected{0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
                           0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
                           0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
  EXPECT_EQ(hash_of("abc"), expected);
}

TEST(Tokens, AreFoundByThemselvesOnly) {
  const auto mine = make_token();
  const TokenTable table({{"ci", Role::operating, hash_of(mine), std::nullopt},
                          {"other", Role::viewer, hash_of(make_token()), std::nullopt}});
  ASSERT_NE(table.find(mine), nullptr);
  EXPECT_EQ(table.find(mine)->name, "ci");
  EXPECT_EQ(table.find(mine)->role, Role::operating);
  EXPECT_EQ(table.find(mine.substr(0, mine.size() - 1)), nullptr);
  EXPECT_EQ(table.find(mine + "A"), nullptr);
  EXPECT_EQ(table.find(""), nullptr);
  const auto hash = hash_of(mine);
  EXPECT_EQ(table.find({reinterpret_cast<const char*>(hash.data()), hash.size()}), nullptr) << "the hash is no token";
  EXPECT_EQ(TokenTable().find(mine), nullptr);
}

TEST(Tokens, HaveNamesThatStandInACommandLine) {
  for (const auto* text : {"ci", "A-z_0.9", "x"}) EXPECT_TRUE(parse_token_name(text)) << text;
  EXPECT_TRUE(parse_token_name(std::string(64, 'x')));
  for (const auto* text : {"", "a b", "a/b", "ä", "a\n"}) EXPECT_FALSE(parse_token_name(text)) << text;
  EXPECT_FALSE(parse_token_name(std::string(65, 'x')));
}

TEST(Roles, AreReadAsTheyAreWritten) {
  for (const auto role : all_roles) EXPECT_EQ(parse_role(name(role)), role);
  EXPECT_FALSE(parse_role("root"));
  EXPECT_FALSE(parse_role(""));
}

class Limit : public testing::Test {
 protected:
  LoginLimit limit_;
  const LoginLimit::Time start_{1000h};
};

TEST_F(Limit, LetsASourceFailFiveTimesAndThenOnceInTwelveSeconds) {
  const auto source = address_of("192.0.2.7");
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(limit_.wait_of(source, start_), 0s) << i;
    limit_.failed(source, start_);
  }
  EXPECT_EQ(limit_.wait_of(source, start_), 12s);
  EXPECT_EQ(limit_.wait_of(source, start_ + 5s), 7s);
  EXPECT_EQ(limit_.wait_of(source, start_ + 12s), 0s);
  limit_.failed(source, start_ + 12s);
  EXPECT_EQ(limit_.wait_of(source, start_ + 12s), 12s);
  EXPECT_EQ(limit_.wait_of(source, start_ + 72s), 0s);
}

TEST_F(Limit, CountsEachSourceAndTheNetworkOfACustomerInIpv6) {
  for (int i = 0; i < 5; ++i) limit_.failed(address_of("192.0.2.7"), start_);
  for (int i = 0; i < 5; ++i) limit_.failed(address_of("2001:db8::" + std::to_string(i)), start_);
  EXPECT_GT(limit_.wait_of(address_of("192.0.2.7"), start_), 0s);
  EXPECT_EQ(limit_.wait_of(address_of("192.0.2.8"), start_), 0s);
  EXPECT_GT(limit_.wait_of(address_of("2001:db8::ffff:1"), start_), 0s);
  EXPECT_EQ(limit_.wait_of(address_of("2001:db8:0:1::1"), start_), 0s);
}

TEST_F(Limit, ForgetsTheOldestOfTooMany) {
  const auto numbered = [](std::uint32_t number) { return Address::from_v4(0x0a000000U + number); };
  for (int i = 0; i < 5; ++i) limit_.failed(numbered(0), start_);
  for (std::uint32_t i = 1; i <= LoginLimit::most_sources; ++i) {
    for (int times = 0; times < 5; ++times) limit_.failed(numbered(i), start_ + 1ms);
  }
  EXPECT_EQ(limit_.wait_of(numbered(0), start_ + 1ms), 0s);
  EXPECT_GT(limit_.wait_of(numbered(LoginLimit::most_sources), start_ + 1ms), 0s);
}

}  // namespace
}  // namespace gatehouse::admin
