#include <CLI/CLI.hpp>
#include <memory>

#include "cli/policy_arguments.h"
#include "cli/policy_listing.h"
#include "cli/verbs.h"

namespace gatehouse::cli {
namespace {

struct ScheduleOptions : EditOptions {
  std::string name;
  std::vector<std::string> weekdays;
  std::string hours;
  std::string zone;
  std::string description;
};

}  // namespace

void add_schedule_verbs(CLI::App& app, Context& context) {
  auto options = std::make_shared<ScheduleOptions>();
  auto* schedule = app.add_subcommand("schedule", "The schedules of the policy: days and hours that grants name");
  schedule->require_subcommand(0, 1);
  schedule->footer("Example: gatehouse schedule list");
  const auto make = [&](const char* word, const char* help, const std::string& example) {
    auto* verb = schedule->add_subcommand(word, help);
    verb->add_option("name", options->name, "Name of the schedule")->required();
    verb->footer(std::string("Example: gatehouse schedule ") + word + " " + example);
    return verb;
  };
  auto* add = make("add", "Add a schedule of one rule; more of them, and days of the month, need a policy file",
                   "office --weekdays mon-fri --hours 08:00-18:00 --zone Europe/Warsaw");
  add->add_option("--weekdays", options->weekdays, "Like mon-fri; may be repeated (default: every day)")
      ->allow_extra_args(false);
  add->add_option("--hours", options->hours, "Like 08:00-18:00; 22:00-06:00 ends on the next day (default: all)");
  add->add_option("--zone", options->zone, "Time zone, like Europe/Warsaw")->required();
  add->add_option("--description", options->description, "For people");
  add_dry_run(*add, *options);
  auto* remove = make("remove", "Remove a schedule that nothing names", "office");
  add_dry_run(*remove, *options);
  auto* list = schedule->add_subcommand("list", "List the schedules");
  list->footer("Example: gatehouse schedule list");
  auto* show = make("show", "Show one schedule, as a policy file has it", "office");

  context.actions[add] = [&context, options] {
    auto week = parse_week(options->weekdays, options->hours, options->zone);
    if (!week) return context.fail(week.error(), exit_usage);
    week->description = options->description;
    return edit_policy(context, *options, [&](policy::Document& document) {
      return add_thing(document, schedules, options->name, *week);
    });
  };
  // No --cascade: a denial that lost its schedule would be gone.
  context.actions[remove] = [&context, options] {
    return edit_policy(context, *options, [&](policy::Document& document) {
      return remove_thing(document, schedules, options->name, false);
    });
  };
  context.actions[list] = [&context] { return list_things(context, schedules, {"zone", "rules", "description"}); };
  context.actions[show] = [&context, options] { return show_thing(context, schedules, options->name); };
}

}  // namespace gatehouse::cli
