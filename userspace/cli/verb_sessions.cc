#include <CLI/CLI.hpp>
#include <memory>

#include "cli/arguments.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace gatehouse::cli {
namespace {

using nlohmann::json;

struct SessionsOptions {
  bool open = false;
  std::uint64_t limit = 100;
  std::vector<std::string> ids;  // text, for the parser of options takes "-1" for a large number
  std::string user;
};

int list(const Context& context, const SessionsOptions& options) {
  const auto answer = context.ask(
      "GET", "/v1/sessions?open=" + std::string(options.open ? "1" : "0") + "&limit=" + std::to_string(options.limit));
  if (!answer) return answer.error();
  if (context.json) {
    context.print_json(*answer);
    return exit_ok;
  }
  using enum Table::Align;
  Table table({{"ID", right},
               {"USER"},
               {"SERVICE"},
               {"CLIENT"},
               {"PROXY"},
               {"BACKEND"},
               {"STARTED"},
               {"LASTED", right},
               {"FROM CLIENT", right},
               {"TO CLIENT", right},
               {"END"}});
  for (const auto& session : member(*answer, "sessions")) {
    const auto detail = show(session, "end_detail");
    table.add({show(session, "id"), show(session, "user"), show(session, "service"), show(session, "client"),
               show(session, "proxy"), show(session, "backend"), show_time(show(session, "started")),
               show_seconds(number(session, "duration_seconds")), show_bytes(number(session, "bytes_from_client")),
               show_bytes(number(session, "bytes_to_client")),
               show(session, "end_reason") + (detail == "-" ? "" : ": " + detail)});
  }
  if (table.empty()) {
    context.out() << (options.open ? "No session is open.\n" : "No sessions yet.\n");
  } else {
    table.print(context.out());
  }
  return exit_ok;
}

int kill(const Context& context, const SessionsOptions& options) {
  if (options.ids.empty() == options.user.empty()) {
    return context.fail({"which sessions?", "give ids, or --user for all of a user's sessions"}, exit_usage);
  }
  json body{{"ids", json::array()}};
  for (const auto& text : options.ids) {
    const auto id = parse_session_id(text);
    if (!id) return context.fail(id.error(), exit_usage);
    body["ids"].push_back(*id);
  }
  if (!options.user.empty()) body["user"] = options.user;
  const auto answer = context.ask("POST", "/v1/sessions/kill", body);
  if (!answer) return answer.error();
  const auto& killed = member(*answer, "killed");
  const auto& unknown = member(*answer, "unknown");
  if (context.json) {
    context.print_json(*answer);
  } else {
    if (!killed.empty()) context.out() << "Killed: " << show_list(killed) << '\n';
    if (killed.empty() && unknown.empty()) context.out() << "No open session of that user.\n";
    if (!unknown.empty()) context.console().err << "gatehouse: not open: " << show_list(unknown) << '\n';
  }
  return unknown.empty() ? exit_ok : exit_failed;
}

}  // namespace

void add_sessions_verbs(CLI::App& app, Context& context) {
  auto options = std::make_shared<SessionsOptions>();
  auto* sessions = app.add_subcommand("sessions", "List sessions, newest first, or end them");
  sessions->add_flag("--open", options->open, "Only those that are open");
  sessions->add_option("--limit", options->limit, "At most this many")
      ->capture_default_str()
      ->check(CLI::Range(1, 100'000));
  sessions->require_subcommand(0, 1);
  sessions->footer("Example: gatehouse sessions --open");
  auto* list_verb = sessions->add_subcommand("list", "List sessions (what `sessions` alone does)");
  list_verb->footer("Example: gatehouse sessions list --limit 20");
  auto* kill_verb = sessions->add_subcommand("kill", "End open sessions at once");
  kill_verb->add_option("id", options->ids, "Session ids");
  kill_verb->add_option("--user", options->user, "All sessions of this user");
  kill_verb->footer("Example: gatehouse sessions kill 17 18");
  context.actions[sessions] = [&context, options] { return list(context, *options); };
  context.actions[list_verb] = context.actions[sessions];
  context.actions[kill_verb] = [&context, options] { return kill(context, *options); };
}

}  // namespace gatehouse::cli
