#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "admin/http_client.h"
#include "admin/query.h"
#include "cli/arguments.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "policy/vocabulary.h"

namespace gatehouse::cli {
namespace {

using nlohmann::json;

struct AuditOptions {
  std::string since;
  std::string action;
  std::string user;
  std::string source;
  std::string reason;
  std::uint64_t limit = 100;
  bool follow = false;
};

constexpr std::chrono::milliseconds follow_every{1000};

// The filters as a query, without limit and after.
Result<std::string> filters_of(const AuditOptions& options) {
  std::string query;
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) query += "&" + std::string(name) + "=" + admin::percent_encode(value);
  };
  if (!options.since.empty()) {
    const auto since = parse_since(options.since, now());
    if (!since) return std::unexpected(since.error());
    add("since", format_time(*since));
  }
  if (!options.source.empty()) {
    const auto source = Address::parse(options.source);
    if (!source) return std::unexpected(source.error());
    add("source", source->text());
  }
  if (!options.reason.empty() && !policy::reason_of(options.reason)) {
    return failure("'" + options.reason + "' is no reason code", "docs/policy.md lists them");
  }
  if (!options.action.empty() && !policy::is_audit_action(options.action)) {
    return failure("'" + options.action + "' is no action of the audit", "docs/api.md lists them");
  }
  add("action", options.action);
  add("user", options.user);
  add("reason", options.reason);
  return query;
}

std::vector<std::string> cells_of(const json& row) {
  const auto session = show(row, "session_id");
  return {show(row, "id"),
          show_time(show(row, "time")),
          show(row, "action"),
          show(row, "reason"),
          show(row, "user"),
          show(row, "source"),
          show(row, "destination"),
          show(row, "service"),
          session == "0" ? "-" : session,
          show(row, "author"),
          show(row, "detail")};
}

std::uint64_t id_of(const json& row) {
  return static_cast<std::uint64_t>(std::max(0.0, number(row, "id")));
}

// Rows in the order of time, whichever way the answer has them.
std::vector<json> rows_of(const json& answer) {
  const auto& list = member(answer, "rows");
  std::vector<json> rows(list.begin(), list.end());
  std::stable_sort(rows.begin(), rows.end(),
                   [](const json& a, const json& b) { return number(a, "id") < number(b, "id"); });
  return rows;
}

void print_rows(const Context& context, const std::vector<json>& rows, bool titles) {
  if (context.json) {
    for (const auto& row : rows) context.print_json_line(row);
    return;
  }
  using enum Table::Align;
  Table table({{"ID", right},
               {"TIME"},
               {"ACTION"},
               {"REASON"},
               {"USER"},
               {"SOURCE"},
               {"DESTINATION"},
               {"SERVICE"},
               {"SESSION", right},
               {"AUTHOR"},
               {"DETAIL"}});
  for (const auto& row : rows) table.add(cells_of(row));
  const auto lines = table.lines();
  for (std::size_t i = titles ? 0 : 1; i < lines.size(); ++i) context.out() << lines[i] << '\n';
  context.out().flush();
}

// A daemon that restarts is waited for; every other fault ends it.
int follow(const Context& context, const std::string& filters, std::uint64_t after) {
  bool away = false;
  while (context.console().pause(follow_every)) {
    const auto target = "/v1/audit?limit=1000&after=" + std::to_string(after) + filters;
    const auto answer = admin::ask(context.socket, "GET", target);
    if (!answer) {
      if (answer.error().reached) return context.fail(answer.error().error);
      if (!std::exchange(away, true)) context.fail(answer.error().error);
      continue;
    }
    away = false;
    if (answer->status != 200)
      return context.fail({"the daemon answered " + std::to_string(answer->status), "look at its log"});
    const auto rows = rows_of(answer->body);
    if (rows.empty()) continue;
    print_rows(context, rows, false);
    after = id_of(rows.back());
  }
  return exit_ok;
}

int audit(const Context& context, const AuditOptions& options) {
  const auto filters = filters_of(options);
  if (!filters) return context.fail(filters.error(), exit_usage);
  const auto answer = context.ask("GET", "/v1/audit?limit=" + std::to_string(options.limit) + *filters);
  if (!answer) return answer.error();
  const auto rows = rows_of(*answer);
  if (options.follow) {
    print_rows(context, rows, true);
    return follow(context, *filters, rows.empty() ? 0 : id_of(rows.back()));
  }
  if (context.json) {
    context.print_json(*answer);
  } else if (rows.empty()) {
    context.out() << "No such rows.\n";
  } else {
    print_rows(context, rows, true);
  }
  return exit_ok;
}

}  // namespace

void add_audit_verb(CLI::App& app, Context& context) {
  auto options = std::make_shared<AuditOptions>();
  auto* verb = app.add_subcommand(
      "audit", "What happened: sessions allowed, denied and killed, bans, policy changes; the newest at the end");
  verb->add_option("--since", options->since, "A time, or how long ago: 2026-11-23T18:00:00Z, 2h");
  verb->add_option("--action", options->action, "Only this action, like session_denied");
  verb->add_option("--user", options->user, "Only this user");
  verb->add_option("--source", options->source, "Only this client address");
  verb->add_option("--reason", options->reason, "Only this reason code, like policy_expired");
  verb->add_option("--limit", options->limit, "At most this many, the newest ones")
      ->capture_default_str()
      ->check(CLI::Range(1, 100'000));
  verb->add_flag("--follow", options->follow, "Go on and print new rows as they come (with --json: one object a line)");
  verb->footer("Example: gatehouse audit --since 2h --action session_denied --follow");
  verb->require_subcommand(0, 1);
  add_audit_verify_verb(*verb, context);
  context.actions[verb] = [&context, options] { return audit(context, *options); };
}

}  // namespace gatehouse::cli
