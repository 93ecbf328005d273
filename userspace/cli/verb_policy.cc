// policy and export: what is in force, what was, and back to it.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/arguments.h"
#include "cli/policy_edit.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace gatehouse::cli {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds text_patience{300};

struct VersionOptions : EditOptions {
  std::vector<std::string> versions;  // text, for the parser of options takes "-1" for a large number
  std::uint64_t limit = 20;
};

Result<std::vector<std::uint64_t>> parse_versions(const std::vector<std::string>& texts) {
  std::vector<std::uint64_t> versions;
  for (const auto& text : texts) {
    const auto version = parse_version(text);
    if (!version) return std::unexpected(version.error());
    versions.push_back(*version);
  }
  return versions;
}

// The text as it is, so that it can go into a file.
int print_policy(const Context& context, const VersionOptions& options) {
  const auto versions = parse_versions(options.versions);
  if (!versions) return context.fail(versions.error(), exit_usage);
  const auto answer =
      context.ask("GET", versions->empty() ? "/v1/policy" : "/v1/policy?version=" + std::to_string(versions->front()),
                  nullptr, text_patience);
  if (!answer) return answer.error();
  if (context.json) {
    context.print_json(*answer);
  } else {
    const auto text = answer->find("text");
    if (text != answer->end() && text->is_string()) context.out() << text->get_ref<const std::string&>();
  }
  return exit_ok;
}

int history(const Context& context, const VersionOptions& options) {
  const auto answer = context.ask("GET", "/v1/policy/versions?limit=" + std::to_string(options.limit));
  if (!answer) return answer.error();
  if (context.json) {
    context.print_json(*answer);
    return exit_ok;
  }
  Table table({{"VERSION", Table::Align::right}, {"APPLIED"}, {"AUTHOR"}});
  for (const auto& version : member(*answer, "versions")) {
    table.add({show(version, "version"), show_time(show(version, "applied_at")), show(version, "author")});
  }
  if (table.empty()) {
    context.out() << "No policy was applied yet.\n";
  } else {
    table.print(context.out());
  }
  return exit_ok;
}

// Of none: the one before to that in force; of one: that to the one in force.
int diff(const Context& context, const VersionOptions& options) {
  const auto versions = parse_versions(options.versions);
  if (!versions) return context.fail(versions.error(), exit_usage);
  const auto to = fetch_policy(context, versions->size() == 2 ? std::optional(versions->back()) : std::nullopt);
  if (!to) return to.error();
  const auto before = to->version == 0 ? 0 : to->version - 1;
  const auto from = fetch_policy(context, versions->empty() ? before : versions->front());
  if (!from) return from.error();
  const auto text = policy::text_of(policy::difference(from->document, to->document));
  if (context.json) {
    context.print_json({{"from", from->version}, {"to", to->version}, {"text", text}});
    return exit_ok;
  }
  if (text.empty()) {
    context.out() << "Versions " << from->version << " and " << to->version << " do not differ.\n";
    return exit_ok;
  }
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    context.out() << escape(std::string_view(text).substr(at, end - at)) << '\n';
    at = end + 1;
  }
  return exit_ok;
}

int rollback(const Context& context, const VersionOptions& options) {
  const auto versions = parse_versions(options.versions);
  if (!versions) return context.fail(versions.error(), exit_usage);
  const auto former = fetch_policy(context, versions->front());
  if (!former) return former.error();
  auto once = options;
  once.attempts = 1;  // what came in between would be undone unseen
  return edit_policy(context, once, [&](policy::Document& document) -> Result<void> {
    document = former->document;
    return {};
  });
}

}  // namespace

void add_policy_verbs(CLI::App& app, Context& context) {
  auto options = std::make_shared<VersionOptions>();
  auto* policy = app.add_subcommand("policy", "The versions of the policy: every one that was applied is kept");
  policy->require_subcommand(0, 1);
  policy->footer("Example: gatehouse policy history");
  auto* history_verb = policy->add_subcommand("history", "List the versions, newest first");
  history_verb->add_option("--limit", options->limit, "At most this many")
      ->capture_default_str()
      ->check(CLI::Range(1, 100'000));
  history_verb->footer("Example: gatehouse policy history");
  auto* show_verb = policy->add_subcommand("show", "Print a version as YAML");
  show_verb->add_option("version", options->versions, "Its number (default: the one in force)")->expected(0, 1);
  show_verb->footer("Example: gatehouse policy show 3");
  auto* diff_verb = policy->add_subcommand("diff", "Show what is different between two versions");
  diff_verb->add_option("version", options->versions, "From and to (default: from the one before; to the one in force)")
      ->expected(0, 2);
  diff_verb->footer("Example: gatehouse policy diff 3 5");
  auto* rollback_verb = policy->add_subcommand("rollback", "Apply a former version again, as a new one");
  rollback_verb->add_option("version", options->versions, "Its number")->required()->expected(1);
  add_dry_run(*rollback_verb, *options);
  rollback_verb->footer("Example: gatehouse policy rollback 3 --dry-run");
  auto* export_verb = app.add_subcommand("export", "Print the policy as YAML that applies to the same state");
  export_verb->add_option("--version", options->versions, "A former version (default: the one in force)")->expected(1);
  export_verb->footer("Example: gatehouse export > policy.yaml");

  context.actions[history_verb] = [&context, options] { return history(context, *options); };
  context.actions[show_verb] = [&context, options] { return print_policy(context, *options); };
  context.actions[diff_verb] = [&context, options] { return diff(context, *options); };
  context.actions[rollback_verb] = [&context, options] { return rollback(context, *options); };
  context.actions[export_verb] = [&context, options] { return print_policy(context, *options); };
}

}  // namespace gatehouse::cli
