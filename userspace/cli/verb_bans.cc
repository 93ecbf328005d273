#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <memory>

#include "admin/query.h"
#include "cli/ban_changes.h"
#include "cli/lists.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace gatehouse::cli {
namespace {

using nlohmann::json;
using policy::BanKind;

struct BanOptions {
  std::vector<std::string> targets;                                // "-" is the standard input
  std::array<std::vector<std::string>, named_kinds.size()> names;  // --user, --server, --device
  std::vector<std::uint64_t> ids;
  std::string reason;
  BanEnd end;
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
  const auto end = end_of(context, options.end);
  if (!end) return end.error();
  auto lines = read_ban_lists(context, wanted->files, options.reason.empty());
  if (!lines) return lines.error();
  return add_bans(context, wanted->targets, std::move(*lines), options.reason, *end);
}

int remove(const Context& context, const BanOptions& options) {
  const auto wanted = wanted_of(context, options);
  if (!wanted) return wanted.error();
  if (wanted->targets.empty() && wanted->files.empty() && options.ids.empty()) {
    return context.fail({"which bans are to be lifted?", "give what is banned, --id, or --file"}, exit_usage);
  }
  const auto lines = read_ban_lists(context, wanted->files, false);
  if (!lines) return lines.error();
  return remove_bans(context, wanted->targets, *lines, options.ids);
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
  add_end_options(*add_verb, added->end);
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
