#include <CLI/CLI.hpp>
#include <memory>

#include "cli/changes.h"
#include "cli/files.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace gatehouse::cli {
namespace {

using nlohmann::json;

struct ApplyOptions {
  std::vector<std::string> paths;
  bool yes = false;
};

constexpr std::chrono::seconds apply_patience{300};

int apply(const Context& context, const ApplyOptions& options) {
  const auto texts = read_policy_files(options.paths);
  if (!texts) return context.fail(texts.error());
  json body{{"files", json::array()}};
  for (const auto& text : *texts) body["files"].push_back({{"file", text.file}, {"text", text.text}});
  const auto plan = context.ask("POST", "/v1/policy/plan", body, apply_patience);
  if (!plan) return plan.error();
  const auto& changes = member(*plan, "changes");
  if (!context.json) print_changes(changes, context.out());
  const auto say_already_so = [&] {
    context.out() << "The policy is already so (version " << show(*plan, "policy_version") << "); nothing to apply.\n";
  };
  if (!options.yes) {
    if (context.json) {
      context.print_json(*plan);
    } else if (changes.empty()) {
      say_already_so();
    } else {
      context.out() << "\nNothing is applied yet: the same command with --yes does it.\n";
    }
    return exit_ok;
  }
  // What was shown is what is applied: another policy in between is refused.
  body["expected_version"] = plan->value("policy_version", json(0));
  const auto applied = context.ask("POST", "/v1/policy/apply", body, apply_patience);
  if (!applied) return applied.error();
  if (context.json) {
    context.print_json(*applied);
  } else if (changes.empty()) {
    // Sent all the same: what the kernel refused before, the daemon tries again.
    say_already_so();
  } else {
    print_in_force(*applied, context.out());
  }
  return exit_ok;
}

}  // namespace

void add_apply_verb(CLI::App& app, Context& context) {
  auto options = std::make_shared<ApplyOptions>();
  auto* verb = app.add_subcommand("apply", "Show what a policy would change; with --yes make it the policy");
  verb->add_option("path", options->paths, "Policy files, or directories of *.yaml: together the whole policy")
      ->required();
  verb->add_flag("--yes", options->yes, "Apply it, as one transaction");
  verb->footer("Example: gatehouse apply --yes /etc/gatehouse/policies");
  context.actions[verb] = [&context, options] { return apply(context, *options); };
}

}  // namespace gatehouse::cli
