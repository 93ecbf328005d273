#include "policy/schedule.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "policy/schedule_text.h"
#include "unit/policy_fixture.h"

namespace gatehouse::policy {
namespace {

using std::chrono::milliseconds;

// The schedule of these rules, as the policy writes them.
CompiledSchedule schedule(const std::string& rules, const std::string& zone = "Europe/Warsaw") {
  const auto document = loaded("schedules:\n  s: {zone: " + zone + ", rules: " + rules + "}\n");
  return {Zone::find(zone).value(), document.schedules.at("s").rules};
}

TEST(Schedule, IsOpenFromTheFirstMomentOfItsTimeToTheLastBeforeItsEnd) {
  const auto office = schedule("[{weekdays: [mon-fri], time: '08:00-18:00'}]");
  EXPECT_FALSE(office.open(moment("2026-11-23T06:59:59.999Z")));
  EXPECT_TRUE(office.open(moment("2026-11-23T07:00:00Z")));
  EXPECT_TRUE(office.open(moment("2026-11-23T16:59:59.999Z")));
  EXPECT_FALSE(office.open(moment("2026-11-23T17:00:00Z")));
  EXPECT_FALSE(office.open(moment("2026-11-28T12:00:00Z"))) << "a Saturday";
  EXPECT_EQ(office.open_until(moment("2026-11-23T12:00:00Z")), moment("2026-11-23T17:00:00Z"));
  EXPECT_EQ(office.open_until(moment("2026-11-23T17:00:00Z")), moment("2026-11-23T17:00:00Z"));
  EXPECT_EQ(office.next_opening(moment("2026-11-27T17:00:00Z")), moment("2026-11-30T07:00:00Z"));
}

TEST(Schedule, NeedsWeekdayDayAndMonthAtOnce) {
  const auto rare = schedule("[{weekdays: fri, days: 13, months: [mar, nov], time: '10:00-11:00'}]", "UTC");
  EXPECT_TRUE(rare.open(moment("2026-03-13T10:30:00Z")));
  EXPECT_TRUE(rare.open(moment("2026-11-13T10:30:00Z")));
  EXPECT_FALSE(rare.open(moment("2026-02-13T10:30:00Z"))) << "a Friday the 13th of another month";
  EXPECT_FALSE(rare.open(moment("2026-11-20T10:30:00Z")));
}

TEST(Schedule, CountsANightToTheDayItBeganOn) {
  const auto friday_night = schedule("[{weekdays: fri, time: '22:00-06:00'}]", "UTC");
  EXPECT_FALSE(friday_night.open(moment("2026-11-27T05:00:00Z"))) << "that is Thursday's night";
  EXPECT_TRUE(friday_night.open(moment("2026-11-27T22:00:00Z")));
  EXPECT_TRUE(friday_night.open(moment("2026-11-28T05:59:59Z"))) << "Saturday's morning, Friday's night";
  EXPECT_FALSE(friday_night.open(moment("2026-11-28T22:00:00Z")));
  EXPECT_EQ(friday_night.open_until(moment("2026-11-27T23:00:00Z")), moment("2026-11-28T06:00:00Z"));
  EXPECT_EQ(friday_night.open_until(moment("2026-11-28T01:00:00Z")), moment("2026-11-28T06:00:00Z"));
  const auto last_day = schedule("[{days: 31, time: '23:00-01:00'}]", "UTC");
  EXPECT_TRUE(last_day.open(moment("2027-01-01T00:30:00Z"))) << "the night of the 31st of December";
  EXPECT_FALSE(last_day.open(moment("2026-12-01T00:30:00Z"))) << "November has no 31st";
}

TEST(Schedule, GoesOnFromOneRuleToTheNextWithoutAGap) {
  const auto both = schedule("[{time: '08:00-12:00'}, {weekdays: mon, time: '12:00-20:00'}]", "UTC");
  EXPECT_EQ(both.open_until(moment("2026-11-23T09:00:00Z")), moment("2026-11-23T20:00:00Z"));
  EXPECT_EQ(both.open_until(moment("2026-11-24T09:00:00Z")), moment("2026-11-24T12:00:00Z"));
  const auto weekend = schedule("[{weekdays: [sat, sun]}]", "UTC");
  EXPECT_EQ(weekend.open_until(moment("2026-11-28T09:00:00Z")), moment("2026-11-30T00:00:00Z"));
  const auto half_year = schedule("[{months: [jan-jun]}]", "UTC");
  EXPECT_EQ(half_year.open_until(moment("2027-01-01T00:00:00Z")), moment("2027-07-01T00:00:00Z"));
}

TEST(Schedule, NeverClosesWhereItsRulesCoverEveryMinute) {
  for (const char* rules : {"[{}]", "[{time: '20:00-08:00'}, {time: '08:00-20:00'}]",
                            "[{time: '00:00-13:00'}, {time: '12:00-24:00'}, {weekdays: mon}]"}) {
    EXPECT_EQ(schedule(rules).open_until(moment("2026-11-23T09:00:00Z")), WallTime::max()) << rules;
  }
  const auto almost = schedule("[{time: '00:00-23:59'}]", "UTC");
  EXPECT_EQ(almost.open_until(moment("2026-11-23T09:00:00Z")), moment("2026-11-23T23:59:00Z"));
}

TEST(Schedule, IsFollowedNoFartherThanItsSight) {
  const auto weekdays_and_weekends = schedule("[{weekdays: [mon-fri]}, {weekdays: [sat, sun]}]", "UTC");
  const auto from = moment("2026-11-23T09:00:00Z");
  EXPECT_GE(weekdays_and_weekends.open_until(from), from + schedule_sight);
  EXPECT_LT(weekdays_and_weekends.open_until(from), from + schedule_sight + std::chrono::days(4));
  const auto leap_day = schedule("[{months: feb, days: 29}]", "UTC");
  EXPECT_FALSE(leap_day.open(from));
  EXPECT_EQ(leap_day.next_opening(from), from + schedule_sight) << "it is not open before: ask again then";
  EXPECT_EQ(leap_day.next_opening(moment("2028-01-01")), moment("2028-02-29"));
}

TEST(Schedule, OpensOnceAndClosesOnceInTheNightWhenTheClockIsSetBack) {
  // Warsaw, 2026-10-25: 03:00 CEST becomes 02:00 CET at 01:00 UTC.
  const auto until_half_past = schedule("[{time: '01:00-02:30'}]");
  EXPECT_EQ(until_half_past.open_until(moment("2026-10-24T23:00:00Z")), moment("2026-10-25T00:30:00Z"));
  EXPECT_FALSE(until_half_past.open(moment("2026-10-25T01:15:00Z"))) << "the second 02:15";
  const auto from_half_past = schedule("[{time: '02:30-04:00'}]");
  EXPECT_EQ(from_half_past.open_until(moment("2026-10-25T00:30:00Z")), moment("2026-10-25T03:00:00Z"));
  EXPECT_TRUE(from_half_past.open(moment("2026-10-25T01:15:00Z"))) << "open since the first 02:30";
  const auto night = schedule("[{weekdays: sat, time: '22:00-06:00'}]");
  EXPECT_EQ(night.open_until(moment("2026-10-24T20:00:00Z")), moment("2026-10-25T05:00:00Z")) << "nine hours long";
}

TEST(Schedule, LeavesNoGapInTheNightWhenTheClockIsSetForward) {
  // Warsaw, 2026-03-29: 02:00 CET becomes 03:00 CEST at 01:00 UTC.
  const auto night = schedule("[{weekdays: sat, time: '22:00-06:00'}]");
  EXPECT_EQ(night.open_until(moment("2026-03-28T21:00:00Z")), moment("2026-03-29T04:00:00Z")) << "seven hours long";
  const auto joined = schedule("[{time: '01:00-02:00'}, {time: '02:30-04:00'}]");
  EXPECT_EQ(joined.open_until(moment("2026-03-29T00:00:00Z")), moment("2026-03-29T02:00:00Z"))
      << "what would be a gap is left out";
  EXPECT_EQ(joined.open_until(moment("2026-03-30T00:00:00Z")), moment("2026-03-30T00:00:00Z"));
  const auto inside = schedule("[{time: '02:10-02:50'}]");
  EXPECT_EQ(inside.open_until(moment("2026-03-29T01:00:00Z")), moment("2026-03-29T01:00:00Z"));
  EXPECT_EQ(inside.next_opening(moment("2026-03-28T12:00:00Z")), moment("2026-03-30T00:10:00Z"))
      << "it does not open on that day";
}

TEST(Schedule, CountsDaysByTheZoneAndNotByUtc) {
  const auto monday = schedule("[{weekdays: mon}]", "Pacific/Auckland");
  EXPECT_TRUE(monday.open(moment("2026-11-22T11:00:00Z"))) << "Monday in Auckland, Sunday in Greenwich";
  EXPECT_EQ(monday.open_until(moment("2026-11-22T11:00:00Z")), moment("2026-11-23T11:00:00Z"));
}

TEST(ScheduleText, ReadsDaysMonthsAndTimesAndPrintsThemBack) {
  const std::vector<std::pair<const char*, const char*>> rules{
      {"{weekdays: [mon-fri]}", "{weekdays: [mon-fri]}"},
      {"{weekdays: [fri-mon]}", "{weekdays: [mon, fri-sun]}"},
      {"{weekdays: [sun, mon]}", "{weekdays: [mon, sun]}"},
      {"{days: [1-7, 15, 31]}", "{days: [1-7, 15, 31]}"},
      {"{months: [11-2, jul]}", "{months: [jan-feb, jul, nov-dec]}"},
      {"{months: 3, days: 1, time: '22:00-06:30'}", "{days: [1], months: [mar], time: \"22:00-06:30\"}"},
      {"{time: '00:00-24:00'}", "{}"},
      {"{weekdays: [mon-sun], months: [1-12], days: [1-31]}", "{}"},
  };
  for (const auto& [written, printed] : rules) {
    const auto document = loaded(std::string("schedules: {s: {zone: UTC, rules: [") + written + "]}}\n");
    ASSERT_EQ(document.schedules.at("s").rules.size(), 1U);
    EXPECT_EQ(text_of(document.schedules.at("s").rules.front()), printed);
    EXPECT_EQ(loaded(to_yaml(document)), document) << to_yaml(document);
  }
}

TEST(ScheduleText, RefusesWhatItCannotReadOneWayOnly) {
  for (const char* text : {"monday", "Mon", "mon-", "-fri", "mon-fri-sat", "1", ""})
    EXPECT_FALSE(parse_weekdays(text)) << text;
  for (const char* text : {"0", "32", "7-1", "1-", "-1", "last", "1.5", "001", ""})
    EXPECT_FALSE(parse_days(text)) << text;
  for (const char* text : {"0", "13", "march", "1-13", ""}) EXPECT_FALSE(parse_months(text)) << text;
  for (const char* text : {"8:00-18:00", "08:00", "08:00-", "08:00-18:60", "24:00-06:00", "08:00-25:00", "08:00-08:00",
                           "22:00-00:00", "0800-1800", "08:00 - 18:00", ""}) {
    EXPECT_FALSE(parse_daily_time(text)) << text;
  }
}

}  // namespace
}  // namespace gatehouse::policy
