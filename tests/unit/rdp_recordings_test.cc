// The directory of recordings: which stand how, what is in them, and which are kept no longer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "rdp/recording_retention.h"
#include "rdp/recording_search.h"
#include "rdp/recordings.h"
#include "support/directories.h"
#include "unit/recording_fixture.h"

namespace gatehouse::rdp {
namespace {

using std::chrono::hours;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class Recordings : public testing::Test {
 protected:
  test::WrittenRecording written(std::uint64_t session, const std::string& user = "bob") {
    return {place(), session, gateway_, user};
  }
  void ended(std::uint64_t session, std::size_t bytes = 100, hours ago = hours(0)) {
    auto recording = written(session);
    recording.append("000.mp4", std::string(bytes, 'x'));
    recording.end();
    age(session, ago);
  }
  void age(std::uint64_t session, hours ago) {
    for (const auto& file : std::filesystem::directory_iterator(recording_of(place(), session))) {
      std::filesystem::last_write_time(file, std::filesystem::file_time_type::clock::now() - ago);
    }
  }
  std::vector<std::uint64_t> there() { return recorded_sessions(place()).value(); }
  std::vector<std::uint64_t> due(const RetentionOfRecordings& rules) {
    std::vector<std::uint64_t> sessions;
    const auto found = due_recordings(place(), rules, now());
    for (const auto& each : found.value()) sessions.push_back(each.session);
    return sessions;
  }
  std::vector<DueRecording> removed(const RetentionOfRecordings& rules) {
    return remove_recordings(place(), due_recordings(place(), rules, now()).value(), [] { return false; }).value();
  }
  std::uint64_t bytes(std::uint64_t session) { return look_at_recording(place(), session)->bytes; }
  [[nodiscard]] const std::filesystem::path& place() const { return directory_.path(); }

  test::TemporaryDirectory directory_;
  SigningKey gateway_ = SigningKey::make();
};

TEST_F(Recordings, AreListedNewestFirstAndNothingElseIs) {
  ended(9);
  ended(100);
  ended(17);
  std::filesystem::create_directory(place() / ".begins-18");
  std::filesystem::create_directory(place() / "lost+found");
  EXPECT_THAT(there(), ElementsAre(100, 17, 9));
  EXPECT_THAT(recorded_sessions(place(), 100).value(), ElementsAre(17, 9));
  EXPECT_FALSE(recorded_sessions(place() / "absent"));
}

TEST_F(Recordings, StandAsTheyAre) {
  auto open = written(1);
  auto whole = written(2);
  whole.end();
  written(3).break_off();
  EXPECT_EQ(look_at_recording(place(), 1)->state, RecordingState::open);
  EXPECT_EQ(look_at_recording(place(), 2)->state, RecordingState::ended);
  EXPECT_EQ(look_at_recording(place(), 3)->state, RecordingState::broken_off);
  EXPECT_EQ(look_at_recording(place(), 2)->identity->user, "bob");
  EXPECT_GT(look_at_recording(place(), 2)->bytes, 100U);
  EXPECT_FALSE(look_at_recording(place(), 4));
  open.break_off();
  EXPECT_EQ(look_at_recording(place(), 1)->state, RecordingState::broken_off);
}

TEST_F(Recordings, WhoseIdentityIsNotTheirOwnSaySo) {
  ended(1);
  ended(2);
  std::filesystem::copy_file(place() / "1" / identity_file, place() / "2" / identity_file,
                             std::filesystem::copy_options::overwrite_existing);
  const auto entry = look_at_recording(place(), 2);
  ASSERT_TRUE(entry);
  EXPECT_FALSE(entry->identity);
  EXPECT_THAT(entry->fault, HasSubstr("session 1"));
}

TEST_F(Recordings, GoWhenTheyAreTooOld) {
  ended(1, 100, hours(48));
  ended(2, 100, hours(1));
  EXPECT_THAT(due({.age = hours(24)}), ElementsAre(1));
  EXPECT_THAT(removed({.age = hours(24)}), SizeIs(1));
  EXPECT_THAT(there(), ElementsAre(2));
  EXPECT_THAT(due({.age = hours(24)}), IsEmpty());
}

TEST_F(Recordings, TheOldestGoWhenAllTogetherAreTooLarge) {
  for (std::uint64_t session = 1; session <= 4; ++session) ended(session, 1000);
  EXPECT_THAT(due({.size = 4 * bytes(4)}), IsEmpty());
  EXPECT_THAT(due({.size = 4 * bytes(4) - 1}), ElementsAre(1));
  EXPECT_THAT(due({.size = 2 * bytes(4)}), ElementsAre(1, 2));
  EXPECT_THAT(due({.size = 0}), ElementsAre(1, 2, 3, 4));
}

TEST_F(Recordings, ThatGoOnAreNeverRemoved) {
  const auto open = written(1);
  age(1, hours(1000));
  ended(2, 100, hours(900));
  EXPECT_THAT(due({.age = hours(24), .size = 0}), ElementsAre(2));
  // Also where somebody began to write after it was found due.
  const auto gone =
      remove_recordings(place(), {{.session = 1, .bytes = 1}, {.session = 2, .bytes = 1}}, [] { return false; });
  ASSERT_TRUE(gone);
  EXPECT_THAT(*gone, SizeIs(1));
  EXPECT_THAT(there(), ElementsAre(1));
}

TEST_F(Recordings, ThatBrokeOffGoLikeOthers) {
  written(1).break_off();
  age(1, hours(48));
  EXPECT_THAT(due({.age = hours(24)}), ElementsAre(1));
}

TEST_F(Recordings, WhatADeathInTheMiddleLeftIsRemovedWithTheNextPass) {
  ended(1);
  std::filesystem::rename(place() / "1", place() / ".removed-1");
  std::filesystem::create_directory(place() / ".begins-2");
  ASSERT_TRUE(remove_leftovers(place()));
  EXPECT_FALSE(std::filesystem::exists(place() / ".removed-1"));
  EXPECT_TRUE(std::filesystem::exists(place() / ".begins-2")) << "one that begins just now";
  std::filesystem::last_write_time(place() / ".begins-2", std::filesystem::file_time_type::clock::now() - hours(1));
  ASSERT_TRUE(remove_leftovers(place()));
  EXPECT_FALSE(std::filesystem::exists(place() / ".begins-2"));
}

TEST_F(Recordings, AreNamedInRanges) {
  std::vector<DueRecording> some;
  for (const std::uint64_t session : {17, 18, 19, 25, 30, 31}) some.push_back({.session = session, .bytes = 1});
  EXPECT_EQ(text_of_sessions(some, 100), "17-19, 25, 30-31");
  EXPECT_EQ(text_of_sessions(some, 10), "17-19, 25 and 2 more");
}

class RecordingSearch : public Recordings {
 protected:
  void event(const nlohmann::json& event) { recording_.append(events_file, event.dump() + "\n"); }
  std::vector<std::string> found(const std::string& text) {
    const auto identity = look_at_recording(place(), 17)->identity;
    std::vector<std::string> list;
    for (const auto& match : search_recording(recording_.place(), identity, text).list) {
      list.push_back(match.event + " at " + (match.time ? std::to_string(*match.time) : "-") + ": " + match.text);
    }
    return list;
  }
  test::WrittenRecording recording_ = written(17);
};

TEST_F(RecordingSearch, FindsTextOfEventsAndWhen) {
  event({{"event", "clipboard"}, {"t", 1500}, {"text", "the secret \"Recipe\" of Änne"}});
  event({{"event", "file"}, {"t", 2500}, {"name", "C\\recipes\\soup.docx"}});
  event({{"event", "titles"}, {"t", 3500}, {"list", {"Notepad", "RECIPE.txt"}}});
  EXPECT_THAT(found("recipe"), ElementsAre("clipboard at 1500: the secret \"Recipe\" of Änne",
                                           "file at 2500: C\\recipes\\soup.docx", "titles at 3500: RECIPE.txt"));
  EXPECT_THAT(found("\"recipe\""), SizeIs(1));
  EXPECT_THAT(found("Änne"), SizeIs(1));
  EXPECT_THAT(found("C\\rec"), SizeIs(1));
  EXPECT_THAT(found("clipboard"), IsEmpty()) << "the words of the format are no text";
  EXPECT_THAT(found("t"), Not(IsEmpty()));
}

TEST_F(RecordingSearch, FindsWhoItIsAbout) {
  EXPECT_THAT(found("BOB"), ElementsAre("identity at -: bob"));
  EXPECT_THAT(found("192.0.2.10"), SizeIs(1));
  EXPECT_THAT(found("eve"), IsEmpty());
}

TEST_F(RecordingSearch, FindsWhatWasTypedKeyByKey) {
  int time = 1000;
  for (const char* key : {"p", "a", "Y", "r", "o", "l", "l"}) {
    event({{"event", "keys"}, {"t", time}, {"text", key}});
    time += 100;
    event({{"event", "click"}, {"t", time}});
  }
  EXPECT_THAT(found("payroll"), ElementsAre("keys at 1000: payroll"));
  EXPECT_THAT(found("ayro"), ElementsAre("keys at 1100: ayro"));
  EXPECT_THAT(found("pyroll"), IsEmpty());
}

TEST_F(RecordingSearch, IsBounded) {
  for (int i = 0; i < 100; ++i) event({{"event", "clipboard"}, {"t", i}, {"text", std::string(1000, 'y') + "needle"}});
  const auto few = search_recording(recording_.place(), {}, "needle", {.matches = 5});
  EXPECT_THAT(few.list, SizeIs(5));
  EXPECT_FALSE(few.complete);
  EXPECT_LT(few.list[0].text.size(), 300U);
  const auto start = search_recording(recording_.place(), {}, "needle", {.matches = 500, .bytes = 20'000});
  EXPECT_FALSE(start.complete);
  EXPECT_LT(start.list.size(), 30U);
  EXPECT_TRUE(search_recording(recording_.place(), {}, "needle", {.matches = 500}).complete);
}

}  // namespace
}  // namespace gatehouse::rdp
