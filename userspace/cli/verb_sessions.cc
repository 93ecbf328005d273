#include <CLI/CLI.hpp>
#include <memory>

#include "cli/arguments.h"
#include "cli/lists.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "policy/vocabulary.h"

namespace gatehouse::cli {
namespace {

using nlohmann::json;

struct SessionsOptions {
  ListOptions rows{};
  bool open = false;
  std::string backend{};
  std::vector<std::string> ids{};  // text, for the parser of options takes "-1" for a large number
  std::string user{};              // of kill
};

constexpr const char* session_columns[]{"id",
                                        "user",
                                        "server",
                                        "service",
                                        "grant",
                                        "protocol",
                                        "client",
                                        "proxy",
                                        "backend",
                                        "started",
                                        "ended",
                                        "duration_seconds",
                                        "bytes_from_client",
                                        "bytes_to_client",
                                        "peak_bytes_per_second",
                                        "end_reason",
                                        "end_detail",
                                        "visit",
                                        "policy_version"};
constexpr List session_list{.path = "/v1/sessions", .key = "sessions", .columns = session_columns};

void print_sessions(const Context& context, const std::vector<json>& rows) {
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
  for (const auto& session : rows) {
    const auto detail = show(session, "end_detail");
    table.add({show(session, "id"), show(session, "user"), show(session, "service"), show(session, "client"),
               show(session, "proxy"), show(session, "backend"), show_time(show(session, "started")),
               show_seconds(number(session, "duration_seconds")), show_bytes(number(session, "bytes_from_client")),
               show_bytes(number(session, "bytes_to_client")),
               show(session, "end_reason") + (detail == "-" ? "" : ": " + detail)});
  }
  table.print(context.out());
}

int list(const Context& context, const SessionsOptions& options) {
  auto filters = filters_of(options.rows, now());
  if (!filters) return context.fail(filters.error(), exit_usage);
  const auto backend = network_filter("backend", options.backend);
  if (!backend) return context.fail(backend.error(), exit_usage);
  const auto reason = end_reason_filter(options.rows.reason);
  if (!reason) return context.fail(reason.error(), exit_usage);
  *filters += *backend + *reason + (options.open ? "&open=1" : "");
  return show_list(context, session_list, options.rows, *filters, [&](const std::vector<json>& rows) {
    if (!rows.empty()) return print_sessions(context, rows);
    context.out() << (options.open ? "No session is open.\n"
                                   : (filters->empty() ? "No sessions yet.\n" : "No such sessions.\n"));
  });
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
  add_list_options(*sessions, options->rows);
  sessions->add_option("--backend", options->backend, "Only to this address behind the gateway, or network");
  sessions->add_option("--reason", options->rows.reason, "Only those that ended so, like backend_refused");
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
  context.actions[kill_verb] = [&context, options, sessions] {
    // Options that are not its own go to `sessions`: ended is what was named, and nothing else.
    for (const auto* option : sessions->get_options()) {
      if (option->count() == 0) continue;
      return context.fail({option->get_name() + " is for the list", "give ids, or --user"}, exit_usage);
    }
    return kill(context, *options);
  };
}

}  // namespace gatehouse::cli
