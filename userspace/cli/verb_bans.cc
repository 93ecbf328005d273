#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <memory>

#include "admin/query.h"
#include "cli/arguments.h"
#include "cli/ban_lines.h"
#include "cli/files.h"
#include "cli/lists.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace gatehouse::cli {
namespace {

using nlohmann::json;
using policy::BanKind;

constexpr std::array named_kinds{BanKind::user, BanKind::server, BanKind::device};
constexpr std::chrono::seconds list_patience{600};  // a list may hold a million
constexpr std::size_t most_bans_shown = 20;

struct BanOptions {
  std::vector<std::string> targets;                                // "-" is the standard input
  std::array<std::vector<std::string>, named_kinds.size()> names;  // --user, --server, --device
  std::vector<std::uint64_t> ids;
  std::string reason;
  std::string duration;
  std::string until;
  bool permanent = false;
  std::vector<std::string> files;
  std::uint64_t limit = 100;
  // Of list and history: the option of each kind, given with or without a value.
  std::array<const CLI::Option*, policy::all_ban_kinds.size()> filters{};
  std::array<std::string, policy::all_ban_kinds.size()> filter_values;
};

// What the arguments name: targets, and files to read. The exit code is the error.
struct Wanted {
  std::vector<policy::BanTarget> targets;
  std::vector<std::string> files;
};

std::expected<Wanted, int> wanted_of(const Context& context, const BanOptions& options) {
  Wanted wanted{.targets = {}, .files = options.files};
  const auto take = [&](Result<policy::BanTarget> target) -> std::expected<void, int> {
    if (!target) return std::unexpected(context.fail(target.error(), exit_usage));
    wanted.targets.push_back(std::move(*target));
    return {};
  };
  for (const auto& text : options.targets) {
    if (text == "-") {
      wanted.files.push_back(text);
    } else if (auto taken = take(policy::parse_ban_target(text)); !taken) {
      return std::unexpected(taken.error());
    }
  }
  for (std::size_t i = 0; i < named_kinds.size(); ++i) {
    for (const auto& name : options.names.at(i)) {
      if (auto taken = take(policy::parse_ban_target(named_kinds.at(i), name)); !taken)
        return std::unexpected(taken.error());
    }
  }
  return wanted;
}

// All lines of all files; the exit code is the error. With a fault in any line there are none.
std::expected<std::vector<BanLine>, int> lines_of(const Context& context, const std::vector<std::string>& files,
                                                  bool needs_reason) {
  std::vector<BanLine> all;
  Issues issues;
  const auto time = now();
  for (const auto& file : files) {
    const auto text = read_text(file, context.console().in);
    if (!text) return std::unexpected(context.fail(text.error()));
    auto lines = parse_ban_lines(file, *text, needs_reason, time);
    if (!lines) {
      for (const auto& issue : lines.error().list()) issues.add(issue.file, issue.line, issue.what, issue.mend);
    } else if (lines->empty()) {
      return std::unexpected(context.fail({file + " names nothing", "write one address, network or name a line"}));
    } else {
      std::move(lines->begin(), lines->end(), std::back_inserter(all));
    }
  }
  if (!issues.empty()) {
    const auto count = issues.list().size();
    return std::unexpected(context.fail(
        {std::to_string(count) + (count == 1 ? " line has a fault" : " faults") + " in the list, nothing was changed",
         "mend them and try again"},
        issues, exit_failed));
  }
  return all;
}

// "192.0.2.0/24", "user:bob", escaped.
std::string shown_target(const json& ban) {
  for (const auto kind : named_kinds) {
    std::string key(policy::name(kind));
    const auto name = show(ban, key.c_str());
    if (name != "-") return key.append(":").append(name);
  }
  return show(ban, "network");
}

// A line without anything of its own is its target's text: a long list stays small.
json entry_of(const BanLine& line) {
  if (line.reason.empty() && !line.expires) return policy::text_of(line.target);
  json entry{{std::string(policy::name(policy::kind_of(line.target))), policy::name_of(line.target)}};
  if (!line.reason.empty()) entry["reason"] = line.reason;
  if (line.expires) entry["expires"] = format_time(*line.expires);
  return entry;
}

void print_added(const Context& context, const json& answer, const std::string& until) {
  const auto& added = member(answer, "added");
  const auto count = std::max(number(answer, "added_count"), static_cast<double>(added.size()));
  if (count <= static_cast<double>(most_bans_shown)) {
    for (const auto& ban : added)
      context.out() << "Banned " << shown_target(ban) << until << " (ban " << show(ban, "id") << ")\n";
  } else {
    context.out() << "Added " << static_cast<std::uint64_t>(count) << " bans" << until << '\n';
  }
  context.out() << show(answer, "sessions_ended") << " sessions ended\n";
  for (const auto& note : member(answer, "notes")) context.console().err << "gatehouse: note: " << show(note) << '\n';
}

int add(const Context& context, const BanOptions& options) {
  const auto wanted = wanted_of(context, options);
  if (!wanted) return wanted.error();
  if (wanted->targets.empty() && wanted->files.empty()) {
    return context.fail({"what is to be banned?", "give addresses or networks, --user, --server, --device, or --file"},
                        exit_usage);
  }
  if (options.reason.empty() && !wanted->targets.empty()) {
    return context.fail({"a ban needs a reason", "give --reason"}, exit_usage);
  }
  const auto end = parse_ban_end(options.duration, options.until, now());
  if (!end) return context.fail(end.error(), exit_usage);
  auto lines = lines_of(context, wanted->files, options.reason.empty());
  if (!lines) return lines.error();

  json body{{"bans", json::array()}};
  auto& entries = body["bans"].get_ref<json::array_t&>();
  entries.reserve(wanted->targets.size() + lines->size());
  for (const auto& target : wanted->targets) entries.emplace_back(policy::text_of(target));
  for (const auto& line : *lines) entries.push_back(entry_of(line));
  if (!options.reason.empty()) body["reason"] = options.reason;
  if (*end) body["expires"] = format_time(**end);
  const bool own_ends = std::ranges::any_of(*lines, [](const BanLine& line) { return line.expires.has_value(); });
  lines->clear();

  const auto answer = context.ask("POST", "/v1/bans", body, list_patience);
  if (!answer) return answer.error();
  if (context.json) {
    context.print_json(*answer);
    return exit_ok;
  }
  print_added(context, *answer,
              own_ends ? ", each until its own end"
              : *end   ? " until " + show_time(format_time(**end))
                       : " for ever");
  return exit_ok;
}

int remove(const Context& context, const BanOptions& options) {
  const auto wanted = wanted_of(context, options);
  if (!wanted) return wanted.error();
  if (wanted->targets.empty() && wanted->files.empty() && options.ids.empty()) {
    return context.fail({"which bans are to be lifted?", "give what is banned, --id, or --file"}, exit_usage);
  }
  const auto lines = lines_of(context, wanted->files, false);
  if (!lines) return lines.error();
  json body = json::object();
  auto texts = json::array();
  for (const auto& target : wanted->targets) texts.push_back(policy::text_of(target));
  for (const auto& line : *lines) texts.push_back(policy::text_of(line.target));
  if (!texts.empty()) body["bans"] = std::move(texts);
  if (!options.ids.empty()) body["ids"] = options.ids;

  const auto answer = context.ask("POST", "/v1/bans/remove", body, list_patience);
  if (!answer) return answer.error();
  const auto& removed = member(*answer, "removed");
  const auto& unknown = member(*answer, "unknown");
  const auto& unknown_ids = member(*answer, "unknown_ids");
  const bool all = unknown.empty() && unknown_ids.empty();
  if (context.json) {
    context.print_json(*answer);
    return all ? exit_ok : exit_failed;
  }
  const auto count = std::max(number(*answer, "removed_count"), static_cast<double>(removed.size()));
  if (count <= static_cast<double>(most_bans_shown)) {
    for (const auto& target : removed) context.out() << "No longer banned: " << show(target) << '\n';
  } else {
    context.out() << "Lifted " << static_cast<std::uint64_t>(count) << " bans\n";
  }
  auto& err = context.console().err;
  for (const auto& target : unknown)
    err << "gatehouse: " << show(target) << " is not banned: `gatehouse ban list` shows what is\n";
  for (const auto& id : unknown_ids)
    err << "gatehouse: there is no ban " << show(id) << ": `gatehouse ban list` shows their numbers\n";
  return all ? exit_ok : exit_failed;
}

// "&subject=..&target=.."; the exit code is the error.
std::expected<std::string, int> filters_of_bans(const Context& context, const BanOptions& options) {
  std::string query;
  for (std::size_t i = 0; i < options.filters.size(); ++i) {
    if (options.filters.at(i)->count() == 0) continue;
    const auto kind = policy::all_ban_kinds.at(i);
    query += "&subject=" + std::string(policy::name(kind));
    const auto& value = options.filter_values.at(i);
    if (value.empty()) continue;
    const auto target = policy::parse_ban_target(kind, value);
    if (!target) return std::unexpected(context.fail(target.error(), exit_usage));
    query += "&target=" + admin::percent_encode(policy::text_of(*target));
  }
  return query;
}

int list(const Context& context, const BanOptions& options) {
  const auto query = filters_of_bans(context, options);
  if (!query) return query.error();
  const auto answer = context.ask("GET", "/v1/bans?limit=" + std::to_string(options.limit) + *query);
  if (!answer) return answer.error();
  if (context.json) {
    context.print_json(*answer);
    return exit_ok;
  }
  Table table({{"ID", Table::Align::right}, {"BANNED"}, {"EXPIRES"}, {"CREATED"}, {"AUTHOR"}, {"REASON"}});
  const auto& bans = member(*answer, "bans");
  for (const auto& ban : bans) {
    const auto expires = show(ban, "expires");
    table.add({show(ban, "id"), shown_target(ban), expires == "-" ? "never" : show_time(expires),
               show_time(show(ban, "created")), show(ban, "author"), show(ban, "reason")});
  }
  if (table.empty()) {
    context.out() << "No bans.\n";
    return exit_ok;
  }
  table.print(context.out());
  if (bans.size() >= options.limit && number(*answer, "total") > static_cast<double>(bans.size())) {
    context.out() << bans.size() << " of " << show(*answer, "total") << "; --limit shows more\n";
  }
  return exit_ok;
}

constexpr List history_list{.path = "/v1/bans/history", .key = "events"};

int tell_history(const Context& context, const BanOptions& options) {
  const auto query = filters_of_bans(context, options);
  if (!query) return query.error();
  ListOptions rows;
  rows.limit = options.limit;
  return show_list(context, history_list, rows, *query, [&](const std::vector<json>& events) {
    Table table({{"TIME"}, {"EVENT"}, {"BAN", Table::Align::right}, {"BANNED"}, {"EXPIRES"}, {"AUTHOR"}, {"REASON"}});
    for (auto at = events.rbegin(); at != events.rend(); ++at) {  // the newest at the end
      const auto expires = show(*at, "expires");
      table.add({show_time(show(*at, "time")), show(*at, "event"), show(*at, "ban_id"), shown_target(*at),
                 expires == "-" ? "never" : show_time(expires), show(*at, "author"), show(*at, "reason")});
    }
    if (table.empty()) {
      context.out() << "No ban was ever added.\n";
    } else {
      table.print(context.out());
    }
  });
}

void add_target_options(CLI::App* verb, BanOptions& options) {
  verb->add_option("target", options.targets,
                   "Addresses or networks, like 192.0.2.7 or 2001:db8::/32; user:NAME, server:NAME, device:ID; - for a "
                   "list on the standard input");
  constexpr std::array<const char*, named_kinds.size()> helps{
      "A user: whatever address they come from", "A server: nobody may reach it",
      "A RustDesk device, by id, uuid or public key; used where the protocol has one"};
  for (std::size_t i = 0; i < named_kinds.size(); ++i) {
    // One value each, or the next address would be taken for a name.
    verb->add_option("--" + std::string(policy::name(named_kinds.at(i))), options.names.at(i), helps.at(i))
        ->allow_extra_args(false);
  }
  verb->add_option("--file", options.files,
                   "Read them from a file (- is the standard input): one a line, a reason may follow")
      ->allow_extra_args(false);
}

void add_filters(CLI::App* verb, BanOptions& options) {
  constexpr std::array<const char*, policy::all_ban_kinds.size()> helps{
      "Only of networks; with one: what covers it or lies inside it", "Only of users, or of this one",
      "Only of servers, or of this one", "Only of devices, or of this one"};
  std::vector<CLI::Option*> all;
  for (std::size_t i = 0; i < options.filters.size(); ++i) {
    auto* option = verb->add_option("--" + std::string(policy::name(policy::all_ban_kinds.at(i))),
                                    options.filter_values.at(i), helps.at(i));
    option->expected(0, 1);
    for (auto* other : all) option->excludes(other);
    all.push_back(option);
    options.filters.at(i) = option;
  }
  verb->add_option("--limit", options.limit, "At most this many")->capture_default_str()->check(CLI::Range(1, 100'000));
}

}  // namespace

void add_ban_verbs(CLI::App& app, Context& context) {
  auto* ban = app.add_subcommand("ban", "Ban addresses, networks, users, servers and devices; list bans, lift them");
  ban->require_subcommand(0, 1);
  ban->footer("Example: gatehouse ban list");

  auto added = std::make_shared<BanOptions>();
  auto* add_verb =
      ban->add_subcommand("add", "Ban: enforced in the kernel, and live sessions ended, before it returns");
  add_target_options(add_verb, *added);
  add_verb->add_option("--reason", added->reason, "Why; for lines of a file without their own");
  auto* duration = add_verb->add_option("--for", added->duration, "How long, like 2h or 1w3d, or permanent");
  auto* until =
      add_verb->add_option("--until", added->until, "Until when, like 2026-11-23T18:00:00Z")->excludes(duration);
  add_verb->add_flag("--permanent", added->permanent, "For ever (so it is without --for and --until)")
      ->excludes(duration)
      ->excludes(until);
  add_verb->footer("Example: gatehouse ban add 198.51.100.0/24 --reason 'password guessing' --for 2h");

  auto listed = std::make_shared<BanOptions>();
  auto* list_verb = ban->add_subcommand("list", "List the bans in force, the newest first");
  add_filters(list_verb, *listed);
  list_verb->footer("Example: gatehouse ban list --network 198.51.100.7");

  auto told = std::make_shared<BanOptions>();
  auto* history_verb = ban->add_subcommand("history", "Every ban that was added, and how it ended; the newest last");
  add_filters(history_verb, *told);
  history_verb->footer("Example: gatehouse ban history --user bob");

  auto lifted = std::make_shared<BanOptions>();
  auto* remove_verb = ban->add_subcommand("remove", "Lift bans, by what was banned or by their numbers");
  add_target_options(remove_verb, *lifted);
  remove_verb->add_option("--id", lifted->ids, "By the number that `ban list` shows")
      ->allow_extra_args(false)
      ->check(CLI::PositiveNumber);
  remove_verb->footer("Example: gatehouse ban remove 198.51.100.0/24");

  context.actions[add_verb] = [&context, added] { return add(context, *added); };
  context.actions[list_verb] = [&context, listed] { return list(context, *listed); };
  context.actions[history_verb] = [&context, told] { return tell_history(context, *told); };
  context.actions[remove_verb] = [&context, lifted] { return remove(context, *lifted); };
}

}  // namespace gatehouse::cli
