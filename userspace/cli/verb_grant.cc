// grant: who may reach what, and until when. What ends or prolongs one is in verb_revoke.cc.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/policy_arguments.h"
#include "cli/policy_listing.h"
#include "cli/verbs.h"
#include "policy/loader_values.h"

namespace gatehouse::cli {
namespace {

struct GrantOptions : EditOptions {
  std::vector<std::string> whom_and_what;
  std::string name;
  std::string group;
  std::string server_group;
  std::string service;
  std::string protocol;
  std::vector<std::string> sources;
  std::string start;
  EndOptions end;
  std::vector<std::string> schedules;
  std::vector<std::string> weekdays;
  std::string hours;
  std::vector<std::string> logins;
  std::string idle;
  std::string session_limit;
  std::string recording;
  bool no_record = false;
  std::vector<std::string> channels;
  std::vector<std::string> dynamic_channels;
  std::string reason;
};

// USER and SERVER, where no option stands for them.
Result<void> read_whom_and_what(const GrantOptions& options, policy::Grant& grant) {
  auto names = options.whom_and_what;
  const auto next = [&] {
    if (names.empty()) return std::string();
    auto name = names.front();
    names.erase(names.begin());
    return name;
  };
  grant.user_group = options.group;
  grant.server_group = options.server_group;
  grant.service = options.service;
  if (grant.user_group.empty()) grant.user = next();
  if (grant.server_group.empty() && grant.service.empty()) grant.server = next();
  if (grant.user.empty() && grant.user_group.empty()) {
    return failure("to whom?", "name a user, or a group of users with --group");
  }
  if (grant.server.empty() && grant.server_group.empty() && grant.service.empty()) {
    return failure("to what?", "name a server, or give --server-group or --service");
  }
  if (!names.empty()) {
    return failure("'" + names.front() + "' is one name too many", "name whom and what once, by name or by option");
  }
  return {};
}

Result<policy::Grant> read_grant_options(const GrantOptions& options, WallTime time) {
  policy::Grant grant;
  if (auto read = read_whom_and_what(options, grant); !read) return std::unexpected(read.error());
  if (!options.protocol.empty()) {
    const auto protocol = parse_protocol_word(options.protocol);
    if (!protocol) return std::unexpected(protocol.error());
    grant.protocol = *protocol;
  }
  const auto sources = parse_networks(options.sources);
  if (!sources) return std::unexpected(sources.error());
  grant.sources = *sources;
  if (!options.start.empty()) {
    const auto start = policy::parse_policy_time(options.start);
    if (!start) return std::unexpected(start.error());
    grant.start = *start;
  }
  const auto end = parse_end(options.end, time);
  if (!end) return std::unexpected(end.error());
  grant.end = *end;
  grant.schedules = options.schedules;
  grant.logins = options.logins;
  if (!options.idle.empty()) {
    const auto idle = policy::parse_at_most(options.idle, policy::longest_idle_timeout);
    if (!idle) return std::unexpected(idle.error());
    grant.idle_timeout = *idle;
  }
  if (!options.session_limit.empty()) {
    const auto limit = policy::parse_session_limit(options.session_limit);
    if (!limit) return std::unexpected(limit.error());
    grant.session_limit = *limit;
  }
  if (!options.recording.empty()) {
    const auto recording = policy::parse_recording(options.recording);
    if (!recording) return std::unexpected(recording.error());
    grant.recording = *recording;
  }
  if (options.no_record) grant.recording = policy::Recording::off;
  for (const auto& text : options.channels) {
    const auto channel = policy::parse_channel(text);
    if (!channel) return std::unexpected(channel.error());
    grant.channels |= *channel;
  }
  for (const auto& text : options.dynamic_channels) {
    auto name = policy::parse_dynamic_channel(text);
    if (!name) return std::unexpected(name.error());
    grant.dynamic_channels.push_back(std::move(*name));
  }
  grant.reason = options.reason;
  return grant;
}

// The schedule that says the same already, or a new one.
std::string schedule_for(policy::Document& document, const policy::Schedule& wanted, const std::string& name) {
  for (const auto& [other, schedule] : document.schedules) {
    if (schedule.zone == wanted.zone && schedule.rules == wanted.rules) return other;
  }
  auto fresh = free_name(document, schedules, name);
  document.schedules[fresh] = wanted;
  return fresh;
}

int add_grant(const Context& context, const GrantOptions& options) {
  const auto grant = read_grant_options(options, now());
  if (!grant) return context.fail(grant.error(), exit_usage);
  std::optional<policy::Schedule> week;
  if (!options.weekdays.empty() || !options.hours.empty()) {
    const auto read = parse_week(options.weekdays, options.hours, options.end.zone);
    if (!read) return context.fail(read.error(), exit_usage);
    week = *read;
  }
  return edit_policy(context, options, [&](policy::Document& document) -> Result<void> {
    auto complete = *grant;
    if (week) {
      complete.schedules.push_back(schedule_for(document, *week, name_of_week(options.weekdays, options.hours)));
    }
    const auto& whom = grant->user.empty() ? grant->user_group : grant->user;
    const auto& what = !grant->server.empty()    ? grant->server
                       : !grant->service.empty() ? grant->service
                                                 : grant->server_group;
    const auto name = options.name.empty() ? free_name(document, grants, whom + "-" + what) : options.name;
    return add_thing(document, grants, name, std::move(complete));
  });
}

void add_grant_options(CLI::App& verb, GrantOptions& options) {
  verb.add_option("name", options.whom_and_what, "The user and the server, where no option names another")
      ->type_name("USER SERVER");
  verb.add_option("--group", options.group, "To a group of users, instead of a user");
  auto* server_group = verb.add_option("--server-group", options.server_group, "A group of servers, instead of one");
  verb.add_option("--service", options.service, "One service only, instead of a server")->excludes(server_group);
  verb.add_option("--name", options.name, "Of the grant (default: USER-SERVER)");
  verb.add_option("--protocol", options.protocol, "Only services of this protocol, like rdp or ssh");
  auto* duration = verb.add_option("--for", options.end.duration, "How long from now, like 2h, 1w3d or permanent");
  verb.add_option("--until,--end", options.end.until, "Until when: 2026-12-24T18:00:00Z, friday, 'friday 17:00', 1w3d")
      ->excludes(duration);
  verb.add_option("--start", options.start, "From when on, like 2026-11-30 (default: now)");
  verb.add_option("--schedule", options.schedules, "Only while this schedule is open; may be repeated")
      ->allow_extra_args(false);
  verb.add_option("--weekdays", options.weekdays, "Only on these days, like mon-fri; may be repeated")
      ->allow_extra_args(false);
  verb.add_option("--hours", options.hours, "Only at these hours, like 08:00-18:00");
  verb.add_option("--zone", options.end.zone, "Time zone of weekdays and hours, like Europe/Warsaw");
  verb.add_option("--source", options.sources, "Only from this address or network of the user's; may be repeated")
      ->allow_extra_args(false);
  verb.add_option("--login", options.logins, "Only with this login, where the protocol carries one; may be repeated")
      ->allow_extra_args(false);
  verb.add_option("--idle", options.idle, "End a session without activity for so long, like 30m");
  verb.add_option("--session-limit", options.session_limit, "How many sessions the user may have open");
  auto* recording = verb.add_option("--recording", options.recording,
                                    "Of RDP sessions: required, best_effort or off (default: as configured)");
  verb.add_flag("--no-record", options.no_record, "The same as --recording off")->excludes(recording);
  verb.add_option("--channel", options.channels,
                  "What RDP may carry besides picture and input: clipboard, drives, ... or all; may be repeated")
      ->allow_extra_args(false);
  verb.add_option("--dynamic-channel", options.dynamic_channels,
                  "A dynamic channel of RDP that may pass besides, by its name or its beginning and a *; may be "
                  "repeated")
      ->allow_extra_args(false);
  verb.add_option("--reason", options.reason, "For people");
  add_dry_run(verb, options);
  verb.footer(
      "Example: gatehouse grant add bob win1 --protocol rdp --weekdays mon-fri --hours 08:00-18:00 --zone "
      "Europe/Warsaw "
      "--until friday");
}

}  // namespace

void add_grant_verbs(CLI::App& app, Context& context) {
  auto options = std::make_shared<GrantOptions>();
  auto* grant = app.add_subcommand("grant", "The grants of the policy: who may reach what, and when");
  grant->require_subcommand(0, 1);
  grant->footer("Example: gatehouse grant list");
  auto* add = grant->add_subcommand("add", "Let a user reach a server");
  add_grant_options(*add, *options);
  auto* list = grant->add_subcommand("list", "List the grants");
  list->footer("Example: gatehouse grant list");
  auto* show = grant->add_subcommand("show", "Show one grant, as a policy file has it");
  show->add_option("name", options->name, "Name of the grant")->required();
  show->footer("Example: gatehouse grant show bob-win1");

  context.actions[add] = [&context, options] { return add_grant(context, *options); };
  context.actions[list] = [&context] {
    return list_things(
        context, grants,
        {"user", "user_group", "server", "server_group", "service", "protocol", "active", "start", "end", "schedules"});
  };
  context.actions[show] = [&context, options] { return show_thing(context, grants, options->name); };
}

}  // namespace gatehouse::cli
