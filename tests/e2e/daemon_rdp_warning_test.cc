// The warning that a session ends soon, over the client's picture: it is there, it goes, and what it covered is there
// again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/time.h"
#include "rdp_desktop.h"
#include "rdp_session_of_xrdp.h"

namespace gatehouse::test {
namespace {

constexpr const char* banner_area = "300x60+362+0";

struct Viewer {
  const char* name;
  const char* program;
  std::vector<std::string> graphics;
};
void PrintTo(const Viewer& viewer, std::ostream* out) {
  *out << viewer.name;
}

// With a recording, and without: then nothing is decoded here.
class RdpWarning : public RdpServedDesktop, public ::testing::WithParamInterface<std::tuple<Viewer, bool>> {
 protected:
  std::unique_ptr<Process> view() {
    const auto& viewer = std::get<0>(GetParam());
    return client_of(viewer.program, viewer.graphics);
  }
  bool records() { return std::get<1>(GetParam()); }
  // It is there, and all below it is as ever.
  bool shows_it_over_the_desktop() {
    const auto desktop = desktop_.shot(directory_, "desktop");
    const auto seat = seat_.shot(directory_, "seat");
    return differing_pixels(seat, desktop, banner_area) > 15'000 &&
           differing_pixels(seat, desktop, "1024x600+0+168") < 1000;
  }
  // Of each picture until it has gone, whether it was there.
  std::vector<bool> looks_at_it_while_the_desktop_changes() {
    const auto banner = seat_.shot(directory_, "banner");
    std::vector<bool> looks;
    for (int gone_for = 0; gone_for < 8;) {
      draw(looks.size() % 2 == 0 ? "darkgreen" : "darkblue");
      looks.push_back(differing_pixels(seat_.shot(directory_, "seat"), banner, banner_area) < 1000);
      gone_for = looks.back() ? 0 : gone_for + 1;
    }
    while (!looks.empty() && !looks.back()) looks.pop_back();
    return looks;
  }
  // Its end comes into sight.
  void let_it_end_in(std::chrono::seconds left) {
    apply("channels: all, record: " + std::string(records() ? "true" : "false") + ", end: \"" +
          format_time(now() + left) + "\"");
  }
};

TEST_P(RdpWarning, IsShownOverThePictureAndGoes) {
  apply("channels: all, record: " + std::string(records() ? "true" : "false"));
  const auto viewer = view();
  ASSERT_TRUE(shows_the_desktop()) << viewer->errors();
  EXPECT_LT(difference(banner_area), 100);
  let_it_end_in(250s);
  ASSERT_TRUE(eventually([&] { return shows_it_over_the_desktop(); }, 10s)) << viewer->errors() << gateway_.log();
  // The desktop goes on beneath it.
  const auto looks = looks_at_it_while_the_desktop_changes();
  ASSERT_FALSE(looks.empty()) << "what the server paints wipes it away";
  // Between the server's update and the banner in the next one there may be a picture.
  EXPECT_LE(std::ranges::count(looks, false) * 5, std::ssize(looks)) << ::testing::PrintToString(looks);
  EXPECT_TRUE(eventually([&] { return difference() < 1000; }, 25s)) << difference() << " pixels are not as before";
  draw("darkred");
  EXPECT_TRUE(eventually([&] { return difference() < 1000; }, 10s)) << "the picture does not change any more";
  at_seat({"mousemove", "300", "300", "click", "1"});
  draw("steelblue");
  EXPECT_TRUE(eventually([&] { return difference() < 1000; }, 10s)) << "the picture does not change any more";
  EXPECT_TRUE(viewer->running()) << viewer->errors();
  if (!records()) return;
  const auto warnings = events("warning");
  ASSERT_EQ(warnings.size(), 1U) << gateway_.log();
  EXPECT_EQ(warnings[0].at("shown"), true);
  EXPECT_LE(warnings[0].at("seconds"), 250);
  const auto recorded_without = [&] {
    const auto frame = recorded();
    return !frame.empty() && differing_pixels(frame, desktop_.shot(directory_, "desktop"), banner_area) < 500;
  };
  EXPECT_TRUE(eventually(recorded_without, 10s)) << "what the server never painted is in the recording";
}

INSTANTIATE_TEST_SUITE_P(Clients, RdpWarning,
                         ::testing::Combine(::testing::Values(Viewer{"AVC420", "xfreerdp3", {"/gfx:AVC420"}},
                                                              Viewer{"RFX", "xfreerdp3", {"/gfx:RFX"}},
                                                              Viewer{"Progressive", "xfreerdp3", {"/gfx:progressive"}},
                                                              Viewer{"Older", "xfreerdp", {"/rfx"}}),
                                            ::testing::Bool()),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param).name) +
                                  (std::get<1>(test.param) ? "Recorded" : "");
                         });

// A server that sends bitmaps.
class RdpWarningXrdp : public RdpSessionOfXrdp {};

TEST_F(RdpWarningXrdp, IsShownOverBitmaps) {
  const auto viewer = client_of("xfreerdp", {"-gfx", "-rfx", "-nsc"});
  ASSERT_TRUE(is_ready()) << viewer->errors() << sessions();
  ASSERT_TRUE(shows_colour("#336699")) << viewer->errors();
  const auto before = seat_.shot(directory_, "before");
  apply("channels: all, end: \"" + format_time(now() + 250s) + "\"");
  const auto changed = [&] { return differing_pixels(seat_.shot(directory_, "seat"), before, banner_area); };
  ASSERT_TRUE(eventually([&] { return changed() > 15'000; }, 10s));
  const auto banner = seat_.shot(directory_, "banner");
  in_session("xsetroot -solid '#669933'");
  EXPECT_TRUE(eventually(
      [&] {
        const auto now_shown = seat_.shot(directory_, "seat");
        return is_of_colour(now_shown, "#669933") && differing_pixels(now_shown, banner, banner_area) < 1000;
      },
      10s))
      << "what the server paints wipes it away";
  in_session("xsetroot -solid '#336699'");
  EXPECT_TRUE(eventually([&] { return changed() < 100; }, 25s)) << changed();
  in_session("xsetroot -solid '#993333'");
  EXPECT_TRUE(shows_colour("#993333"));
}

}  // namespace
}  // namespace gatehouse::test
