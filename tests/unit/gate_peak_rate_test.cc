#include "gate/peak_rate.h"

#include <gtest/gtest.h>

namespace gatehouse::gate {
namespace {

using namespace std::chrono_literals;

TEST(PeakRate, IsTheLargestOfTheSecondsLookedAt) {
  const PeakRate::Time start{10s};
  PeakRate rate(start);
  rate.look(0, start);
  rate.look(1'000, start + 200ms);
  rate.look(5'000, start + 1s);
  rate.look(5'000, start + 2s);
  rate.look(7'000, start + 4s);
  EXPECT_EQ(rate.value(7'000), 5'000U);
}

TEST(PeakRate, OfLessThanASecondIsAllThereWas) {
  PeakRate rate(PeakRate::Time{10s});
  EXPECT_EQ(rate.value(12), 12U);
  rate.look(10, PeakRate::Time{10s});
  EXPECT_EQ(rate.value(12), 12U);
}

TEST(PeakRate, KnowsAlsoWhatCameAfterTheLastWholeSecond) {
  PeakRate rate(PeakRate::Time{10s});
  rate.look(1'000, PeakRate::Time{11s});
  EXPECT_EQ(rate.value(9'000), 8'000U);
}

TEST(PeakRate, CountsFromTheBeginningAndNotFromTheFirstLook) {
  PeakRate rate(PeakRate::Time{10s});
  rate.look(1'000, PeakRate::Time{10s} + 200ms);
  rate.look(1'000, PeakRate::Time{12s});
  EXPECT_EQ(rate.value(1'000), 500U);
}

TEST(PeakRate, CountsByTheTimeThatPassed) {
  PeakRate rate(PeakRate::Time{10s});
  rate.look(10'000, PeakRate::Time{20s});
  EXPECT_EQ(rate.value(10'000), 1'000U);
}

}  // namespace
}  // namespace gatehouse::gate
