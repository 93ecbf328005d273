// Who is inside, and when a visit is over: with the last session, also where one that was not let in leaves last.
#include "gate/presence.h"

#include <gtest/gtest.h>

#include "support/directories.h"

namespace gatehouse::gate {
namespace {

class PresenceTest : public ::testing::Test {
 protected:
  static store::SessionEnd end(std::uint64_t id, std::uint64_t visit, policy::EndReason reason) {
    return {
        .id = id, .visit = visit, .ended = WallTime(Duration(1000 * static_cast<std::int64_t>(id))), .reason = reason};
  }
  test::TemporaryDirectory directory_;
  std::unique_ptr<store::Store> store_ = store::Store::open({directory_.path() / "gatehouse.db", 100}).value();
  Presence presence_{*store_};
};

TEST_F(PresenceTest, AVisitGoesFromTheFirstSessionToTheLast) {
  const auto first = presence_.enter("bob");
  const auto second = presence_.enter("bob");
  EXPECT_EQ(first.open_before, 0U);
  EXPECT_EQ(second.open_before, 1U);
  EXPECT_EQ(first.visit, second.visit);
  EXPECT_EQ(presence_.sessions_of("bob"), 2U);
  EXPECT_FALSE(presence_.leave("bob", end(1, first.visit, policy::EndReason::killed))->visit_over);
  EXPECT_TRUE(presence_.leave("bob", end(2, first.visit, policy::EndReason::killed))->visit_over);
  EXPECT_EQ(presence_.sessions_of("bob"), 0U);
  EXPECT_NE(presence_.enter("bob").visit, first.visit);
}

TEST_F(PresenceTest, AVisitThatADeniedAttemptOutlivesHasTheEndOfItsLastSession) {
  const auto session = presence_.enter("bob");
  presence_.enter("bob");
  presence_.leave("bob", end(1, session.visit, policy::EndReason::killed));
  const auto told = presence_.leave("bob", {.visit = session.visit, .ended = WallTime(Duration(9000))});
  ASSERT_TRUE(told);
  EXPECT_TRUE(told->visit_over);
  EXPECT_EQ(told->id, 0U) << "the session's end was told before";
  EXPECT_EQ(told->reason, policy::EndReason::killed);
  EXPECT_EQ(told->ended, WallTime(Duration(1000)));
}

TEST_F(PresenceTest, AConnectionThatIsNoSessionYetTakesNoPlaceOfOne) {
  constexpr auto not_taken = Presence::Place::not_taken;
  const auto first = presence_.enter("bob", not_taken);
  EXPECT_EQ(presence_.enter("bob", not_taken).open_before, 0U);
  EXPECT_EQ(presence_.sessions_of("bob"), 0U);
  EXPECT_EQ(presence_.take_place("bob"), 0U);
  EXPECT_EQ(presence_.take_place("bob"), 1U) << "the second one is one too many where one is allowed";
  presence_.leave("bob", {.visit = first.visit});
  EXPECT_EQ(presence_.sessions_of("bob"), 1U);
  EXPECT_TRUE(presence_.leave("bob", end(1, first.visit, policy::EndReason::normal))->visit_over);
}

TEST_F(PresenceTest, WhoWasNeverLetInLeavesNothingToTell) {
  const auto entry = presence_.enter("bob");
  EXPECT_EQ(presence_.leave("bob", {.visit = entry.visit}), std::nullopt);
}

}  // namespace
}  // namespace gatehouse::gate
