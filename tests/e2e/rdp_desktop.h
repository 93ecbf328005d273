// A desktop of freerdp-shadow-cli3 behind the gateway: a colour and a window in it, which no blank screen looks like.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "rdp_gateway.h"
#include "rdp_recorded.h"
#include "support/picture.h"

namespace gatehouse::test {

class RdpDesktop : public RdpGateway {
 protected:
  explicit RdpDesktop(const std::string& options = {}, GatewayOptions around = {})
      : RdpGateway(options, std::move(around)) {
    draw("steelblue");
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
  void serve(const std::vector<std::string>& security = {"-auth", "/sec:tls"}) {
    auto environment = desktop_.environment();
    environment["HOME"] = home_.path().string();  // where its certificate is made
    std::vector<std::string> arguments{"freerdp-shadow-cli3", "/port:3389", "/bind-address:" + where_.backend.text()};
    arguments.insert(arguments.end(), security.begin(), security.end());
    shadow_ =
        std::make_unique<Process>(arguments, StartOptions{.where = &network_.backend, .environment = environment});
    ASSERT_TRUE(backend_listens()) << shadow_->output() << shadow_->errors();
  }
  long difference(const std::string& area = {}) {
    return differing_pixels(seat_.shot(directory_, "seat"), desktop_.shot(directory_, "desktop"), area);
  }
  bool shows_the_desktop() {
    return eventually([&] { return alike(seat_.shot(directory_, "seat"), desktop_.shot(directory_, "desktop")); }, 20s);
  }

  Screen desktop_;
  std::unique_ptr<Process> window_;
  std::unique_ptr<Process> shadow_;
};

// The same, served, with a gateway that lets everything pass and records it.
class RdpServedDesktop : public RdpDesktop {
 protected:
  explicit RdpServedDesktop(const std::string& options = {}) : RdpDesktop(options) {
    serve();
    gateway_.start();
    apply("channels: all");
  }
  // At the client's display: `xdotool` with these arguments.
  void at_seat(const std::vector<std::string>& arguments) {
    std::vector<std::string> command{"xdotool"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const auto done = run_command(command, {.environment = seat_.environment()});
    if (done.exit_code != 0) throw std::runtime_error(done.errors);
  }
  std::string recorded(const std::string& file = "000.mp4") { return last_picture(directory_, recording() / file); }
  std::vector<nlohmann::json> events() { return events_of(recording()); }
  std::vector<nlohmann::json> events(const std::string& kind) { return events_of(recording(), kind); }
};

}  // namespace gatehouse::test
