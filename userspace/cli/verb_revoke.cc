// revoke and renew: grants that end before their time, or later.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/document_edit.h"
#include "cli/policy_arguments.h"
#include "cli/policy_edit.h"
#include "cli/verbs.h"

namespace gatehouse::cli {
namespace {

struct RevokeOptions : EditOptions {
  std::vector<std::string> names;
  bool remove = false;
  EndOptions end;
  bool activate = false;
};

int revoke(const Context& context, const RevokeOptions& options) {
  return edit_policy(context, options, [&](policy::Document& document) -> Result<void> {
    for (const auto& name : options.names) {
      const auto grant = find_thing(document, grants, name);
      if (!grant) return std::unexpected(grant.error());
      if (options.remove) {
        document.grants.erase(name);
      } else {
        (*grant)->active = false;
      }
    }
    return {};
  });
}

int renew(const Context& context, const RevokeOptions& options) {
  if (options.end.until.empty() && options.end.duration.empty()) {
    return context.fail({"until when?", "give --until or --for; --for permanent takes the end away"}, exit_usage);
  }
  const auto end = parse_end(options.end, now());
  if (!end) return context.fail(end.error(), exit_usage);
  return edit_policy(context, options, [&](policy::Document& document) -> Result<void> {
    for (const auto& name : options.names) {
      const auto grant = find_thing(document, grants, name);
      if (!grant) return std::unexpected(grant.error());
      if (!(*grant)->active && !options.activate) {
        return failure("grant " + name + " is revoked", "ask whoever revoked it; --activate makes it count again");
      }
      (*grant)->active = true;
      (*grant)->end = *end;
    }
    return {};
  });
}

}  // namespace

void add_revoke_verbs(CLI::App& app, Context& context) {
  auto options = std::make_shared<RevokeOptions>();
  auto* revoke_verb = app.add_subcommand("revoke", "Take grants back at once, and end what only they allow");
  revoke_verb->add_option("grant", options->names, "Names of the grants")->required();
  revoke_verb->add_flag("--remove", options->remove,
                        "Remove them; otherwise they stay as revoked, so that the denial says so");
  add_dry_run(*revoke_verb, *options);
  revoke_verb->footer("Example: gatehouse revoke bob-win1");
  auto* renew_verb = app.add_subcommand("renew", "Give grants another end");
  renew_verb->add_option("grant", options->names, "Names of the grants")->required();
  auto* duration =
      renew_verb->add_option("--for", options->end.duration, "How long from now on, like 1w3d, or permanent");
  renew_verb
      ->add_option("--until,--end", options->end.until, "Until when: 2026-12-24T18:00:00Z, friday, 'friday 17:00'")
      ->excludes(duration);
  renew_verb->add_option("--zone", options->end.zone, "Time zone of a weekday in --until (default: UTC)");
  renew_verb->add_flag("--activate", options->activate, "Also make revoked ones count again");
  add_dry_run(*renew_verb, *options);
  renew_verb->footer("Example: gatehouse renew bob-win1 --for 1w");
  context.actions[revoke_verb] = [&context, options] { return revoke(context, *options); };
  context.actions[renew_verb] = [&context, options] { return renew(context, *options); };
}

}  // namespace gatehouse::cli
