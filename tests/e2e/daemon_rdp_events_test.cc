// What a recording says and shows beside what the server has painted: events, and the pointer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rdp_desktop.h"

namespace gatehouse::test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class RdpEvents : public RdpServedDesktop {
 protected:
  RdpEvents() : RdpServedDesktop(", keys: on") {}

  std::vector<std::uint32_t> codes_down() {
    std::vector<std::uint32_t> codes;
    for (const auto& line : events("keys")) {
      for (const auto& key : line.at("keys")) {
        if (key.at("down") && key.contains("code")) codes.push_back(key.at("code"));
      }
    }
    return codes;
  }
};

TEST_F(RdpEvents, WhoCameAndWhatWasTypedAndClickedIsInTheTrack) {
  const auto viewer = client();
  ASSERT_TRUE(shows_the_desktop()) << viewer->errors();
  at_seat({"mousemove", "700", "620", "click", "3"});
  at_seat({"key", "a", "Right"});
  EXPECT_TRUE(eventually([&] { return codes_down().size() >= 2; })) << gateway_.log();
  EXPECT_THAT(codes_down(), ::testing::IsSupersetOf({30U, 77U})) << "a, and the arrow to the right";
  const auto clicks = events("click");
  ASSERT_FALSE(clicks.empty());
  EXPECT_EQ(clicks[0].at("button"), "right");
  EXPECT_EQ(clicks[0].at("x"), 700);
  EXPECT_EQ(clicks[0].at("y"), 620);
  const auto logons = events("logon");
  ASSERT_EQ(logons.size(), 1U);
  EXPECT_EQ(logons[0].at("user"), "bob");
  EXPECT_EQ(logons[0].at("width"), 1024);
  EXPECT_GT(logons[0].at("build"), 0);
  viewer->signal(SIGTERM);
  ASSERT_TRUE(ended_as("normal")) << sessions();
  const auto all = events();
  EXPECT_EQ(all.front().at("event"), "start");
  EXPECT_EQ(all.back().at("event"), "end");
  for (const auto& event : all) {
    EXPECT_LE(event.at("t"), all.back().at("t")) << "another clock: " << event;
    EXPECT_THAT(event.dump(), Not(HasSubstr(password_)));
  }
  EXPECT_EQ(gateway_.cli({"recording", "verify", recording().string()}).exit_code, 0);
}

TEST_F(RdpEvents, KeysThatAreMaskedAreCountedAndThoseThatAreOffAreNotThere) {
  for (const auto* keys : {"masked", "off"}) {
    gateway_.set("rdp",
                 "{ backend_security: tls, recordings: " + recordings_.path().string() + ", keys: " + keys + " }");
    gateway_.restart();
    const auto viewer = client();
    ASSERT_TRUE(shows_the_desktop()) << viewer->errors();
    at_seat({"key", "a", "b", "c"});
    at_seat({"mousemove", "710", "630", "click", "1"});
    ASSERT_TRUE(eventually([&] { return !events("click").empty(); }));
    if (keys == std::string("masked")) {
      ASSERT_FALSE(events("keys").empty());
      const auto line = events("keys")[0];
      EXPECT_GE(line.at("count"), 1);
      EXPECT_FALSE(line.contains("keys")) << line;
    } else {
      EXPECT_THAT(events("keys"), IsEmpty());
    }
  }
}

TEST_F(RdpEvents, TheRecordingShowsThePointerWhereTheUserMovedIt) {
  const auto viewer = client();
  ASSERT_TRUE(shows_the_desktop()) << viewer->errors();
  // Over the plain colour; nothing else changes.
  const auto at = [&](int x, int y) {
    const auto frame = recorded();
    if (frame.empty()) return -1L;
    return differing_pixels(frame, desktop_.shot(directory_, "desktop"),
                            "24x28+" + std::to_string(x - 4) + "+" + std::to_string(y - 4));
  };
  at_seat({"mousemove", "800", "650"});
  EXPECT_TRUE(eventually([&] { return at(800, 650) > 30; }, 15s)) << at(800, 650) << " pixels of a pointer";
  EXPECT_EQ(at(900, 100), 0);
  at_seat({"mousemove", "900", "100"});
  EXPECT_TRUE(eventually([&] { return at(900, 100) > 30; }, 15s)) << at(900, 100) << " pixels of a pointer";
  EXPECT_EQ(at(800, 650), 0) << "it has left its trace";
  EXPECT_LT(difference("24x28+896+96"), 1) << "the client's own picture has it painted in";
}

}  // namespace
}  // namespace gatehouse::test
