// Opening a recording's files: only what is one, and through no link; and what the list of files says.
#include "daemon/recording_access.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "daemon/recording_views.h"
#include "support/directories.h"

namespace gatehouse::daemon {
namespace {

using namespace std::chrono_literals;

class RecordingAccess : public testing::Test {
 protected:
  RecordingAccess() {
    std::filesystem::create_directory(place_);
    put("000.mp4", "video");
    put("events.jsonl",
        "{\"event\":\"start\",\"t\":0,\"time\":\"2026-11-28T02:54:05.667Z\"}\n{\"event\":\"end\",\"t\":1457}\n");
  }
  void put(const std::string& name, const std::string& text) const { std::ofstream(place_ / name) << text; }
  Fd directory() const { return std::move(**open_recording_directory(recordings_.path(), 7)); }
  bool opens(const std::string& name) const { return open_recorded_file(directory(), name).value().has_value(); }

  test::TemporaryDirectory recordings_;
  std::filesystem::path place_ = recordings_.path() / "7";
};

TEST_F(RecordingAccess, OnlyNamesOfARecordingAreTaken) {
  for (const auto* name :
       {"000.mp4", "001.mp4", "1000.mp4", "events.jsonl", "chain.jsonl", "index.jsonl", "identity.json", "file-00001"})
    EXPECT_TRUE(is_recording_file(name)) << name;
  for (const auto* name :
       {"", ".", "..", ".mp4", "0.mp4", "00a.mp4", "000.MP4", "../000.mp4", "000.mp4/", "a/000.mp4", "000.mp4.",
        "events.json", "0000000000000000.mp4", "000.mp4%00", "..%2f000.mp4", "file-1", "file-00001.exe"})
    EXPECT_FALSE(is_recording_file(name)) << name;
}

TEST_F(RecordingAccess, WhatIsThereOpensWithItsSize) {
  const auto file = open_recorded_file(directory(), "000.mp4");
  ASSERT_TRUE(file && *file);
  EXPECT_EQ((*file)->size, 5U);
  EXPECT_FALSE(opens("001.mp4"));
  EXPECT_FALSE(open_recording_directory(recordings_.path(), 8).value());
  EXPECT_FALSE(open_recording_directory(recordings_.path() / "absent", 7)) << "no directory is no fault";
}

TEST_F(RecordingAccess, WhatAWorkerCouldPutInPlaceOfAFileLeadsNowhere) {
  std::filesystem::create_symlink("/etc/passwd", place_ / "001.mp4");
  std::filesystem::create_symlink("000.mp4", place_ / "002.mp4");
  ASSERT_EQ(::mkfifo((place_ / "003.mp4").c_str(), S_IRWXU), 0);
  std::filesystem::create_directory(place_ / "004.mp4");
  for (const auto* name : {"001.mp4", "002.mp4", "003.mp4", "004.mp4"}) EXPECT_FALSE(opens(name)) << name;
  std::filesystem::create_symlink("/etc", recordings_.path() / "9");
  EXPECT_FALSE(open_recording_directory(recordings_.path(), 9).value()) << "a link is followed";
  std::ofstream(recordings_.path() / "10") << "no directory";
  EXPECT_FALSE(open_recording_directory(recordings_.path(), 10).value());
  EXPECT_EQ(outline_recording(directory()).value().files.size(), 2U);
}

TEST_F(RecordingAccess, TheOutlineSaysWhatThereIs) {
  put("private.key", "no part of it");
  const auto outline = outline_recording(directory());
  ASSERT_TRUE(outline) << outline.error().text();
  ASSERT_EQ(outline->files.size(), 2U);
  EXPECT_EQ(outline->files[0].name, "000.mp4");
  EXPECT_EQ(outline->files[1].name, "events.jsonl");
  EXPECT_EQ(outline->last_event, 1457);
  EXPECT_EQ(outline->events, 2U);
  EXPECT_EQ(outline->began, parse_time("2026-11-28T02:54:05.667Z").value());
}

TEST_F(RecordingAccess, EventsThatAreNoneAreLeftOut) {
  for (const auto* text : {"", "\n", "x", "{", "[]\n[]\n", "{\"t\":\"x\",\"time\":7}\n", "{\"t\":-5}\n",
                           "{\"t\":1e99}\n", "{\"t\":7}\n{\"t\":9"}) {
    put("events.jsonl", text);
    const auto outline = outline_recording(directory());
    ASSERT_TRUE(outline) << text;
    EXPECT_EQ(outline->last_event, std::string(text).starts_with("{\"t\":7}") ? 7 : 0) << text;
    EXPECT_FALSE(outline->began) << text;
  }
  put("events.jsonl", std::string(3U << 20U, '\n'));
  EXPECT_EQ(outline_recording(directory()).value().events, std::nullopt) << "more is counted than was promised";
}

TEST(RecordingViews, AreNewOnceInEightHours) {
  RecordingViews views;
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(views.is_new("login 1", 7, begin));
  EXPECT_TRUE(views.is_new("login 1", 7, begin)) << "what was not written counts";
  views.add("login 1", 7, begin);
  EXPECT_FALSE(views.is_new("login 1", 7, begin + 7h));
  EXPECT_TRUE(views.is_new("login 1", 8, begin));
  EXPECT_TRUE(views.is_new("login 2", 7, begin));
  EXPECT_TRUE(views.is_new("login 1", 7, begin + 8h));
  for (std::uint64_t id = 100; id < 100 + RecordingViews::most; ++id) views.add("login 1", id, begin + 1h);
  EXPECT_TRUE(views.is_new("login 1", 7, begin + 1h)) << "the oldest stays, where there is no room";
}

}  // namespace
}  // namespace gatehouse::daemon
