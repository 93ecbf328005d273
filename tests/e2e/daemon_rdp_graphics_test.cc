// Sessions without the graphics pipeline, and those whose size changes: what the client sees is what is recorded.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rdp_desktop.h"
#include "rdp_session_of_xrdp.h"

namespace gatehouse::test {
namespace {

using ::testing::HasSubstr;

class RdpGraphics : public RdpDesktop {};

bool opened_graphics(const std::filesystem::path& recording) {
  const auto channels = events_of(recording, "channel");
  return std::ranges::any_of(channels, [](const nlohmann::json& each) {
    return each.at("opened") && each.at("name") == "Microsoft::Windows::RDS::Graphics";
  });
}

TEST_F(RdpGraphics, SurfaceCommandsOfAnOlderClientAreRecorded) {
  const auto viewer = client_of("xfreerdp", {"/rfx"});
  ASSERT_TRUE(shows_the_desktop()) << viewer->errors();
  draw("darkred");
  ASSERT_TRUE(shows_the_desktop()) << viewer->errors();
  EXPECT_FALSE(opened_graphics(recording())) << "it had the pipeline";
  EXPECT_TRUE(eventually(
      [&] {
        const auto frame = recorded();
        return !frame.empty() && differing_pixels(frame, desktop_.shot(directory_, "desktop")) < 8000;
      },
      15s));
}

class RdpXrdp : public RdpSessionOfXrdp {};

TEST_F(RdpXrdp, AClientThatAnnouncesThePipelineIsRecordedWhereTheServerHasNone) {
  const auto viewer = client();
  ASSERT_TRUE(is_ready()) << viewer->errors();
  ASSERT_TRUE(shows_colour("#336699")) << viewer->errors() << sessions();
  EXPECT_FALSE(opened_graphics(recording()));
  in_session("xsetroot -solid '#993333'");
  ASSERT_TRUE(shows_colour("#993333")) << viewer->errors();
  EXPECT_TRUE(shows_the_recording());
  EXPECT_EQ(sessions()[0].at("ended"), nullptr);
}

TEST_F(RdpXrdp, OlderClientsAreRecordedWithEachOfTheirCodecs) {
  for (const std::vector<std::string>& graphics :
       std::vector<std::vector<std::string>>{{"/rfx"},
                                             {"-gfx", "-rfx", "/nsc"},
                                             {"-gfx", "-rfx", "-nsc", "/bpp:16"},
                                             {"-gfx", "-rfx", "-nsc", "/bpp:32"}}) {
    const auto viewer = client_of("xfreerdp", graphics);
    ASSERT_TRUE(is_ready()) << viewer->errors();
    EXPECT_TRUE(shows_colour("#336699")) << graphics.back() << viewer->errors();
    EXPECT_TRUE(shows_the_recording()) << graphics.back();
    viewer->signal(SIGTERM);
    ASSERT_TRUE(viewer->wait(patiently(10s)));
  }
}

}  // namespace
}  // namespace gatehouse::test
