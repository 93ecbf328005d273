// Sessions without the graphics pipeline, and those whose size changes: what the client sees is what is recorded.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rdp_desktop.h"
#include "rdp_session_of_xrdp.h"

namespace gatehouse::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class RdpGraphics : public RdpServedDesktop {};

bool opened(const std::filesystem::path& recording, const std::string& channel) {
  const auto channels = events_of(recording, "channel");
  return std::ranges::any_of(
      channels, [&](const nlohmann::json& each) { return each.at("opened") && each.at("name") == channel; });
}
bool opened_graphics(const std::filesystem::path& recording) {
  return opened(recording, "Microsoft::Windows::RDS::Graphics");
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

// The decoders of the recording have their memory from the first picture of their codec on.
struct PipelineCodec {
  std::string name;
  std::string option;
};
class RdpPipelineCodec : public RdpGraphics, public ::testing::WithParamInterface<PipelineCodec> {};

TEST_P(RdpPipelineCodec, IsRecorded) {
  const auto viewer = client_of("xfreerdp3", {GetParam().option});
  ASSERT_TRUE(shows_the_desktop()) << viewer->errors();
  draw("darkred");
  ASSERT_TRUE(shows_the_desktop()) << viewer->errors();
  EXPECT_TRUE(opened_graphics(recording()));
  EXPECT_TRUE(eventually(
      [&] {
        const auto frame = recorded();
        return !frame.empty() && differing_pixels(frame, desktop_.shot(directory_, "desktop")) < 8000;
      },
      15s));
  EXPECT_THAT(audit("recording_failed"), ::testing::IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Each, RdpPipelineCodec,
    ::testing::Values(PipelineCodec{"RemoteFx", "/gfx:progressive:off,RFX:on,AVC420:off,AVC444:off"},
                      PipelineCodec{"Progressive", "/gfx:progressive:on,RFX:off,AVC420:off,AVC444:off"},
                      PipelineCodec{"Planar", "/gfx:progressive:off,RFX:off,AVC420:off,AVC444:off"}),
    [](const auto& each) { return each.param.name; });

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
    EXPECT_TRUE(shows_colour("#336699")) << graphics.back() << viewer->errors() << audit("connection_ended");
    EXPECT_TRUE(shows_the_recording()) << graphics.back();
    viewer->signal(SIGTERM);
    ASSERT_TRUE(viewer->wait(patiently(10s)));
  }
}

TEST_F(RdpXrdp, ASizeThatTheClientChangesIsTheSessionsAndAPartOfTheRecordingOfItsOwn) {
  const auto viewer = client({"/dynamic-resolution", "/size:800x600"});
  ASSERT_TRUE(is_ready()) << viewer->errors();
  ASSERT_TRUE(eventually([&] { return !events_of(recording(), "picture").empty(); }, 20s));
  const auto resize = [&](const std::string& width, const std::string& height) {
    const auto done =
        run_command({"xdotool", "search", "--onlyvisible", "--name", "FreeRDP", "windowsize", "--sync", width, height},
                    {.environment = seat_.environment()});
    ASSERT_EQ(done.exit_code, 0) << done.errors;
  };
  ASSERT_TRUE(eventually([&] { return opened(recording(), "Microsoft::Windows::RDS::DisplayControl"); }, 20s));
  resize("1000", "700");
  EXPECT_TRUE(eventually([&] { return in_session("xrandr").find("current 1000 x 700") != std::string::npos; }, 20s))
      << in_session("xrandr") << viewer->errors() << sessions();
  EXPECT_TRUE(eventually([&] { return events_of(recording(), "picture").size() >= 2; }, 20s));
  in_session("xsetroot -solid '#993333'");
  EXPECT_TRUE(shows_colour("#993333"));
  EXPECT_THAT(nlohmann::json(events_of(recording(), "resized")).dump(), HasSubstr("1000"));
  EXPECT_EQ(sessions()[0].at("ended"), nullptr);
}

TEST_F(RdpXrdp, TheMonitorsOfTheClientAreThoseOfTheSession) {
  for (const auto* monitor : {"left 512/135x768/203+0+0", "right 512/135x768/203+512+0"}) {
    const auto made = run_command(
        {"sh", "-c", std::string("xrandr --setmonitor ") + monitor + (monitor[0] == 'l' ? " screen" : " none")},
        {.environment = seat_.environment()});
    ASSERT_EQ(made.exit_code, 0) << made.errors;
  }
  const auto viewer = client_of("xfreerdp3", {"/gfx:AVC420", "/multimon"});
  ASSERT_TRUE(is_ready()) << viewer->errors();
  EXPECT_THAT(in_session("xrandr --listmonitors"), AllOf(HasSubstr("Monitors: 2"), HasSubstr("512/"))) << sessions();
  EXPECT_TRUE(shows_colour("#336699")) << viewer->errors();
  EXPECT_TRUE(shows_the_recording());
}

}  // namespace
}  // namespace gatehouse::test
