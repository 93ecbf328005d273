#include <CLI/CLI.hpp>
#include <memory>

#include "admin/query.h"
#include "cli/arguments.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace gatehouse::cli {
namespace {

struct VisitsOptions {
  bool open = false;
  std::uint64_t limit = 100;
  std::string user;
};

int list_visits(const Context& context, const VisitsOptions& options) {
  std::string target =
      "/v1/visits?open=" + std::string(options.open ? "1" : "0") + "&limit=" + std::to_string(options.limit);
  if (!options.user.empty()) target += "&user=" + admin::percent_encode(options.user);
  const auto answer = context.ask("GET", target);
  if (!answer) return answer.error();
  if (context.json) {
    context.print_json(*answer);
    return exit_ok;
  }
  using enum Table::Align;
  Table table(
      {{"ID", right}, {"USER"}, {"SOURCE"}, {"STARTED"}, {"ENDED"}, {"LASTED", right}, {"SESSIONS", right}, {"END"}});
  for (const auto& visit : member(*answer, "visits")) {
    const bool ended = show(visit, "ended") != "-";
    table.add({show(visit, "id"), show(visit, "user"), show(visit, "source"), show_time(show(visit, "started")),
               ended ? show_time(show(visit, "ended")) : "-", show_seconds(number(visit, "duration_seconds")),
               ended ? show(visit, "sessions") : "-", show(visit, "end_reason")});
  }
  if (table.empty()) {
    context.out() << (options.open ? "Nobody is inside.\n" : "No visits yet.\n");
  } else {
    table.print(context.out());
  }
  return exit_ok;
}

}  // namespace

void add_visits_verb(CLI::App& app, Context& context) {
  auto options = std::make_shared<VisitsOptions>();
  auto* verb = app.add_subcommand("visits", "List visits: a person's period inside, over all sessions; newest first");
  verb->add_flag("--open", options->open, "Only those that go on");
  verb->add_option("--user", options->user, "Only of this user");
  verb->add_option("--limit", options->limit, "At most this many")
      ->capture_default_str()
      ->check(CLI::Range(1, 100'000));
  verb->footer("Example: gatehouse visits --user bob");
  context.actions[verb] = [&context, options] { return list_visits(context, *options); };
}

}  // namespace gatehouse::cli
