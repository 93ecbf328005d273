// How the target of a ban is written.
#include "policy/ban_target.h"

#include <gtest/gtest.h>

namespace gatehouse::policy {
namespace {

TEST(BanTargets, AreReadAsTheyAreWritten) {
  for (const char* text : {"192.0.2.7", "192.0.2.0/24", "2001:db8::1", "fe80::/10", "user:bob", "server:win1",
                           "device:123456789", "device:wY+k/3=:x", "user:device"}) {
    const auto target = parse_ban_target(text);
    ASSERT_TRUE(target) << target.error().text();
    EXPECT_EQ(text_of(*target), text);
    EXPECT_EQ(*parse_ban_target(kind_of(*target), name_of(*target)), *target);
  }
}

TEST(BanTargets, HaveAKind) {
  EXPECT_EQ(kind_of(*parse_ban_target("192.0.2.7")), BanKind::network);
  EXPECT_EQ(kind_of(*parse_ban_target("server:win1")), BanKind::server);
  for (const auto kind : all_ban_kinds) EXPECT_EQ(ban_kind_of(name(kind)), kind);
  EXPECT_EQ(ban_kind_of("group"), std::nullopt);
}

TEST(BanTargets, ThatNobodyCanMeanAreRefused) {
  for (const std::string& text :
       {std::string(), std::string("bob"), std::string("group:all"), std::string("user:"), std::string("user:b b"),
        std::string("server:-x"), std::string("device:"), std::string("device:a b"), std::string("device:gr\xc3\xbcn"),
        "device:" + std::string(129, 'x'), "user:" + std::string(64, 'x'), std::string("::/0")}) {
    EXPECT_FALSE(parse_ban_target(text)) << text;
  }
  EXPECT_TRUE(parse_ban_target("device:" + std::string(128, 'x')));
  for (const char* text : {"uuid:AA==", "uuid:AAA=", "uuid:AAAA", "pk:+/+/AAECAw==", "uuidx:", "UUID:?", "pkk"})
    EXPECT_TRUE(parse_ban_target(BanKind::device, text)) << text;
  for (const char* text : {"uuid:", "pk:", "uuid:A", "uuid:AA", "uuid:AA=A",
                           "uuid:====", "uuid:=", "pk:AB==", "pk:AAB=", "pk:AA-_", "pk:AA===", "uuid:AAAA===="})
    EXPECT_FALSE(parse_ban_target(BanKind::device, text)) << text;
  EXPECT_NE(parse_ban_target("bob").error().mend.find("user:bob"), std::string::npos);
}

}  // namespace
}  // namespace gatehouse::policy
