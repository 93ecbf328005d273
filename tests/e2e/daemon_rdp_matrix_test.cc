// Servers, clients and graphics, each with each: the picture through the gateway is the one without it, the recording
// shows the same, and its hashes vouch for it.
//
// What a mode is on the wire depends on both ends. With the packages of Debian 12:
//
//   mode     xfreerdp3                                  xfreerdp 2.11
//   avc420   graphics pipeline, H.264                   graphics pipeline, H.264
//   rfx      graphics pipeline, RemoteFX in it          surface bits of before the pipeline, RemoteFX
//   none     no pipeline, planar bitmaps                no pipeline, planar bitmaps
//
// xrdp 0.9 has no graphics pipeline: whatever clients announce, there they get surface bits or bitmaps. Each cell says
// what its client opens, in a run without the gateway first, and then through it. xrdp speaks no NLA (it has no CredSSP
// of its own: what asks it for NLA alone is refused in ANlaClientFindsNoWayIntoXrdp, without the gateway), so there are
// no such cells.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <fstream>
#include <thread>

#include "rdp_desktop.h"

namespace gatehouse::test {
namespace {

using ::testing::HasSubstr;

enum class Server { shadow_tls, shadow_nla, xrdp };
enum class Client { xfreerdp3, xfreerdp2 };
enum class Mode { avc420, rfx, none };

struct Cell {
  Server server;
  Client client;
  Mode mode;
};

std::string name_of(const ::testing::TestParamInfo<Cell>& info) {
  static constexpr std::array servers{"ShadowTls", "ShadowNla", "Xrdp"};
  static constexpr std::array clients{"Xfreerdp3", "Xfreerdp2"};
  static constexpr std::array modes{"Avc420", "Rfx", "None"};
  const auto& [server, client, mode] = info.param;
  return std::string(servers.at(static_cast<std::size_t>(server))) + clients.at(static_cast<std::size_t>(client)) +
         modes.at(static_cast<std::size_t>(mode));
}

std::vector<std::string> options_of(Client client, Mode mode) {
  if (mode == Mode::avc420) return {"/gfx:AVC420"};
  if (client == Client::xfreerdp3) {
    // -gfx would announce it all the same; without a word of it only a connection of a known type does not.
    return mode == Mode::rfx ? std::vector<std::string>{"/gfx:RFX"} : std::vector<std::string>{"/network:lan"};
  }
  return mode == Mode::rfx ? std::vector<std::string>{"/rfx"}
                           : std::vector<std::string>{"/network:lan", "-rfx", "-nsc"};
}

// What the client has opened, by its own log.
struct Graphics {
  bool pipeline = false;
  bool h264 = false;
  friend bool operator==(const Graphics&, const Graphics&) = default;
};
void PrintTo(const Graphics& graphics, std::ostream* stream) {
  *stream << (graphics.pipeline ? "pipeline" : "no pipeline") << (graphics.h264 ? " with H.264" : "");
}

Graphics graphics_by(const Process& client) {
  const auto log = client.output() + client.errors();
  return {.pipeline = log.find("ChannelName=Microsoft::Windows::RDS::Graphics") != std::string::npos,
          .h264 = log.find("H264_METABLOCK") != std::string::npos};
}

class RdpMatrix : public RdpDesktop, public ::testing::WithParamInterface<Cell> {
 protected:
  RdpMatrix() { user_ = "vera"; }

  void serve_cell(Server server) {
    if (server == Server::shadow_tls) return serve();
    if (server == Server::shadow_nla) {
      const auto hash = run_command({"winpr-hash3", "-u", user_, "-p", password_, "-f", "sam"});
      ASSERT_EQ(hash.exit_code, 0) << hash.errors;
      return serve({"+auth", "/sec:nla", "/sam-file:" + home_.write("sam", hash.output).string()});
    }
    const auto password = home_.write("password", password_);
    xrdp_ = std::make_unique<Process>(
        std::vector<std::string>{std::string(GATEHOUSE_SOURCE_DIR) + "/tests/support/xrdp_server.sh",
                                 where_.backend.text(), user_, password.string(), shared_.path().string()},
        StartOptions{.where = &network_.backend});
    ASSERT_TRUE(backend_listens()) << xrdp_->output() << xrdp_->errors();
  }
  std::unique_ptr<Process> start(const Cell& cell, const Namespace& from, const Address& to, const char* security) {
    const std::string debug =
        "/log-filters:com.freerdp.channels.drdynvc.client:DEBUG,com.freerdp.channels.rdpgfx.client:DEBUG";
    std::vector<std::string> words{"stdbuf",
                                   "-oL",
                                   cell.client == Client::xfreerdp3 ? "xfreerdp3" : "xfreerdp",
                                   "/v:" + to.text(),
                                   "/u:" + user_,
                                   "/p:" + password_,
                                   "/cert:ignore",
                                   "/size:1024x768",
                                   security,
                                   debug};
    const auto options = options_of(cell.client, cell.mode);
    words.insert(words.end(), options.begin(), options.end());
    auto environment = seat_.environment();
    environment["HOME"] = home_.path().string();
    return std::make_unique<Process>(words, StartOptions{.where = &from, .environment = environment});
  }
  // Of the session's own display, without any protocol.
  std::string screen_of_the_server() {
    if (!xrdp_) return desktop_.shot(directory_, "desktop");
    for (const auto* file : {"screen.png", "status"}) std::filesystem::remove(shared_.path() / file);
    std::ofstream(shared_.path() / "command.new") << "import -window root /tmp/share/screen.png\n";
    std::filesystem::rename(shared_.path() / "command.new", shared_.path() / "command");
    const bool there = eventually([&] { return std::filesystem::exists(shared_.path() / "status"); }, 20s) &&
                       std::filesystem::exists(shared_.path() / "screen.png");
    return there ? (shared_.path() / "screen.png").string() : std::string();
  }
  // The path of a picture of the client, once it shows what the server has.
  std::string shown_by(const Process& viewer, const std::string& name) {
    if (xrdp_ && !eventually([&] { return std::filesystem::exists(shared_.path() / "ready"); }, 30s)) return {};
    std::string shown;
    EXPECT_TRUE(eventually(
        [&] {
          shown = seat_.shot(directory_, name);
          return alike(shown, screen_of_the_server());
        },
        20s))
        << viewer.output() << viewer.errors();
    return shown;
  }
  // freerdp-shadow-cli3 now and then has its first picture sent before a client takes one, and what does not change is
  // not sent again. Without the gateway that is nobody's fault here.
  void move_the_desktop() {
    if (xrdp_) return;
    draw("darkred");
    std::this_thread::sleep_for(300ms);
    draw("steelblue");
  }
  void blank_the_seat() { run_command({"xsetroot", "-solid", "black"}, {.environment = seat_.environment()}); }

  TemporaryDirectory shared_;
  std::unique_ptr<Process> xrdp_;
};

TEST_P(RdpMatrix, ShowsAndRecordsWhatThereIsWithoutTheGateway) {
  const auto& cell = GetParam();
  const bool nla = cell.server == Server::shadow_nla;
  gateway_.set("rdp", std::string("{ backend_security: ") + (nla ? "nla" : "tls") +
                          ", recordings: " + recordings_.path().string() + " }");
  gateway_.start();
  apply("channels: all");
  serve_cell(cell.server);

  std::string direct;
  Graphics opened;
  {
    const auto viewer = start(cell, network_.backend, where_.backend, nla ? "/sec:nla" : "/sec:tls");
    ASSERT_TRUE(viewer->wait_for_output("Remote framebuffer format", patiently(20s))) << viewer->errors();
    move_the_desktop();
    direct = shown_by(*viewer, "direct");
    ASSERT_FALSE(direct.empty()) << viewer->output() << viewer->errors() << (xrdp_ ? xrdp_->errors() : "");
    opened = graphics_by(*viewer);
  }
  const bool has_pipeline = cell.server != Server::xrdp && cell.mode != Mode::none &&
                            !(cell.client == Client::xfreerdp2 && cell.mode == Mode::rfx);
  EXPECT_EQ(opened, (Graphics{.pipeline = has_pipeline, .h264 = has_pipeline && cell.mode == Mode::avc420}))
      << "not the mode that this cell is for";
  blank_the_seat();

  std::string through;
  {
    const auto viewer = start(cell, network_.client, proxy_, "/sec:tls");
    through = shown_by(*viewer, "through");
    ASSERT_FALSE(through.empty()) << sessions() << gateway_.log();
    EXPECT_EQ(graphics_by(*viewer), opened) << "the gateway changes what the two agree on";
    viewer->signal(SIGTERM);
    ASSERT_TRUE(ended_as("normal")) << sessions();
  }
  EXPECT_EQ(audit("channel_opened").find("RDS::Graphics") != std::string::npos, opened.pipeline)
      << audit("channel_opened");
  EXPECT_TRUE(alike(through, direct)) << differing_pixels(through, direct) << " pixels differ";

  const auto place = recording();
  std::vector<std::filesystem::path> videos;
  for (const auto& entry : std::filesystem::directory_iterator(place)) {
    if (entry.path().extension() == ".mp4") videos.push_back(entry.path());
  }
  ASSERT_FALSE(videos.empty());
  const auto recorded = last_picture(directory_, *std::ranges::max_element(videos));
  EXPECT_TRUE(alike(recorded, through));
  EXPECT_TRUE(alike(recorded, direct));
  const auto verified = gateway_.cli({"recording", "verify", place.string()});
  EXPECT_EQ(verified.exit_code, 0) << verified.output << verified.errors;
}

std::vector<Cell> all_cells() {
  std::vector<Cell> cells;
  for (const auto server : {Server::shadow_tls, Server::shadow_nla, Server::xrdp}) {
    for (const auto client : {Client::xfreerdp3, Client::xfreerdp2}) {
      for (const auto mode : {Mode::avc420, Mode::rfx, Mode::none}) cells.push_back({server, client, mode});
    }
  }
  return cells;
}
INSTANTIATE_TEST_SUITE_P(Cells, RdpMatrix, ::testing::ValuesIn(all_cells()), name_of);

class RdpMatrixLimits : public RdpMatrix {};

TEST_F(RdpMatrixLimits, ANlaClientFindsNoWayIntoXrdp) {
  serve_cell(Server::xrdp);
  for (const auto client : {Client::xfreerdp3, Client::xfreerdp2}) {
    const auto viewer = start({Server::xrdp, client, Mode::none}, network_.backend, where_.backend, "/sec:nla");
    ASSERT_TRUE(viewer->wait(patiently(20s))) << "it goes on";
    viewer->wait_for_end_of_output(patiently(2s));
    EXPECT_THAT(viewer->output() + viewer->errors(), HasSubstr("SECURITY_NEGO_CONNECT_FAILED"));
  }
}

}  // namespace
}  // namespace gatehouse::test
