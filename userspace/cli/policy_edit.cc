#include "cli/policy_edit.h"

#include <CLI/CLI.hpp>

#include "cli/changes.h"
#include "cli/text.h"
#include "policy/loader.h"

namespace gatehouse::cli {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds edit_patience{300};
const std::string changed_policy = "the changed policy";

// The lines are those of a text that nobody has seen.
Issues without_lines(const Issues& issues) {
  Issues bare;
  for (const auto& issue : issues.list()) bare.add(issue.file, 0, issue.what, issue.mend);
  return bare;
}

int print_outcome(const Context& context, const json& answer, bool dry_run) {
  if (context.json) {
    context.print_json(answer);
    return exit_ok;
  }
  const auto& changes = member(answer, "changes");
  if (changes.empty()) {
    context.out() << "The policy is already so (version " << show(answer, "policy_version") << "); nothing changed.\n";
    return exit_ok;
  }
  print_changes(changes, context.out());
  if (dry_run) {
    context.out() << "\nNothing is applied: the same command without --dry-run does it.\n";
  } else {
    print_in_force(answer, context.out());
  }
  return exit_ok;
}

}  // namespace

std::expected<PolicyText, int> fetch_policy(const Context& context, std::optional<std::uint64_t> version) {
  const auto answer = context.ask("GET", version ? "/v1/policy?version=" + std::to_string(*version) : "/v1/policy",
                                  nullptr, edit_patience);
  if (!answer) return std::unexpected(answer.error());
  const auto text = answer->find("text");
  const auto number = answer->find("version");
  if (text == answer->end() || !text->is_string() || number == answer->end() || !number->is_number_unsigned()) {
    return std::unexpected(context.fail(
        {"the daemon's answer holds no policy", "use the command and the daemon of one version"}, exit_failed));
  }
  const auto found = number->get<std::uint64_t>();
  const auto name = "policy version " + std::to_string(found);
  auto document = policy::load({{name, text->get<std::string>()}});
  if (!document) {
    return std::unexpected(context.fail(
        {name + " has faults by the rules of this version of Gatehouse",
         "`gatehouse export --version " + std::to_string(found) + "` prints it; mend the text and apply it as a file"},
        document.error(), exit_failed));
  }
  return PolicyText{found, std::move(*document)};
}

void add_dry_run(CLI::App& verb, EditOptions& options) {
  verb.add_flag("--dry-run", options.dry_run, "Show the difference only, change nothing");
}

int edit_policy(const Context& context, const EditOptions& options, const Edit& edit) {
  for (int attempt = 1;; ++attempt) {
    auto fetched = fetch_policy(context);
    if (!fetched) return fetched.error();
    if (auto edited = edit(fetched->document); !edited) return context.fail(edited.error());
    const auto text = policy::to_yaml(fetched->document);
    if (const auto sound = policy::load({{changed_policy, text}}); !sound) {
      return context.fail({"the change does not fit, nothing was applied", "mend it and try again"},
                          without_lines(sound.error()), exit_failed);
    }
    json body{{"files", {{{"file", changed_policy}, {"text", text}}}}};
    if (options.dry_run) {
      const auto plan = context.ask("POST", "/v1/policy/plan", body, edit_patience);
      return plan ? print_outcome(context, *plan, true) : plan.error();
    }
    body["expected_version"] = fetched->version;
    const auto answer = attempt < options.attempts
                            ? context.ask_unless_conflict("POST", "/v1/policy/apply", body, edit_patience)
                            : std::optional(context.ask("POST", "/v1/policy/apply", body, edit_patience));
    if (!answer) continue;
    return *answer ? print_outcome(context, **answer, false) : answer->error();
  }
}

}  // namespace gatehouse::cli
