#include "cli/ban_changes.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/arguments.h"
#include "cli/files.h"
#include "cli/text.h"

namespace gatehouse::cli {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds list_patience{600};  // a list may hold a million
constexpr std::size_t most_bans_shown = 20;

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

}  // namespace

void add_end_options(CLI::App& verb, BanEnd& end) {
  auto* duration = verb.add_option("--for", end.duration, "How long, like 2h or 1w3d, or permanent");
  auto* until = verb.add_option("--until", end.until, "Until when, like 2026-11-23T18:00:00Z")->excludes(duration);
  verb.add_flag("--permanent", end.permanent, "For ever (so it is without --for and --until)")
      ->excludes(duration)
      ->excludes(until);
}

std::expected<std::optional<WallTime>, int> end_of(const Context& context, const BanEnd& end) {
  auto parsed = parse_ban_end(end.duration, end.until, now());
  if (!parsed) return std::unexpected(context.fail(parsed.error(), exit_usage));
  return *parsed;
}

std::expected<std::vector<BanLine>, int> read_ban_lists(const Context& context, const std::vector<std::string>& files,
                                                        bool needs_reason, const TargetParser& parse) {
  std::vector<BanLine> all;
  Issues issues;
  const auto time = now();
  for (const auto& file : files) {
    const auto text = read_text(file, context.console().in);
    if (!text) return std::unexpected(context.fail(text.error()));
    auto lines = parse_ban_lines(file, *text, needs_reason, time, parse);
    if (!lines) {
      for (const auto& issue : lines.error().list()) issues.add(issue.file, issue.line, issue.what, issue.mend);
    } else if (lines->empty()) {
      return std::unexpected(context.fail({file + " names nothing", "write what is meant, one a line"}));
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

int add_bans(const Context& context, const std::vector<policy::BanTarget>& targets, std::vector<BanLine> lines,
             const std::string& reason, const std::optional<WallTime>& end) {
  json body{{"bans", json::array()}};
  auto& entries = body["bans"].get_ref<json::array_t&>();
  entries.reserve(targets.size() + lines.size());
  for (const auto& target : targets) entries.emplace_back(policy::text_of(target));
  for (const auto& line : lines) entries.push_back(entry_of(line));
  if (!reason.empty()) body["reason"] = reason;
  if (end) body["expires"] = format_time(*end);
  const bool own_ends = std::ranges::any_of(lines, [](const BanLine& line) { return line.expires.has_value(); });
  lines.clear();

  const auto answer = context.ask("POST", "/v1/bans", body, list_patience);
  if (!answer) return answer.error();
  if (context.json) {
    context.print_json(*answer);
    return exit_ok;
  }
  print_added(context, *answer,
              own_ends ? ", each until its own end"
              : end    ? " until " + show_time(format_time(*end))
                       : " for ever");
  return exit_ok;
}

int remove_bans(const Context& context, const std::vector<policy::BanTarget>& targets,
                const std::vector<BanLine>& lines, const std::vector<std::uint64_t>& ids) {
  json body = json::object();
  auto texts = json::array();
  for (const auto& target : targets) texts.push_back(policy::text_of(target));
  for (const auto& line : lines) texts.push_back(policy::text_of(line.target));
  if (!texts.empty()) body["bans"] = std::move(texts);
  if (!ids.empty()) body["ids"] = ids;

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

std::string shown_target(const json& ban) {
  for (const auto kind : named_kinds) {
    std::string key(policy::name(kind));
    const auto name = show(ban, key.c_str());
    if (name != "-") return key.append(":").append(name);
  }
  return show(ban, "network");
}

}  // namespace gatehouse::cli
