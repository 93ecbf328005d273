// What stands between a connection and a worker: the frame of its first word, and when a worker is taken for stuck.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "rdp/connection_request.h"
#include "rdp/heartbeat.h"
#include "rdp/pulse.h"
#include "rdp/stall_watch.h"

namespace gatehouse::rdp {
namespace {

using std::chrono_literals::operator""s;

std::vector<std::uint8_t> vector_of(const std::string& text) {
  return {text.begin(), text.end()};
}
std::string request_with(const std::string& token) {
  const auto length = 11 + token.size();
  std::string text{3, 0, static_cast<char>(length >> 8U), static_cast<char>(length), static_cast<char>(length - 5)};
  return text + "\xe0" + std::string(5, '\0') + token;
}

TEST(ConnectionRequest, IsWholeWithItsLastByte) {
  for (const auto& token : {std::string(), std::string("Cookie: mstshash=bob\r\n"), std::string(400, 'x')}) {
    const auto whole = vector_of(request_with(token));
    for (std::size_t length = 0; length < whole.size(); ++length) {
      const auto read = read_connection_request(std::span(whole).first(length));
      ASSERT_TRUE(read) << length << ": " << read.error().what;
      EXPECT_FALSE(*read) << length;
    }
    const auto read = read_connection_request(whole);
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, whole.size());
  }
}

TEST(ConnectionRequest, MoreBytesAfterItAreNotItsOwn) {
  const auto read = read_connection_request(vector_of(request_with("") + "more"));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, 11U);
}

TEST(ConnectionRequest, WhatIsNoneIsSeenAsSoonAsItCanBe) {
  const std::vector<std::vector<std::uint8_t>> all{{'G'},
                                                   {3, 0, 0, 0},
                                                   {3, 0, 0, 3},
                                                   {3, 0, 0, 10},
                                                   {3, 0, 0xff, 0xff},
                                                   {3, 0, 0, 19, 0xff},
                                                   {3, 0, 0, 19, 0},
                                                   {3, 0, 0, 19, 14, 0xf0}};
  for (const auto& bytes : all) {
    const auto read = read_connection_request(bytes);
    ASSERT_FALSE(read) << testing::PrintToString(bytes);
    EXPECT_FALSE(read.error().what.empty());
  }
}

TEST(Heartbeat, SaysStuckAfterSomeQuestionsWithoutAnAnswer) {
  Heartbeat heartbeat;
  Heartbeat::Time now{100s};
  for (unsigned i = 0; i < Heartbeat::most_unanswered; ++i) {
    EXPECT_EQ(heartbeat.look(now), Heartbeat::Step::ask);
    EXPECT_EQ(heartbeat.look(now + 1s), Heartbeat::Step::wait);
    now += Heartbeat::between_questions;
  }
  EXPECT_EQ(heartbeat.look(now), Heartbeat::Step::stuck);
}

TEST(Heartbeat, AnAnswerIsGoodForAllQuestions) {
  Heartbeat heartbeat;
  Heartbeat::Time now{100s};
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(heartbeat.look(now), Heartbeat::Step::ask);
    if (i % 4 == 3) heartbeat.answered();
    now += Heartbeat::between_questions;
  }
}

TEST(Heartbeat, WhoWasStoppedHimselfBlamesNobody) {
  Heartbeat heartbeat;
  EXPECT_EQ(heartbeat.look(Heartbeat::Time{100s}), Heartbeat::Step::ask);
  EXPECT_EQ(heartbeat.look(Heartbeat::Time{5000s}), Heartbeat::Step::ask);
}

TEST(Pulse, StandsStillWhenAtWorkForTooLongAndNotWhenItWaits) {
  Pulse pulse;
  const Pulse::Clock::time_point now{1000s};
  EXPECT_FALSE(pulse.stands_still(60s, now));
  pulse.working(now);
  EXPECT_FALSE(pulse.stands_still(60s, now + 59s));
  EXPECT_TRUE(pulse.stands_still(60s, now + 61s));
  pulse.waiting();
  EXPECT_FALSE(pulse.stands_still(60s, now + 6000s));
}

TEST(StallWatch, AsksForBytesThatWaitAndAreNotTaken) {
  StallWatch watch;
  StallWatch::Time now{100s};
  watch.look(now, 10, 0);
  watch.look(now += 60s, 10, 0);
  EXPECT_FALSE(watch.stalled()) << "there was nothing to take";
  watch.look(now += 1s, 10, 500);
  EXPECT_FALSE(watch.stalled());
  watch.look(now += 4s, 10, 500);
  EXPECT_TRUE(watch.stalled());
  watch.look(now += 1s, 10, 0);
  EXPECT_TRUE(watch.stalled()) << "the kernel has thrown away what it did not take";
  watch.look(now += 1s, 11, 489);
  EXPECT_FALSE(watch.stalled());
}

}  // namespace
}  // namespace gatehouse::rdp
