// A desktop of freerdp-shadow-cli3 behind the gateway: an Xvfb with a colour and a window in it.
#pragma once

#include <stdexcept>

#include "rdp_gateway.h"
#include "rdp_recorded.h"

namespace gatehouse::test {

class RdpDesktop : public RdpGateway {
 protected:
  explicit RdpDesktop(const std::string& options = {}) : RdpGateway(options) {
    draw("steelblue");
    serve();
    gateway_.start();
    apply("channels: all");
  }

  void draw(const std::string& colour) {
    const auto set = run_command({"xsetroot", "-solid", colour}, {.environment = desktop_.environment()});
    ASSERT_EQ(set.exit_code, 0) << set.errors;
    if (!window_) {
      window_ = std::make_unique<Process>(
          std::vector<std::string>{"xmessage", "-geometry", "500x350+200+150", "A window of the backend"},
          StartOptions{.environment = desktop_.environment()});
    }
  }
  void serve() {
    auto environment = desktop_.environment();
    environment["HOME"] = home_.path().string();  // where its certificate is made
    shadow_ = std::make_unique<Process>(
        std::vector<std::string>{"freerdp-shadow-cli3", "/port:3389", "/bind-address:" + where_.backend.text(), "-auth",
                                 "/sec:tls"},
        StartOptions{.where = &network_.backend, .environment = environment});
    ASSERT_TRUE(backend_listens()) << shadow_->output() << shadow_->errors();
  }
  long difference(const std::string& area = {}) {
    return differing_pixels(seat_.shot(directory_, "seat"), desktop_.shot(directory_, "desktop"), area);
  }
  bool shows_the_desktop() {
    return eventually([&] { return difference() < 8000; }, 20s);
  }
  // At the client's display: `xdotool` with these arguments.
  void at_seat(const std::vector<std::string>& arguments) {
    std::vector<std::string> command{"xdotool"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const auto done = run_command(command, {.environment = seat_.environment()});
    if (done.exit_code != 0) throw std::runtime_error(done.errors);
  }
  std::string recorded(const std::string& file = "000.mp4") { return last_picture(recording() / file, directory_); }
  std::vector<nlohmann::json> events() { return events_of(recording()); }
  std::vector<nlohmann::json> events(const std::string& kind) { return events_of(recording(), kind); }

  Screen desktop_;
  std::unique_ptr<Process> window_;
  std::unique_ptr<Process> shadow_;
};

}  // namespace gatehouse::test
