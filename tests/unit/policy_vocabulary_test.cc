#include "policy/vocabulary.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace gatehouse::policy {
namespace {

// One more than the largest number in use: a new code makes these tests look at it.
constexpr unsigned reason_count = 26;
constexpr unsigned end_reason_count = 21;

TEST(Vocabulary, GivesEveryReasonANameOfItsOwnThatLeadsBackToIt) {
  std::set<std::string_view> names;
  for (unsigned number = 0; number < reason_count; ++number) {
    const auto reason = static_cast<Reason>(number);
    EXPECT_NE(name(reason), "unknown") << number;
    EXPECT_TRUE(names.insert(name(reason)).second) << name(reason);
    EXPECT_EQ(reason_of(name(reason)), reason);
    EXPECT_TRUE(describe(reason).ends_with(".")) << name(reason);
  }
  EXPECT_EQ(name(static_cast<Reason>(reason_count)), "unknown");
  EXPECT_EQ(name(static_cast<Reason>(65535)), "unknown");
  EXPECT_FALSE(describe(static_cast<Reason>(65535)).empty());
}

TEST(Vocabulary, GivesEveryEndReasonANameOfItsOwnThatLeadsBackToIt) {
  std::set<std::string_view> names;
  for (unsigned number = 0; number < end_reason_count; ++number) {
    const auto reason = static_cast<EndReason>(number);
    EXPECT_NE(name(reason), "unknown") << number;
    EXPECT_TRUE(names.insert(name(reason)).second) << name(reason);
    EXPECT_EQ(end_reason_of(name(reason)), reason);
  }
  EXPECT_EQ(name(EndReason::none), "open");
  EXPECT_EQ(name(static_cast<EndReason>(end_reason_count)), "unknown");
}

TEST(Vocabulary, KeepsTheNumbersThatAreStoredInKernelMaps) {
  EXPECT_EQ(static_cast<unsigned>(Reason::unknown_source_ip), 1U);
  EXPECT_EQ(static_cast<unsigned>(Reason::banned_source), 15U);
  EXPECT_EQ(static_cast<unsigned>(Reason::out_of_resources), 23U);
  EXPECT_EQ(static_cast<unsigned>(Transport::tcp), 6U);
  EXPECT_EQ(static_cast<unsigned>(Transport::udp), 17U);
}

TEST(Vocabulary, ReadsItsOwnWordsAndNoOthers) {
  EXPECT_EQ(transport_of(name(Transport::udp)), Transport::udp);
  EXPECT_EQ(kind_of(name(Kind::rustdesk)), Kind::rustdesk);
  EXPECT_EQ(source_mode_of(name(SourceMode::client)), SourceMode::client);
  EXPECT_EQ(proxy_protocol_of(name(ProxyProtocol::v2)), ProxyProtocol::v2);
  EXPECT_FALSE(transport_of("TCP"));
  EXPECT_FALSE(kind_of(""));
  EXPECT_FALSE(kind_of("unknown"));
  EXPECT_FALSE(source_mode_of("both"));
  EXPECT_FALSE(proxy_protocol_of("v1"));
  EXPECT_FALSE(reason_of("unknown"));
  EXPECT_FALSE(end_reason_of("none"));
}

TEST(Vocabulary, EndsASessionForAReasonThatFitsTheDenial) {
  for (unsigned number = 1; number < reason_count; ++number) {
    const auto end = end_reason_for(static_cast<Reason>(number));
    EXPECT_NE(end, EndReason::none) << name(static_cast<Reason>(number)) << ": an ended session is not open";
    EXPECT_NE(end, EndReason::normal) << name(static_cast<Reason>(number));
  }
  EXPECT_EQ(end_reason_for(Reason::banned_source), EndReason::banned);
  EXPECT_EQ(end_reason_for(Reason::policy_expired), EndReason::grant_expired);
  EXPECT_EQ(end_reason_for(Reason::no_matching_policy), EndReason::grant_revoked);
  EXPECT_EQ(end_reason_for(Reason::unknown_source_ip), EndReason::grant_revoked);
  EXPECT_EQ(end_reason_for(Reason::user_inactive), EndReason::user_inactive);
  EXPECT_EQ(end_reason_for(Reason::server_not_found), EndReason::service_removed);
  EXPECT_EQ(end_reason_for(static_cast<Reason>(999)), EndReason::error);
}

}  // namespace
}  // namespace gatehouse::policy
