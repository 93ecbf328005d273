#include <CLI/CLI.hpp>
#include <memory>

#include "cli/arguments.h"
#include "cli/files.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace gatehouse::cli {
namespace {

using nlohmann::json;

struct BanOptions {
  std::vector<std::string> networks;
  std::string reason;
  std::string duration;
  std::string until;
  bool permanent = false;
  std::string file;
  std::uint64_t limit = 100;
};

constexpr std::chrono::seconds list_patience{300};  // a list may hold a million

int add(const Context& context, const BanOptions& options) {
  if (options.networks.empty() && options.file.empty()) {
    return context.fail({"what is to be banned?", "give addresses or networks, or --file"}, exit_usage);
  }
  if (options.reason.empty() && !options.networks.empty()) {
    return context.fail({"a ban needs a reason", "give --reason"}, exit_usage);
  }
  const auto end = parse_ban_end(options.duration, options.until, now());
  if (!end) return context.fail(end.error(), exit_usage);
  json body{{"bans", json::array()}};
  const auto add_one = [&](const Prefix& network, const std::string& reason) {
    json ban{{"network", network.text()}, {"reason", reason.empty() ? options.reason : reason}};
    if (*end) ban["expires"] = format_time(**end);
    body["bans"].push_back(std::move(ban));
  };
  for (const auto& text : options.networks) {
    const auto network = parse_network(text);
    if (!network) return context.fail(network.error(), exit_usage);
    add_one(*network, {});
  }
  if (!options.file.empty()) {
    const auto text = read_text(options.file, context.console().in);
    if (!text) return context.fail(text.error());
    const auto lines = parse_ban_lines(options.file, *text, options.reason.empty());
    if (!lines)
      return context.fail({"the list has faults, nothing was banned", "mend them and try again"}, lines.error(),
                          exit_failed);
    if (lines->empty()) return context.fail({options.file + " names no network", "write one a line"});
    for (const auto& line : *lines) add_one(line.network, line.reason);
  }
  const auto answer = context.ask("POST", "/v1/bans", body, list_patience);
  if (!answer) return answer.error();
  if (context.json) {
    context.print_json(*answer);
    return exit_ok;
  }
  const auto& added = member(*answer, "added");
  constexpr std::size_t most_shown = 20;
  const std::string until = *end ? "until " + show_time(format_time(**end)) : "for ever";
  if (added.size() <= most_shown) {
    for (const auto& ban : added)
      context.out() << "Banned " << show(ban, "network") << " " << until << " (ban " << show(ban, "id") << ")\n";
  } else {
    context.out() << "Banned " << added.size() << " networks " << until << '\n';
  }
  context.out() << show(*answer, "sessions_ended") << " sessions ended\n";
  return exit_ok;
}

int list(const Context& context, const BanOptions& options) {
  const auto answer = context.ask("GET", "/v1/bans?limit=" + std::to_string(options.limit));
  if (!answer) return answer.error();
  if (context.json) {
    context.print_json(*answer);
    return exit_ok;
  }
  Table table({{"ID", Table::Align::right}, {"NETWORK"}, {"EXPIRES"}, {"CREATED"}, {"AUTHOR"}, {"REASON"}});
  const auto& bans = member(*answer, "bans");
  for (const auto& ban : bans) {
    const auto expires = show(ban, "expires");
    table.add({show(ban, "id"), show(ban, "network"), expires == "-" ? "never" : show_time(expires),
               show_time(show(ban, "created")), show(ban, "author"), show(ban, "reason")});
  }
  if (table.empty()) {
    context.out() << "No bans.\n";
    return exit_ok;
  }
  table.print(context.out());
  if (number(*answer, "total") > static_cast<double>(bans.size())) {
    context.out() << bans.size() << " of " << show(*answer, "total") << "; --limit shows more\n";
  }
  return exit_ok;
}

int remove(const Context& context, const BanOptions& options) {
  json body{{"networks", json::array()}};
  for (const auto& text : options.networks) {
    const auto network = parse_network(text);
    if (!network) return context.fail(network.error(), exit_usage);
    body["networks"].push_back(network->text());
  }
  const auto answer = context.ask("POST", "/v1/bans/remove", body, list_patience);
  if (!answer) return answer.error();
  const auto& unknown = member(*answer, "unknown");
  if (context.json) {
    context.print_json(*answer);
  } else {
    for (const auto& network : member(*answer, "removed"))
      context.out() << "No longer banned: " << show(network) << '\n';
    for (const auto& network : unknown) {
      context.console().err << "gatehouse: " << show(network) << " is not banned: `gatehouse ban list` shows what is\n";
    }
  }
  return unknown.empty() ? exit_ok : exit_failed;
}

}  // namespace

void add_ban_verbs(CLI::App& app, Context& context) {
  auto options = std::make_shared<BanOptions>();
  auto* ban = app.add_subcommand("ban", "Ban addresses and networks, list bans, lift them");
  ban->require_subcommand(0, 1);
  ban->footer("Example: gatehouse ban list");

  auto* add_verb =
      ban->add_subcommand("add", "Ban: enforced in the kernel, and live sessions ended, before it returns");
  add_verb->add_option("network", options->networks, "Addresses or networks, like 192.0.2.7 or 2001:db8::/32");
  add_verb->add_option("--reason", options->reason, "Why; for lines of a file without their own");
  auto* duration = add_verb->add_option("--for", options->duration, "How long, like 2h or 1w3d");
  auto* until =
      add_verb->add_option("--until", options->until, "Until when, like 2026-11-23T18:00:00Z")->excludes(duration);
  add_verb->add_flag("--permanent", options->permanent, "For ever (so it is without --for and --until)")
      ->excludes(duration)
      ->excludes(until);
  add_verb->add_option("--file", options->file,
                       "Read them from a file (- is the standard input): one a line, a reason may follow");
  add_verb->footer("Example: gatehouse ban add 198.51.100.0/24 --reason 'password guessing' --for 2h");

  auto* list_verb = ban->add_subcommand("list", "List the bans in force");
  list_verb->add_option("--limit", options->limit, "At most this many")
      ->capture_default_str()
      ->check(CLI::Range(1, 100'000));
  list_verb->footer("Example: gatehouse ban list --limit 1000");

  auto* remove_verb = ban->add_subcommand("remove", "Lift bans, by the network that was banned");
  remove_verb->add_option("network", options->networks, "Exactly as they are banned")->required();
  remove_verb->footer("Example: gatehouse ban remove 198.51.100.0/24");

  context.actions[add_verb] = [&context, options] { return add(context, *options); };
  context.actions[list_verb] = [&context, options] { return list(context, *options); };
  context.actions[remove_verb] = [&context, options] { return remove(context, *options); };
}

}  // namespace gatehouse::cli
