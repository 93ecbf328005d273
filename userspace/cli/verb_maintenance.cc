#include <CLI/CLI.hpp>
#include <memory>

#include "cli/policy_arguments.h"
#include "cli/policy_listing.h"
#include "cli/verbs.h"
#include "policy/loader_values.h"

namespace gatehouse::cli {
namespace {

struct MaintenanceOptions : EditOptions {
  std::string name;
  bool gate = false;
  std::string server;
  std::string server_group;
  std::string start;
  std::string end;
  std::string duration;
  std::string grace;
  std::vector<std::string> exempt_users;
  std::vector<std::string> exempt_groups;
  std::string reason;
};

Result<policy::Maintenance> read_maintenance_options(const MaintenanceOptions& options, WallTime time) {
  if (int{options.gate} + int{!options.server.empty()} + int{!options.server_group.empty()} != 1) {
    return failure("maintenance of what?", "give one of --gate, --server and --server-group");
  }
  policy::Maintenance maintenance;
  maintenance.server = options.server;
  maintenance.server_group = options.server_group;
  maintenance.start = std::chrono::ceil<std::chrono::seconds>(time);
  if (!options.start.empty() && options.start != "now") {
    const auto start = policy::parse_policy_time(options.start);
    if (!start) return std::unexpected(start.error());
    maintenance.start = *start;
  }
  if (options.end.empty() == options.duration.empty()) {
    return failure("when is it over?", "give --end with a time, or --for with a duration like 2h");
  }
  if (!options.end.empty()) {
    const auto end = policy::parse_policy_time(options.end);
    if (!end) return std::unexpected(end.error());
    maintenance.end = *end;
  } else {
    const auto duration = parse_duration(options.duration);
    if (!duration) return std::unexpected(duration.error());
    maintenance.end = maintenance.start + *duration;
  }
  if (maintenance.end <= time) return failure("this maintenance is over", "name an end to come");
  if (!options.grace.empty()) {
    const auto grace = parse_duration(options.grace);
    if (!grace) return std::unexpected(grace.error());
    maintenance.grace = *grace;
  }
  maintenance.exempt_users = options.exempt_users;
  maintenance.exempt_user_groups = options.exempt_groups;
  maintenance.reason = options.reason;
  return maintenance;
}

}  // namespace

void add_maintenance_verbs(CLI::App& app, Context& context) {
  auto options = std::make_shared<MaintenanceOptions>();
  auto* maintenance = app.add_subcommand("maintenance", "When nobody is let in but those who work on it");
  maintenance->require_subcommand(0, 1);
  maintenance->footer("Example: gatehouse maintenance list");
  auto* add = maintenance->add_subcommand("add", "Plan a maintenance, or begin one now");
  add->add_option("name", options->name, "Name of the maintenance")->required();
  add->add_flag("--gate", options->gate, "Of the whole gateway");
  add->add_option("--server", options->server, "Of a server");
  add->add_option("--server-group", options->server_group, "Of a group of servers");
  add->add_option("--start", options->start, "When it begins, like 2026-12-05T20:00:00Z (default: now)");
  auto* end = add->add_option("--end,--until", options->end, "When it is over, like 2026-12-05T22:00:00Z");
  add->add_option("--for", options->duration, "How long from its start, like 2h")->excludes(end);
  add->add_option("--grace", options->grace, "So long before the start nobody is let in any more, like 30m");
  add->add_option("--exempt", options->exempt_users, "A user for whom it does not count; may be repeated")
      ->allow_extra_args(false);
  add->add_option("--exempt-group", options->exempt_groups, "A group for which it does not count; may be repeated")
      ->allow_extra_args(false);
  add->add_option("--reason", options->reason, "For people");
  add_dry_run(*add, *options);
  add->footer(
      "Example: gatehouse maintenance add new-disks --server win1 --start 2026-12-05T20:00:00Z --for 2h --grace 30m");
  auto* remove = maintenance->add_subcommand("remove", "End a maintenance, or call it off");
  remove->add_option("name", options->name, "Name of the maintenance")->required();
  add_dry_run(*remove, *options);
  remove->footer("Example: gatehouse maintenance remove new-disks");
  auto* list = maintenance->add_subcommand("list", "List the maintenance");
  list->footer("Example: gatehouse maintenance list");

  context.actions[add] = [&context, options] {
    const auto one = read_maintenance_options(*options, now());
    if (!one) return context.fail(one.error(), exit_usage);
    return edit_policy(context, *options, [&](policy::Document& document) {
      return add_thing(document, maintenances, options->name, *one);
    });
  };
  context.actions[remove] = [&context, options] {
    return edit_policy(context, *options, [&](policy::Document& document) {
      return remove_thing(document, maintenances, options->name, false);
    });
  };
  context.actions[list] = [&context] {
    return list_things(
        context, maintenances,
        {"gate", "server", "server_group", "start", "end", "grace", "exempt_users", "exempt_user_groups", "reason"});
  };
}

}  // namespace gatehouse::cli
