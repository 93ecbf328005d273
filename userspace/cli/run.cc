#include "cli/run.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/text.h"
#include "cli/verbs.h"

namespace gatehouse::cli {
namespace {

// The innermost subcommand that was named.
const CLI::App* named(const CLI::App& app) {
  const CLI::App* at = &app;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().back();
  return at;
}

std::string path_of(const CLI::App* app) {
  return app->get_parent() == nullptr ? app->get_name() : path_of(app->get_parent()) + " " + app->get_name();
}

// Where an empty text was given: a variable of somebody's script that was not set would otherwise be no restriction.
// Options that may stand without a value have an empty one then.
const CLI::Option* empty_option(const CLI::App& app) {
  for (const auto* option : app.get_options()) {
    if (option->get_expected_min() == 0) continue;
    if (std::ranges::find(option->results(), std::string()) != option->results().end()) return option;
  }
  for (const auto* sub : app.get_subcommands()) {
    if (const auto* option = empty_option(*sub)) return option;
  }
  return nullptr;
}

}  // namespace

int run(int argc, const char* const* argv, const Console& console) {
  CLI::App app("The operator's command of the Gatehouse gateway.", "gatehouse");
  Context context(console);
  std::string socket = "/run/gatehouse/control.sock";
  app.add_option("--socket", socket, "The daemon's control socket")->envname("GATEHOUSE_SOCKET")->capture_default_str();
  app.add_flag("--json", context.json, "Print JSON, also for errors");
  app.set_version_flag("--version", "gatehouse " + console.version);
  app.fallthrough();
  app.require_subcommand(0, 1);
  app.footer(
      "Exit codes: 0 ok, 1 failed, 2 usage, 3 denied by check, 4 no daemon there or no right to its socket.\n"
      "Example: gatehouse --json status");
  add_status_verb(app, context);
  add_apply_verb(app, context);
  add_check_verb(app, context);
  add_sessions_verbs(app, context);
  add_visits_verb(app, context);
  add_ban_verbs(app, context);
  add_device_verbs(app, context);
  add_audit_verb(app, context);
  add_doctor_verb(app, context);
  add_daemon_verbs(app, context);
  add_watch_verb(app, context);
  add_policy_verbs(app, context);
  add_pool_verbs(app, context);
  add_user_verbs(app, context);
  add_group_verbs(app, context);
  add_server_verbs(app, context);
  add_service_verbs(app, context);
  add_schedule_verbs(app, context);
  add_maintenance_verbs(app, context);
  add_grant_verbs(app, context);
  add_revoke_verbs(app, context);
  add_authority_verbs(app, context);
  add_recording_verbs(app, context);
  add_account_verbs(app, context);
  add_credential_verbs(app, context);
  add_token_verbs(app, context);
  add_completion_verb(app, context);
  auto* version =
      app.add_subcommand("version", "Print the version of this command")->footer("Example: gatehouse version");
  context.actions[version] = [&] {
    if (context.json) {
      context.print_json({{"version", console.version}});
    } else {
      console.out << "gatehouse " << console.version << '\n';
    }
    return exit_ok;
  };

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& wish) {  // --help, --version
    return app.exit(wish, console.out, console.err) == 0 ? exit_ok : exit_usage;
  } catch (const CLI::ParseError& error) {
    return context.fail({error.what(), "see `" + path_of(named(app)) + " --help`"}, exit_usage);
  }
  if (const auto* option = empty_option(app)) {
    return context.fail({option->get_name() + " is empty", "write a value, or leave it out"}, exit_usage);
  }
  context.socket = socket;
  const auto action = context.actions.find(named(app));
  if (action == context.actions.end()) {
    return context.fail({"no verb is given", "see `" + path_of(named(app)) + " --help`"}, exit_usage);
  }
  return action->second();
}

}  // namespace gatehouse::cli
