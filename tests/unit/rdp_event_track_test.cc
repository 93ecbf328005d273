// The event track of a recording: what is in it, what of keys, and that nobody fills a disk with it.
#include "rdp/event_track.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "support/patience.h"

namespace gatehouse::rdp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class Track : public testing::Test {
 protected:
  std::unique_ptr<EventTrack> track(Detail keys) {
    return std::make_unique<EventTrack>(
        keys, [this] { return now_.load(); },
        [this](std::int64_t time, const std::string& event, nlohmann::json data) {
          const std::lock_guard lock(mutex_);
          data["t"] = time;
          data["event"] = event;
          lines_.push_back(std::move(data));
        });
  }
  static void type(EventTrack& track, std::uint16_t code) {
    track.key({.code = code, .down = true});
    track.key({.code = code, .down = false});
  }
  std::size_t count() {
    const std::lock_guard lock(mutex_);
    return lines_.size();
  }
  std::string text() {
    std::string all;
    for (const auto& line : lines_) all += line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    return all;
  }

  std::atomic<std::int64_t> now_ = 5;
  std::mutex mutex_;
  std::vector<nlohmann::json> lines_;
};

TEST_F(Track, TellsWhatHappensInItsOrderAndOnTheRecordingsClock) {
  const auto events = track(Detail::off);
  events->notice(LogonQuery{.user = "bob",
                            .domain = "CORP",
                            .client_name = "PC7",
                            .client_build = 19041,
                            .width = 800,
                            .height = 600,
                            .security = Security::tls,
                            .channels = {}});
  now_ = 20;
  events->notice(Active{.width = 800, .height = 600});
  now_ = 30;
  events->notice(FileNotice{.channel = "drive",
                            .direction = Direction::to_client,
                            .name = "plan.txt",
                            .bytes = 4,
                            .whole = true,
                            .sha256 = "ab"});
  events->notice(RefusalNotice{.channel = "cliprdr", .what = "clipboard_text_to_client"});
  events->click(PointerButton::right, 17, 4);
  events->warned(300, true);
  events->notice(Ended{.reason = "client_closed", .detail = ""});
  events->close();
  ASSERT_EQ(lines_.size(), 7U) << text();
  EXPECT_EQ(lines_[0], nlohmann::json({{"t", 5},
                                       {"event", "logon"},
                                       {"user", "bob"},
                                       {"domain", "CORP"},
                                       {"client", "PC7"},
                                       {"build", 19041},
                                       {"width", 800},
                                       {"height", 600},
                                       {"security", "tls"}}));
  EXPECT_EQ(lines_[1].at("event"), "active");
  EXPECT_EQ(lines_[1].at("t"), 20);
  EXPECT_EQ(lines_[2].at("name"), "plan.txt");
  EXPECT_EQ(lines_[3].at("what"), "clipboard_text_to_client");
  EXPECT_EQ(lines_[4], nlohmann::json({{"t", 30}, {"event", "click"}, {"button", "right"}, {"x", 17}, {"y", 4}}));
  EXPECT_EQ(lines_[5], nlohmann::json({{"t", 30}, {"event", "warning"}, {"seconds", 300}, {"shown", true}}));
  EXPECT_EQ(lines_[6].at("reason"), "client_closed");
}

TEST_F(Track, NothingOfKeysIsThereWhenTheyAreOff) {
  const auto events = track(Detail::off);
  type(*events, 30);
  events->close();
  EXPECT_TRUE(lines_.empty()) << text();
}

TEST_F(Track, MaskedKeysAreCountedAndNotNamed) {
  const auto events = track(Detail::outline);
  type(*events, 30);
  events->key({.unicode = true, .code = 0xE4, .down = true});
  now_ = 40;
  type(*events, 48);
  events->close();
  ASSERT_EQ(lines_.size(), 1U) << text();
  EXPECT_EQ(lines_[0], nlohmann::json({{"t", 5}, {"event", "keys"}, {"until", 40}, {"count", 3}}));
}

TEST_F(Track, KeysThatAreOnAreThereWithTheTextOfThoseThatAreText) {
  const auto events = track(Detail::full);
  events->key({.code = 0x1D, .extended = true, .down = true});
  events->key({.unicode = true, .code = 0xD83D, .down = true});
  events->key({.unicode = true, .code = 0xDE00, .down = true});
  events->key({.unicode = true, .code = 0xDE00, .down = false});
  events->close();
  ASSERT_EQ(lines_.size(), 1U) << text();
  EXPECT_EQ(lines_[0].at("text"), "\U0001F600");
  EXPECT_EQ(lines_[0].at("keys")[0], nlohmann::json({{"t", 5}, {"down", true}, {"code", 0x1D}, {"extended", true}}));
  EXPECT_EQ(lines_[0].at("keys").size(), 4U);
}

TEST_F(Track, WhatIsTypedIsWrittenSoonAndBeforeWhatFollows) {
  const auto events = track(Detail::full);
  type(*events, 30);
  EXPECT_TRUE(test::eventually([&] { return count() == 1; })) << "keys wait for what never comes";
  type(*events, 31);
  events->click(PointerButton::left, 1, 1);
  events->close();
  ASSERT_EQ(lines_.size(), 3U) << text();
  EXPECT_EQ(lines_[1].at("event"), "keys");
  EXPECT_EQ(lines_[2].at("event"), "click");
}

TEST_F(Track, ALineIsBoundedHoweverMuchIsTyped) {
  const auto events = track(Detail::full);
  for (int i = 0; i < 10'000; ++i) events->key({.code = 30, .down = true});
  events->notice(FileNotice{.channel = "clipboard", .name = std::string(100'000, 'x'), .sha256 = ""});
  events->notice(ClipboardNotice{.kind = "text", .bytes = 1, .text = std::string(16383, 'x') + "\u00e4\u00e4"});
  events->close();
  for (const auto& line : lines_) EXPECT_LT(line.dump().size(), 20'000U);
  EXPECT_EQ(lines_.back().at("text").get<std::string>().size(), 16383U) << "half of a character";
}

TEST_F(Track, WhoClicksWithoutEndIsCountedAndTheEndIsTold) {
  const auto events = track(Detail::off);
  for (std::uint16_t i = 0; i < 1000; ++i) events->click(PointerButton::left, i, i);
  now_ = 1500;
  events->click(PointerButton::left, 7, 7);
  for (std::uint16_t i = 0; i < 1000; ++i) events->click(PointerButton::left, i, i);
  events->notice(Ended{.reason = "client_closed", .detail = ""});
  events->close();
  EXPECT_EQ(lines_.size(), 2 * EventTrack::most_lines + 3);
  EXPECT_EQ(lines_.at(EventTrack::most_lines),
            nlohmann::json({{"t", 1500}, {"event", "left_out"}, {"count", 1000 - EventTrack::most_lines}}));
  EXPECT_EQ(lines_.back().at("event"), "end");
}

TEST_F(Track, ASizeIsToldOnceAndWhenItChanges) {
  const auto events = track(Detail::off);
  events->notice(Active{.width = 800, .height = 600});
  events->resized(800, 600);
  events->resized(1024, 768);
  events->notice(Active{.width = 1024, .height = 768});
  events->close();
  ASSERT_EQ(lines_.size(), 2U) << text();
  EXPECT_EQ(lines_[1], nlohmann::json({{"t", 5}, {"event", "resized"}, {"width", 1024}, {"height", 768}}));
}

}  // namespace
}  // namespace gatehouse::rdp
