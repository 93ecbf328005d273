// As whom a server is logged in to, in all the forms that one login has, and what rules make of them.
#include "gate/rdp_login.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "policy/loader.h"

namespace gatehouse::gate {
namespace {

using testing::ElementsAre;

policy::Snapshot snapshot(const std::string& rules) {
  const auto document = policy::load(
      {{"policy.yaml",
        "pools: {p: 198.51.100.0/24}\nusers: {bob: {sources: 192.0.2.7}}\nservers: {win1: {address: "
        "203.0.113.10}}\nservices: {rdp: {server: win1, proxy_ip: 198.51.100.10, port: 3389, kind: rdp}}\n" +
            rules}});
  if (!document) throw std::runtime_error(document.error().text());
  return {policy::Policy::compile(*document, 1), std::make_shared<const policy::BanTable>()};
}

policy::Decision decision(const policy::Snapshot& of, const std::string& login, const std::string& domain = {}) {
  const policy::Question question{.source = Address::parse("192.0.2.7").value(),
                                  .destination = Address::parse("198.51.100.10").value(),
                                  .port = 3389,
                                  .time = WallTime(Duration(1'700'000'000'000)),
                                  .login = std::nullopt};
  return decide_for_login(of, question, forms_of_login(login, domain));
}

TEST(RdpLogin, HasTheFormsThatPeopleType) {
  EXPECT_THAT(forms_of_login("alice", ""), ElementsAre("alice"));
  EXPECT_THAT(forms_of_login("alice", "CORP"), ElementsAre("alice", "CORP\\alice", "alice@CORP"));
  EXPECT_THAT(forms_of_login("CORP\\alice", ""), ElementsAre("CORP\\alice", "alice", "alice@CORP"));
  EXPECT_THAT(forms_of_login("alice@corp.example", ""),
              ElementsAre("alice@corp.example", "alice", "corp.example\\alice"));
  EXPECT_THAT(forms_of_login("", "CORP"), ElementsAre(""));
}

TEST(RdpLogin, AGrantThatNamesAnyFormAllowsIt) {
  const auto of = snapshot("grants: {g: {user: bob, server: win1, logins: [alice, 'CORP\\svc']}}\n");
  EXPECT_TRUE(decision(of, "alice").allowed);
  EXPECT_TRUE(decision(of, "ALICE", "CORP").allowed) << "Windows looks at no case";
  EXPECT_TRUE(decision(of, "svc", "corp").allowed);
  EXPECT_FALSE(decision(of, "svc", "OTHER").allowed);
  EXPECT_FALSE(decision(of, "alice2").allowed);
  EXPECT_EQ(decision(of, "root").reason, policy::Reason::login_not_allowed);
  EXPECT_EQ(decision(of, "").reason, policy::Reason::login_not_allowed) << "who says no name is none of them";
}

TEST(RdpLogin, ADenialOfANameHoldsInAllItsForms) {
  const auto of =
      snapshot("grants: {g: {user: bob, server: win1}}\ndenials: {d: {user: bob, logins: [administrator]}}\n");
  EXPECT_TRUE(decision(of, "alice").allowed);
  EXPECT_TRUE(decision(of, "").allowed);
  for (const auto* form : {"administrator", "Administrator", "CORP\\Administrator", "ADMINISTRATOR@corp.example"}) {
    EXPECT_EQ(decision(of, form).reason, policy::Reason::denied_by_rule) << form;
  }
  EXPECT_EQ(decision(of, "Administrator", "WIN1").reason, policy::Reason::denied_by_rule);
}

TEST(RdpLogin, ChannelsAreThoseOfTheGrantForIt) {
  const auto of = snapshot(
      "grants:\n  a: {user: bob, server: win1, logins: alice, channels: all}\n  b: {user: bob, server: win1, logins: "
      "svc, record: false}\n");
  EXPECT_EQ(decision(of, "alice").channels, policy::all_channels);
  EXPECT_EQ(decision(of, "svc").channels, 0U);
  EXPECT_EQ(decision(of, "svc").recording, policy::Recording::off);
}

}  // namespace
}  // namespace gatehouse::gate
