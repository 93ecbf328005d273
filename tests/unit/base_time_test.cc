#include "base/time.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace gatehouse {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::weeks;

WallTime at(std::int64_t milliseconds_since_1970) {
  return WallTime(milliseconds(milliseconds_since_1970));
}

TEST(Time, ParsesUtcAndOffsets) {
  EXPECT_EQ(parse_time("1970-01-01T00:00:00Z").value(), at(0));
  EXPECT_EQ(parse_time("2026-11-23T18:00:00Z").value(), at(1795456800000));
  EXPECT_EQ(parse_time("2026-11-23T19:00:00+01:00").value(), at(1795456800000));
  EXPECT_EQ(parse_time("2026-11-23T12:30:00-05:30").value(), at(1795456800000));
  EXPECT_EQ(parse_time("2026-11-23 18:00:00Z").value(), at(1795456800000));
  EXPECT_EQ(parse_time("2026-11-23T18:00:00.25Z").value(), at(1795456800250));
  EXPECT_EQ(parse_time("2026-11-23T18:00:00.123456789Z").value(), at(1795456800123));
}

TEST(Time, ReadsABareDateAsItsMidnightInUtc) {
  EXPECT_EQ(parse_time("2026-11-23").value(), parse_time("2026-11-23T00:00:00Z").value());
}

TEST(Time, PrintsWhatItParses) {
  for (const char* text :
       {"2026-11-23T18:00:00Z", "2024-02-29T23:59:59Z", "1970-01-01T00:00:00.001Z", "9999-12-31T23:59:59.999Z"}) {
    EXPECT_EQ(format_time(parse_time(text).value()), text);
  }
}

TEST(Time, RefusesWhatCanBeReadInMoreThanOneWay) {
  for (const char* text : {"",
                           "2026",
                           "2026-11",
                           "2026-11-23T18:00:00",
                           "2026-11-23T18:00Z",
                           "23.11.2026",
                           "11/23/2026",
                           "2026-11-23T",
                           "2026-11-23T18:00:00z",
                           "2026-11-23T18:00:00.Z",
                           "2026-11-23T18:00:00.1234567890Z",
                           "2026-11-23T18:00:00+0100",
                           "2026-11-23T18:00:00Z ",
                           " 2026-11-23",
                           "2026-11-23T18:00:00+24:00",
                           "now",
                           "tomorrow",
                           "1795456800",
                           "+026-11-23",
                           "2026-1-23",
                           "2026-11-23T18-00-00Z"}) {
    const auto result = parse_time(text);
    ASSERT_FALSE(result) << text;
    EXPECT_FALSE(result.error().mend.empty()) << text;
  }
}

TEST(Time, RefusesDaysAndHoursThatDoNotExist) {
  for (const char* text : {"2026-02-29", "2026-13-01", "2026-00-01", "2026-04-31", "2026-01-00", "2026-11-23T24:00:00Z",
                           "2026-11-23T18:60:00Z", "2026-11-23T18:00:60Z"}) {
    EXPECT_FALSE(parse_time(text)) << text;
  }
  EXPECT_TRUE(parse_time("2024-02-29"));
}

TEST(Duration, AddsUpItsUnits) {
  EXPECT_EQ(parse_duration("250ms").value(), milliseconds(250));
  EXPECT_EQ(parse_duration("30s").value(), seconds(30));
  EXPECT_EQ(parse_duration("15m").value(), minutes(15));
  EXPECT_EQ(parse_duration("1.5h").value(), minutes(90));
  EXPECT_EQ(parse_duration("2d").value(), days(2));
  EXPECT_EQ(parse_duration("1w3d").value(), weeks(1) + days(3));
  EXPECT_EQ(parse_duration("1h30m15s").value(), hours(1) + minutes(30) + seconds(15));
}

TEST(Duration, RefusesWhatTheSystemItReplacesMisread) {
  // "1M2d" became 2881 minutes, "-5m" became 5 minutes, anything under a minute became permanent.
  for (const char* text : {"1M2d", "-5m", "5", ""}) {
    const auto result = parse_duration(text);
    ASSERT_FALSE(result) << text;
    EXPECT_FALSE(result.error().mend.empty()) << text;
  }
  EXPECT_EQ(parse_duration("59s").value(), seconds(59));
}

TEST(Duration, RefusesWhatCannotBeReadOneWayOnly) {
  for (const char* text :
       {"m",    "5 m", " 5m", "5m ",   "+5m",  "5m-3s", "5min",      "5M", "5y",   "5m5m",     "5s5m",
        "1d1w", ".5h", "5.h", "1..5h", "1e3s", "0x5m",  "permanent", "0s", "0h0m", "0.0001ms", "5m30"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Duration, RefusesWhatOverflows) {
  EXPECT_TRUE(parse_duration("5200w"));
  EXPECT_FALSE(parse_duration("5300w")) << "longer than a century";
  EXPECT_FALSE(parse_duration("9223372036854775807w"));
  EXPECT_FALSE(parse_duration("99999999999999999999999999999999999999ms"));
  EXPECT_FALSE(parse_duration(std::string(400, '9') + "w"));
}

TEST(Duration, PrintsWhatItParses) {
  for (const char* text : {"250ms", "30s", "1h30m", "1w3d", "1w6d23h59m59s999ms"}) {
    EXPECT_EQ(format_duration(parse_duration(text).value()), text);
  }
  EXPECT_EQ(format_duration(Duration::zero()), "0s");
  EXPECT_EQ(format_duration(-minutes(5)), "-5m");
}

TEST(BootTime, KeepsNeverApartFromLongAgo) {
  EXPECT_EQ(to_boot_time_ns(std::nullopt), 0U) << "never";
  EXPECT_EQ(to_boot_time_ns(now() - hours(1)), 1U) << "expired, not for ever";
  EXPECT_EQ(to_boot_time_ns(at(0)), 1U);
}

TEST(BootTime, SurvivesTheWayBack) {
  const auto later = now() + minutes(10);
  const auto back = from_boot_time_ns(to_boot_time_ns(later));
  EXPECT_LT(std::chrono::abs(back - later), seconds(2));
}

TEST(BootTime, DoesNotOverflowFarAhead) {
  const auto far = to_boot_time_ns(WallTime::max());
  EXPECT_GT(far, to_boot_time_ns(now() + days(365 * 99)));
  EXPECT_LT(far, boot_time_ns() + 101ULL * 365 * 86'400 * 1'000'000'000);
}

}  // namespace
}  // namespace gatehouse
