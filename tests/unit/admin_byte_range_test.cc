// What a Range header asks for, and which value a Cookie header has.
#include "admin/byte_range.h"

#include <gtest/gtest.h>

#include "admin/browser_logins.h"

namespace gatehouse::admin {
namespace {

using namespace std::chrono_literals;

struct Asked {
  const char* header;
  std::uint64_t size;
  int status;
  ByteRange part;
};

TEST(ByteRange, IsWhatRfc9110Says) {
  for (const auto& [header, size, status, part] : std::initializer_list<Asked>{
           {"bytes=0-499", 10'000, 206, {0, 500}},
           {"bytes=500-999", 10'000, 206, {500, 500}},
           {"bytes=9500-", 10'000, 206, {9500, 500}},
           {"bytes=-500", 10'000, 206, {9500, 500}},
           {"Bytes = 0-0", 10'000, 200, {0, 10'000}},
           {"BYTES=0-0", 10'000, 206, {0, 1}},
           {" bytes= 0-0 ", 10'000, 206, {0, 1}},
           {"bytes=0-99999", 10'000, 206, {0, 10'000}},
           {"bytes=-99999", 10'000, 206, {0, 10'000}},
           {"bytes=9999-9999", 10'000, 206, {9999, 1}},
           {"bytes=0-99999999999999999999999", 10'000, 206, {0, 10'000}},
           {"bytes=10000-", 10'000, 416, {}},
           {"bytes=99999999999999999999999-", 10'000, 416, {}},
           {"bytes=-0", 10'000, 416, {}},
           {"bytes=0-", 0, 416, {}},
           {"bytes=-5", 0, 416, {}},
           {"", 10'000, 200, {0, 10'000}},
           {"bytes=", 10'000, 200, {0, 10'000}},
           {"bytes=-", 10'000, 200, {0, 10'000}},
           {"bytes=5", 10'000, 200, {0, 10'000}},
           {"bytes=5-4", 10'000, 200, {0, 10'000}},
           {"bytes=0-1,5-6", 10'000, 200, {0, 10'000}},
           {"bytes=+1-5", 10'000, 200, {0, 10'000}},
           {"bytes=0x1-5", 10'000, 200, {0, 10'000}},
           {"lines=0-5", 10'000, 200, {0, 10'000}},
       }) {
    const auto answer = range_of(header, size);
    EXPECT_EQ(answer.status, status) << header;
    EXPECT_EQ(answer.part, part) << header << ": " << answer.part.offset << ", " << answer.part.length;
  }
}

TEST(ByteRange, SaysWhatItIsOf) {
  EXPECT_EQ(range_of("bytes=5-6", 10).content_range, "bytes 5-6/10");
  EXPECT_EQ(range_of("bytes=-4", 10).content_range, "bytes 6-9/10");
  EXPECT_EQ(range_of("bytes=10-", 10).content_range, "bytes */10");
  EXPECT_EQ(range_of("", 10).content_range, "");
}

TEST(Cookie, IsFoundAmongOthersAndNotInsideThem) {
  EXPECT_EQ(cookie_of("a=1; b=2;c=3", "b"), "2");
  EXPECT_EQ(cookie_of("a=1; b=2;c=3", "c"), "3");
  EXPECT_EQ(cookie_of("b=first; b=second", "b"), "first");
  EXPECT_EQ(cookie_of("b=", "b"), "");
  EXPECT_EQ(cookie_of("b=x=y", "b"), "x=y");
  EXPECT_EQ(cookie_of("bb=1; ab=2; b", "b"), std::nullopt);
  EXPECT_EQ(cookie_of("", "b"), std::nullopt);
  EXPECT_EQ(cookie_of(";;; ;", "b"), std::nullopt);
}

TEST(BrowserLogins, AreGoodForEightHoursUntilTheyAreClosed) {
  BrowserLogins logins;
  const auto token = hash_of("gatehouse_token");
  const auto begin = now();
  const auto secret = logins.open(token, begin);
  const auto other = logins.open(token, begin);
  EXPECT_NE(secret, other);
  ASSERT_NE(logins.find(secret, begin + 7h), nullptr);
  EXPECT_EQ(logins.find(secret, begin + 7h)->token, token);
  EXPECT_EQ(logins.find(secret, begin + 8h), nullptr);
  EXPECT_EQ(logins.find("gatehouse_other", begin), nullptr);
  EXPECT_EQ(logins.find("", begin), nullptr);
  logins.close(logins.find(secret, begin)->number);
  EXPECT_EQ(logins.find(secret, begin), nullptr);
  EXPECT_NE(logins.find(other, begin), nullptr);
}

TEST(BrowserLogins, AreBoundedInNumber) {
  BrowserLogins logins;
  const auto begin = now();
  const auto first = logins.open({}, begin);
  for (std::size_t i = 0; i < BrowserLogins::most; ++i) static_cast<void>(logins.open({}, begin));
  EXPECT_EQ(logins.size(), BrowserLogins::most);
  EXPECT_EQ(logins.find(first, begin), nullptr) << "the oldest stays";
  static_cast<void>(logins.open({}, begin + 9h));
  EXPECT_EQ(logins.size(), 1U) << "what is over is kept";
}

TEST(BrowserLogins, GiveOutACookieThatNoScriptAndNoOtherSiteGetsAt) {
  const auto cookie = set_cookie("secret");
  EXPECT_EQ(cookie, "__Host-gatehouse=secret; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=28800");
  EXPECT_EQ(drop_cookie(), "__Host-gatehouse=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
}

}  // namespace
}  // namespace gatehouse::admin
