#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "admin/http_client.h"
#include "cli/arguments.h"
#include "cli/terminal.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "cli/watch_frame.h"

namespace gatehouse::cli {
namespace {

using nlohmann::json;

struct WatchOptions {
  std::string interval = "1s";
  bool once = false;
};

constexpr std::chrono::seconds frame_patience{5};  // so long at most a key or a signal may wait
constexpr std::string_view sessions_target = "/v1/sessions?open=1&limit=200";
constexpr std::array<std::string_view, 2> denials_targets{"/v1/audit?limit=100&action=session_denied",
                                                          "/v1/audit?limit=100&action=kernel_denied"};

std::expected<Reading, admin::RequestError> read(const Context& context) {
  Reading reading{now(), std::chrono::steady_clock::now(), {}, json::array(), json::array(), {}};
  const auto get = [&](std::string_view target) -> std::expected<json, admin::RequestError> {
    auto answer = admin::ask(context.socket, "GET", std::string(target), nullptr, frame_patience);
    if (!answer) return std::unexpected(answer.error());
    if (answer->status == 200) return std::move(answer->body);
    return std::unexpected(admin::RequestError{
        {"the daemon answered " + std::to_string(answer->status) + " to " + std::string(target), "look at its log"},
        true});
  };
  auto status = get("/v1/status");
  if (!status) return std::unexpected(status.error());
  auto sessions = get(sessions_target);
  if (!sessions) return std::unexpected(sessions.error());
  std::vector<json> denials;
  for (const auto target : denials_targets) {
    auto rows = get(target);
    if (!rows) return std::unexpected(rows.error());
    for (const auto& row : member(*rows, "rows")) denials.push_back(row);
  }
  std::ranges::stable_sort(denials, [](const json& a, const json& b) { return number(a, "id") > number(b, "id"); });
  reading.status = std::move(*status);
  reading.sessions = member(*sessions, "sessions");
  reading.denials = std::move(denials);
  return reading;
}

int watch_once(const Context& context) {
  const auto reading = read(context);
  if (!reading) return context.fail(reading.error().error, reading.error().reached ? exit_failed : exit_unreachable);
  if (context.json) {
    context.print_json({{"status", reading->status}, {"sessions", reading->sessions}, {"denials", reading->denials}});
    return exit_ok;
  }
  for (const auto& line : frame_of(*reading, nullptr, {})) context.out() << line << '\n';
  return exit_ok;
}

int watch(const Context& context, const WatchOptions& options) {
  const auto interval = parse_interval(options.interval);
  if (!interval) return context.fail(interval.error(), exit_usage);
  if (options.once || context.json || context.console().terminal < 0) return watch_once(context);

  std::optional<Reading> last;
  draw_until_quit(context.console().terminal, *interval, [&]() -> Frame {
    auto answer = read(context);
    const auto reading = answer ? std::move(*answer) : Reading{now(), std::chrono::steady_clock::now(), {}, {},
                                                               {},    answer.error().error.text()};
    return [reading, before = std::exchange(last, reading)](const FrameSize& size) {
      return frame_of(reading, before ? &*before : nullptr, size);
    };
  });
  return exit_ok;
}

}  // namespace

void add_watch_verb(CLI::App& app, Context& context) {
  auto options = std::make_shared<WatchOptions>();
  auto* verb = app.add_subcommand("watch", "A live view of sessions, denials and counters; q quits");
  verb->add_option("--interval", options->interval, "Time between two frames")->capture_default_str();
  verb->add_flag("--once", options->once, "Print one frame and exit (so it is also where the output is no terminal)");
  verb->footer("Example: gatehouse watch --interval 2s");
  context.actions[verb] = [&context, options] { return watch(context, *options); };
}

}  // namespace gatehouse::cli
