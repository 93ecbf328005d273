// The clocks of zones against the C library's, which reads the same database in its own way.
#include "policy/zone.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <random>
#include <string>

#include "unit/policy_fixture.h"

namespace gatehouse::policy {
namespace {

const Zone& zone(const std::string& name) {
  const auto found = Zone::find(name);
  if (!found) throw std::runtime_error(found.error().text());
  return **found;
}

LocalTime local(const std::string& text) {
  return LocalTime(moment(text + "Z").time_since_epoch());
}

TEST(Zone, ShowsTheTimeOfThePlace) {
  EXPECT_EQ(zone("Europe/Warsaw").clock(moment("2026-01-15T12:00:00Z")), local("2026-01-15T13:00:00"));
  EXPECT_EQ(zone("Europe/Warsaw").clock(moment("2026-07-15T12:00:00.250Z")), local("2026-07-15T14:00:00.250"));
  EXPECT_EQ(zone("Asia/Kathmandu").clock(moment("2026-07-15T12:00:00Z")), local("2026-07-15T17:45:00"));
  EXPECT_EQ(zone("UTC").clock(moment("2026-07-15T12:00:00Z")), local("2026-07-15T12:00:00"));
}

TEST(Zone, JumpsOverTheHourThatIsLeftOut) {
  const auto& warsaw = zone("Europe/Warsaw");
  EXPECT_EQ(warsaw.clock(moment("2026-03-29T00:59:59.999Z")), local("2026-03-29T01:59:59.999"));
  EXPECT_EQ(warsaw.clock(moment("2026-03-29T01:00:00Z")), local("2026-03-29T03:00:00"));
  for (const char* skipped : {"2026-03-29T02:00:00", "2026-03-29T02:30:00", "2026-03-29T03:00:00"}) {
    EXPECT_EQ(warsaw.first_showing(local(skipped)), moment("2026-03-29T01:00:00Z")) << skipped;
  }
  EXPECT_EQ(warsaw.first_showing(local("2026-03-29T03:00:00.001")), moment("2026-03-29T01:00:00.001Z"));
}

TEST(Zone, StandsStillWhileAnHourIsShownAgain) {
  const auto& warsaw = zone("Europe/Warsaw");
  EXPECT_EQ(warsaw.clock(moment("2026-10-25T00:30:00Z")), local("2026-10-25T02:30:00"));
  EXPECT_EQ(warsaw.clock(moment("2026-10-25T01:00:00Z")), local("2026-10-25T02:59:59.999"));
  EXPECT_EQ(warsaw.clock(moment("2026-10-25T01:30:00Z")), local("2026-10-25T02:59:59.999"));
  EXPECT_EQ(warsaw.clock(moment("2026-10-25T02:00:00Z")), local("2026-10-25T03:00:00"));
  EXPECT_EQ(warsaw.first_showing(local("2026-10-25T02:30:00")), moment("2026-10-25T00:30:00Z"));
  EXPECT_EQ(warsaw.first_showing(local("2026-10-25T03:00:00")), moment("2026-10-25T02:00:00Z"));
}

TEST(Zone, KnowsNoPlaceThatTheDatabaseDoesNot) {
  for (const char* name : {"Europe/Nowhere", "", "../../etc/passwd", "/etc/localtime", "zone.tab", "Europe", "CEST"}) {
    const auto found = Zone::find(name);
    ASSERT_FALSE(found) << name;
    EXPECT_NE(found.error().mend.find("IANA"), std::string::npos);
  }
}

TEST(Zone, AgreesWithTheCLibraryAlsoAfterTheYearsThatAreListed) {
  const char* const before = std::getenv("TZ");  // NOLINT(concurrency-mt-unsafe): one thread
  const std::string kept = before == nullptr ? "" : before;
  std::mt19937_64 random(20261123);  // NOLINT(bugprone-random-generator-seed): the same times in every run
  for (const char* name : {"Europe/Warsaw", "America/New_York", "America/Havana", "Australia/Lord_Howe",
                           "Asia/Kathmandu", "Africa/Cairo", "America/Santiago", "Pacific/Apia", "Asia/Beirut"}) {
    ::setenv("TZ", name, 1);  // NOLINT(concurrency-mt-unsafe)
    ::tzset();                // NOLINT(concurrency-mt-unsafe)
    for (int i = 0; i < 4000; ++i) {
      const auto seconds = static_cast<std::time_t>(random() % 4'102'444'800ULL);  // before the year 2100
      std::tm broken{};
      ::localtime_r(&seconds, &broken);
      const auto shown = (zone(name).clock(WallTime(std::chrono::seconds(seconds)))).time_since_epoch();
      const std::int64_t expected = (seconds + broken.tm_gmtoff) * 1000;
      if (shown.count() == expected) continue;
      // Only while an hour is shown again, and then it is the end of what was shown before.
      const std::time_t earlier = seconds - 2 * 3600;
      std::tm earlier_broken{};
      ::localtime_r(&earlier, &earlier_broken);
      ASSERT_GT(earlier_broken.tm_gmtoff, broken.tm_gmtoff) << name << " at " << seconds;
      ASSERT_GT(shown.count(), expected) << name << " at " << seconds;
    }
  }
  if (before == nullptr) {
    ::unsetenv("TZ");  // NOLINT(concurrency-mt-unsafe)
  } else {
    ::setenv("TZ", kept.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  }
  ::tzset();  // NOLINT(concurrency-mt-unsafe)
}

TEST(Zone, FirstShowsATimeWhenItsClockGetsThere) {
  std::mt19937_64 random(4711);  // NOLINT(bugprone-random-generator-seed)
  for (const char* name : {"Europe/Warsaw", "America/Havana", "Australia/Lord_Howe", "Africa/Cairo"}) {
    for (int i = 0; i < 5000; ++i) {
      const LocalTime wanted(std::chrono::milliseconds(random() % 4'000'000'000'000ULL));
      const auto first = zone(name).first_showing(wanted);
      ASSERT_GE(zone(name).clock(first), wanted);
      ASSERT_LT(zone(name).clock(first - std::chrono::milliseconds(1)), wanted);
    }
  }
}

}  // namespace
}  // namespace gatehouse::policy
