#include <CLI/CLI.hpp>
#include <memory>

#include "cli/lists.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace gatehouse::cli {
namespace {

using nlohmann::json;

struct VisitsOptions {
  ListOptions rows{};
  bool open = false;
};

constexpr const char* visit_columns[]{"id",       "user",      "source", "started", "ended", "duration_seconds",
                                      "sessions", "end_reason"};
constexpr List visit_list{.path = "/v1/visits", .key = "visits", .columns = visit_columns};

void print_visits(const Context& context, const std::vector<json>& rows) {
  using enum Table::Align;
  Table table(
      {{"ID", right}, {"USER"}, {"SOURCE"}, {"STARTED"}, {"ENDED"}, {"LASTED", right}, {"SESSIONS", right}, {"END"}});
  for (const auto& visit : rows) {
    const bool ended = show(visit, "ended") != "-";
    table.add({show(visit, "id"), show(visit, "user"), show(visit, "source"), show_time(show(visit, "started")),
               ended ? show_time(show(visit, "ended")) : "-", show_seconds(number(visit, "duration_seconds")),
               ended ? show(visit, "sessions") : "-", show(visit, "end_reason")});
  }
  table.print(context.out());
}

int list_visits(const Context& context, const VisitsOptions& options) {
  auto filters = filters_of(options.rows, now());
  if (!filters) return context.fail(filters.error(), exit_usage);
  const auto reason = end_reason_filter(options.rows.reason);
  if (!reason) return context.fail(reason.error(), exit_usage);
  *filters += *reason + (options.open ? "&open=1" : "");
  return show_list(context, visit_list, options.rows, *filters, [&](const std::vector<json>& rows) {
    if (!rows.empty()) return print_visits(context, rows);
    context.out() << (options.open ? "Nobody is inside.\n"
                                   : (filters->empty() ? "No visits yet.\n" : "No such visits.\n"));
  });
}

}  // namespace

void add_visits_verb(CLI::App& app, Context& context) {
  auto options = std::make_shared<VisitsOptions>();
  auto* verb = app.add_subcommand("visits", "List visits: a person's period inside, over all sessions; newest first");
  verb->add_flag("--open", options->open, "Only those that go on");
  add_list_options(*verb, options->rows);
  verb->add_option("--reason", options->rows.reason, "Only those that ended so, like grant_expired");
  verb->footer("Example: gatehouse visits --user bob");
  context.actions[verb] = [&context, options] { return list_visits(context, *options); };
}

}  // namespace gatehouse::cli
