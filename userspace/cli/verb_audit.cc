#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "admin/http_client.h"
#include "cli/lists.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "policy/vocabulary.h"

namespace gatehouse::cli {
namespace {

using nlohmann::json;

struct AuditOptions {
  ListOptions rows{};
  std::string action{};
  bool follow = false;
};

constexpr std::chrono::milliseconds follow_every{1000};
constexpr const char* audit_columns[]{"id",          "time",    "action",     "reason", "user",  "source",
                                      "destination", "service", "session_id", "author", "detail"};
constexpr List audit_list{.path = "/v1/audit", .key = "rows", .columns = audit_columns, .oldest_first = true};

// The filters as a query, without limit and place.
Result<std::string> audit_filters(const AuditOptions& options) {
  auto query = filters_of(options.rows, now());
  if (!query) return query;
  if (!options.rows.reason.empty() && !policy::reason_of(options.rows.reason)) {
    return failure("'" + options.rows.reason + "' is no reason code", "docs/policy.md lists them");
  }
  if (!options.action.empty() && !policy::is_audit_action(options.action)) {
    return failure("'" + options.action + "' is no action of the audit", "docs/api.md lists them");
  }
  return *query + filter("action", options.action) + filter("reason", options.rows.reason);
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

// In the order of time, whichever way the answer has them.
std::vector<json> in_order(std::vector<json> rows) {
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
  bool more = false;  // the daemon had not looked at everything yet
  while (std::exchange(more, false) || context.console().pause(follow_every)) {
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
    const auto& list = member(answer->body, "rows");
    const auto rows = in_order({list.begin(), list.end()});
    if (!rows.empty()) print_rows(context, rows, false);
    const auto next = static_cast<std::uint64_t>(std::max(0.0, number(answer->body, "next")));
    const auto seen = std::max(rows.empty() ? 0 : id_of(rows.back()), next);
    more = seen > after && has_more(answer->body);
    after = std::max(after, seen);
  }
  return exit_ok;
}

int audit(const Context& context, const AuditOptions& options) {
  const auto filters = audit_filters(options);
  if (!filters) return context.fail(filters.error(), exit_usage);
  if (options.follow) {
    if (options.rows.csv || options.rows.all || options.rows.before > 0 || options.rows.has_after) {
      return context.fail({"--follow goes on from the newest rows", "leave --csv, --all, --before and --after out"},
                          exit_usage);
    }
    std::vector<json> rows;
    const int code = each_page(context, audit_list, options.rows, *filters, [&](const json& answer) {
      for (const auto& row : member(answer, "rows")) rows.push_back(row);
    });
    if (code != exit_ok) return code;
    rows = in_order(std::move(rows));
    print_rows(context, rows, true);
    return follow(context, *filters, rows.empty() ? 0 : id_of(rows.back()));
  }
  return show_list(context, audit_list, options.rows, *filters, [&](const std::vector<json>& rows) {
    if (rows.empty()) {
      context.out() << "No such rows.\n";
    } else {
      print_rows(context, in_order(rows), true);
    }
  });
}

}  // namespace

void add_audit_verb(CLI::App& app, Context& context) {
  auto options = std::make_shared<AuditOptions>();
  auto* verb = app.add_subcommand(
      "audit", "What happened: sessions allowed, denied and killed, bans, policy changes; the newest at the end");
  add_list_options(*verb, options->rows);
  verb->add_option("--action", options->action, "Only this action, like session_denied");
  verb->add_option("--reason", options->rows.reason, "Only this reason code, like policy_expired");
  verb->add_flag("--follow", options->follow, "Go on and print new rows as they come (with --json: one object a line)");
  verb->footer("Example: gatehouse audit --since 2h --action session_denied --follow");
  verb->require_subcommand(0, 1);
  add_audit_verify_verb(*verb, context);
  context.actions[verb] = [&context, options] { return audit(context, *options); };
}

}  // namespace gatehouse::cli
