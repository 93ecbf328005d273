#include <CLI/CLI.hpp>
#include <array>
#include <memory>
#include <utility>

#include "admin/http_client.h"
#include "cli/arguments.h"
#include "cli/device_view.h"
#include "cli/terminal.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace gatehouse::cli {
namespace {

using nlohmann::json;

struct DeviceWatchOptions {
  std::string interval = "2s";
  bool once = false;
};

constexpr std::chrono::seconds device_patience{5};  // so long at most a key or a signal may wait
constexpr std::array<const char*, 4> targets{"/v1/devices?pending=1&limit=100", "/v1/devices?banned=1&limit=100",
                                             "/v1/audit?reason=banned_device&limit=100",
                                             "/v1/bans/history?subject=device&limit=100"};

std::expected<DeviceReading, admin::RequestError> read_devices(const Context& context) {
  std::array<json, targets.size()> bodies;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    auto answer = admin::ask(context.socket, "GET", targets.at(i), nullptr, device_patience);
    if (!answer) return std::unexpected(answer.error());
    if (answer->status != 200) {
      return std::unexpected(admin::RequestError{
          {"the daemon answered " + std::to_string(answer->status) + " to " + targets.at(i), "look at its log"}, true});
    }
    bodies.at(i) = std::move(answer->body);
  }
  return DeviceReading{
      now(), std::move(bodies[0]), std::move(bodies[1]), member(bodies[2], "rows"), member(bodies[3], "events"), {}};
}

int show_devices_once(const Context& context) {
  const auto reading = read_devices(context);
  if (!reading) return context.fail(reading.error().error, reading.error().reached ? exit_failed : exit_unreachable);
  if (context.json) {
    context.print_json({{"pending", member(reading->pending, "devices")},
                        {"banned", member(reading->banned, "devices")},
                        {"refusals", reading->refusals},
                        {"changes", reading->changes}});
    return exit_ok;
  }
  for (const auto& line : device_frame_of(*reading, {})) context.out() << line << '\n';
  return exit_ok;
}

int watch_devices(const Context& context, const DeviceWatchOptions& options) {
  const auto interval = parse_interval(options.interval);
  if (!interval) return context.fail(interval.error(), exit_usage);
  if (options.once || context.json || context.console().terminal < 0) return show_devices_once(context);
  draw_until_quit(context.console().terminal, *interval, [&]() -> Frame {
    auto answer = read_devices(context);
    auto reading = answer ? std::move(*answer) : DeviceReading{now(), {}, {}, {}, {}, answer.error().error.text()};
    return [reading = std::move(reading)](const FrameSize& size) { return device_frame_of(reading, size); };
  });
  return exit_ok;
}

}  // namespace

void add_device_watch_verb(CLI::App& device, Context& context) {
  auto options = std::make_shared<DeviceWatchOptions>();
  auto* verb = device.add_subcommand(
      "watch", "A live view of devices that wait or are banned, refusals and changes of bans; q quits");
  verb->add_option("--interval", options->interval, "Time between two frames")->capture_default_str();
  verb->add_flag("--once", options->once, "Print one frame and exit (so it is also where the output is no terminal)");
  verb->footer("Example: gatehouse device watch");
  context.actions[verb] = [&context, options] { return watch_devices(context, *options); };
}

}  // namespace gatehouse::cli
