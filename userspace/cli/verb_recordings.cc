// recording list, search and prune: what the daemon is asked about all recordings.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/lists.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace gatehouse::cli {
namespace {

using nlohmann::json;

struct RecordingsOptions {
  ListOptions rows{};
  bool open = false;
  std::string text{};
  std::string older_than{};
  std::uint64_t over = 0;
  bool has_over = false;
  bool dry_run = false;
};

constexpr std::chrono::milliseconds between_questions{200};

constexpr const char* recording_columns[]{"id",     "state",   "user",  "server",       "service", "grant",
                                          "client", "started", "bytes", "last_written", "fault"};
constexpr List recording_list{.path = "/v1/recordings", .key = "recordings", .columns = recording_columns};
constexpr List search_list{.path = "/v1/recordings/search", .key = "recordings", .columns = recording_columns};

void add_which(CLI::App& verb, RecordingsOptions& options) {
  verb.add_option("--user", options.rows.user, "Only of this user");
  verb.add_option("--server", options.rows.server, "Only to this server");
  verb.add_option("--service", options.rows.service, "Only to this service");
  verb.add_option("--since", options.rows.since, "Only begun from then on: a time, or how long ago");
  verb.add_option("--until", options.rows.until, "Only begun before then, written alike");
  verb.add_option("--before", options.rows.before, "Only with smaller ids, to go on where a list ended")
      ->check(CLI::PositiveNumber);
  auto* limit = verb.add_option("--limit", options.rows.limit, "At most this many")
                    ->capture_default_str()
                    ->check(CLI::Range(1, 100'000));
  verb.add_flag("--all", options.rows.all, "All of them")->excludes(limit);
  verb.add_flag("--open", options.open, "Only those that go on");
}

std::string state_of(const json& row) {
  const auto state = show(row, "state");
  const auto fault = show(row, "fault");
  return (state == "broken_off" ? "broken off" : state) + (fault == "-" ? "" : ": " + fault);
}

void print_recordings(const Context& context, const std::vector<json>& rows) {
  using enum Table::Align;
  Table table(
      {{"ID", right}, {"USER"}, {"SERVER"}, {"CLIENT"}, {"STARTED"}, {"LAST WRITTEN"}, {"SIZE", right}, {"STATE"}});
  for (const auto& row : rows) {
    table.add({show(row, "id"), show(row, "user"), show(row, "server"), show(row, "client"),
               show_time(show(row, "started")), show_time(show(row, "last_written")), show_bytes(number(row, "bytes")),
               state_of(row)});
  }
  table.print(context.out());
}

int list(const Context& context, const RecordingsOptions& options) {
  auto filters = filters_of(options.rows, now());
  if (!filters) return context.fail(filters.error(), exit_usage);
  *filters += options.open ? "&open=1" : "";
  return show_list(context, recording_list, options.rows, *filters, [&](const std::vector<json>& rows) {
    if (!rows.empty()) return print_recordings(context, rows);
    context.out() << (filters->empty() ? "No recordings yet.\n" : "No such recordings.\n");
  });
}

int search(const Context& context, const RecordingsOptions& options) {
  auto filters = filters_of(options.rows, now());
  if (!filters) return context.fail(filters.error(), exit_usage);
  *filters += filter("text", options.text) + (options.open ? "&open=1" : "");
  return show_list(context, search_list, options.rows, *filters, [&](const std::vector<json>& rows) {
    if (rows.empty()) context.out() << "It is in no recording.\n";
    for (const auto& row : rows) {
      context.out() << show(row, "id") << "  " << show(row, "user") << ", " << show(row, "server") << ", "
                    << show_time(show(row, "started")) << '\n';
      for (const auto& match : member(row, "matches")) {
        const bool has_time = match.is_object() && match.value("t", json()).is_number();
        context.out() << "    " << (has_time ? show_seconds(number(match, "t") / 1000) : "-") << "  "
                      << show(match, "event") << "  " << show(match, "text") << '\n';
      }
      if (!is_true(row, "complete")) context.out() << "    ... and perhaps more\n";
    }
  });
}

int prune(const Context& context, const RecordingsOptions& options) {
  json body{{"dry_run", options.dry_run}};
  if (!options.older_than.empty()) body["older_than"] = options.older_than;
  if (options.has_over) body["over"] = options.over;
  const auto begun = context.ask("POST", "/v1/recordings/prune", body);
  if (!begun) return begun.error();
  const auto question = "/v1/recordings/prune?pass=" + show(*begun, "pass");
  while (true) {
    const auto answer = context.ask("GET", question);
    if (!answer) return answer.error();
    if (!is_true(*answer, "done")) {
      if (!context.console().pause(between_questions)) return exit_failed;
      continue;
    }
    if (context.json) {
      context.print_json(*answer);
    } else if (number(*answer, "removed_count") == 0) {
      context.out() << "No recording is to go.\n";
    } else {
      context.out() << (options.dry_run ? "Would be removed: " : "Removed: ") << show(*answer, "removed_count")
                    << " recordings, " << show_bytes(number(*answer, "removed_bytes")) << "; of the sessions "
                    << show_list(member(*answer, "removed")) << '\n';
    }
    return exit_ok;
  }
}

}  // namespace

void add_recordings_verbs(CLI::App& recording, Context& context) {
  auto options = std::make_shared<RecordingsOptions>();
  auto* list_verb = recording.add_subcommand("list", "List recordings, newest first");
  add_which(*list_verb, *options);
  list_verb->add_flag("--csv", options->rows.csv, "Print CSV");
  list_verb->footer("Example: gatehouse recording list --user bob --since 1w");

  auto* search_verb = recording.add_subcommand(
      "search", "Find text: names, text of the clipboard, files, titles, keys where they are recorded");
  search_verb->add_option("text", options->text, "What is to be found; small and large letters are the same")
      ->required();
  add_which(*search_verb, *options);
  search_verb->footer("Example: gatehouse recording search payroll.xlsx --server win1");

  auto* prune_verb = recording.add_subcommand("prune", "Remove recordings that have ended, the oldest first");
  prune_verb->add_option("--older-than", options->older_than, "Those whose last byte is older than this, like 90d");
  prune_verb
      ->add_option_function<std::uint64_t>(
          "--over",
          [options](const std::uint64_t& bytes) {
            options->over = bytes;
            options->has_over = true;
          },
          "As many as are over this size in all, like 200GiB")
      ->transform(CLI::AsSizeValue(false));
  prune_verb->add_flag("--dry-run", options->dry_run, "Only say which");
  prune_verb->footer(
      "Without --older-than and --over: as configured.\nExample: gatehouse recording prune --older-than 90d --dry-run");

  context.actions[list_verb] = [&context, options] { return list(context, *options); };
  context.actions[search_verb] = [&context, options] { return search(context, *options); };
  context.actions[prune_verb] = [&context, options] { return prune(context, *options); };
}

}  // namespace gatehouse::cli
