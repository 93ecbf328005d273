// A session of xrdp behind the gateway: a server that is not FreeRDP, and knows no graphics pipeline.
#pragma once

#include <fstream>
#include <iterator>

#include "rdp_gateway.h"
#include "rdp_recorded.h"

namespace gatehouse::test {

class RdpSessionOfXrdp : public RdpGateway {
 protected:
  explicit RdpSessionOfXrdp(const std::string& options = {}) : RdpGateway(options) {
    user_ = "vera";
    password_file_ = home_.write("password", password_).string();
    xrdp_ = std::make_unique<Process>(
        std::vector<std::string>{std::string(GATEHOUSE_SOURCE_DIR) + "/tests/support/xrdp_server.sh",
                                 where_.backend.text(), user_, password_file_, shared_.path().string()},
        StartOptions{.where = &network_.backend});
    gateway_.start();
    apply("channels: all");
  }
  void SetUp() override { ASSERT_TRUE(backend_listens()) << xrdp_->output() << xrdp_->errors(); }

  // With a client: the session is there.
  bool is_ready() {
    return eventually([&] { return std::filesystem::exists(shared_.path() / "ready"); }, 30s);
  }
  // In the session, as its user: what it printed.
  std::string in_session(const std::string& command) {
    for (const auto* file : {"output", "status"}) std::filesystem::remove(shared_.path() / file);
    std::ofstream(shared_.path() / "command.new") << command << "\n";
    std::filesystem::rename(shared_.path() / "command.new", shared_.path() / "command");
    if (!eventually([&] { return std::filesystem::exists(shared_.path() / "status"); }, 30s)) return "no answer";
    std::ifstream stream(shared_.path() / "output");
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  }
  // The client shows the session's desktop in that colour.
  bool shows_colour(const std::string& colour) {
    return eventually([&] { return is_of_colour(seat_.shot(directory_, "seat"), colour); }, 30s);
  }
  bool shows_the_recording(const std::string& file = "000.mp4") {
    return eventually(
        [&] {
          const auto frame = last_picture(directory_, recording() / file);
          return !frame.empty() && differing_pixels(frame, seat_.shot(directory_, "seat")) < 8000;
        },
        20s);
  }

  std::string password_file_;
  TemporaryDirectory shared_;
  std::unique_ptr<Process> xrdp_;
};

}  // namespace gatehouse::test
