#include <CLI/CLI.hpp>

#include "admin/http_client.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace gatehouse::cli {
namespace {

using nlohmann::json;

constexpr std::chrono::milliseconds retry_every{100};
constexpr std::chrono::seconds restart_limit{30};

int reload(const Context& context) {
  const auto answer = context.ask("POST", "/v1/reload");
  if (!answer) return answer.error();
  if (context.json) {
    context.print_json(*answer);
    return exit_ok;
  }
  const auto& changed = member(*answer, "changed");
  const auto& later = member(*answer, "restart_needed");
  context.out() << (changed.empty() ? "The configuration is read; nothing changed.\n"
                                    : "Changed: " + show_list(changed) + "\n");
  if (!later.empty()) context.out() << "Needs `gatehouse restart`: " << show_list(later) << '\n';
  return exit_ok;
}

int restart(const Context& context) {
  const auto before = context.ask("GET", "/v1/status");
  if (!before) return before.error();
  const auto answer = context.ask("POST", "/v1/restart");
  if (!answer) return answer.error();
  const auto give_up = std::chrono::steady_clock::now() + restart_limit;
  while (std::chrono::steady_clock::now() < give_up && context.console().pause(retry_every)) {
    const auto after = admin::ask(context.socket, "GET", "/v1/status", nullptr, std::chrono::seconds(5));
    if (!after || after->status != 200 || show(after->body, "started") == show(*before, "started")) continue;
    if (context.json) {
      context.print_json(after->body);
    } else {
      context.out() << "The daemon runs anew, version " << show(after->body, "version") << ", since "
                    << show_time(show(after->body, "started")) << ", with " << show(after->body, "sessions_open")
                    << " sessions.\n";
    }
    return exit_ok;
  }
  return context.fail({"the daemon did not come back", "look at its log and its unit: systemctl status gatehouse"});
}

}  // namespace

void add_daemon_verbs(CLI::App& app, Context& context) {
  auto* reload_verb = app.add_subcommand("reload", "Have the daemon read its configuration again");
  reload_verb->footer("Example: gatehouse reload");
  auto* restart_verb = app.add_subcommand(
      "restart", "Have the daemon execute its binary anew, keeping its listening sockets; waits for it");
  restart_verb->footer("Example: gatehouse restart");
  context.actions[reload_verb] = [&context] { return reload(context); };
  context.actions[restart_verb] = [&context] { return restart(context); };
}

}  // namespace gatehouse::cli
