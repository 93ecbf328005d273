#include <CLI/CLI.hpp>
#include <memory>

#include "cli/policy_arguments.h"
#include "cli/policy_listing.h"
#include "cli/verbs.h"

namespace gatehouse::cli {
namespace {

struct UserOptions : EditOptions {
  std::string name;
  std::vector<std::string> sources;
  std::string full_name;
  bool inactive = false;
  bool cascade = false;
};

int add_user(const Context& context, const UserOptions& options) {
  const auto sources = parse_networks(options.sources);
  if (!sources) return context.fail(sources.error(), exit_usage);
  return edit_policy(context, options, [&](policy::Document& document) {
    return add_thing(document, users, options.name, {!options.inactive, options.full_name, *sources});
  });
}

int set_user_active(const Context& context, const UserOptions& options, bool active) {
  return edit_policy(context, options, [&](policy::Document& document) -> Result<void> {
    const auto user = find_thing(document, users, options.name);
    if (!user) return std::unexpected(user.error());
    (*user)->active = active;
    return {};
  });
}

int change_sources(const Context& context, const UserOptions& options, bool add) {
  const auto networks = parse_networks(options.sources);
  if (!networks) return context.fail(networks.error(), exit_usage);
  return edit_policy(context, options, [&](policy::Document& document) -> Result<void> {
    const auto user = find_thing(document, users, options.name);
    if (!user) return std::unexpected(user.error());
    auto& sources = (*user)->sources;
    for (const auto& network : *networks) {
      if (add) {
        if (std::ranges::find(sources, network) == sources.end()) sources.push_back(network);
      } else if (std::erase(sources, network) == 0) {
        return failure(network.text() + " is no source of user " + options.name,
                       "`gatehouse user show " + options.name + "` lists them");
      }
    }
    return {};
  });
}

}  // namespace

void add_user_verbs(CLI::App& app, Context& context) {
  auto options = std::make_shared<UserOptions>();
  auto* user = app.add_subcommand("user", "The users of the policy: who a source address is");
  user->require_subcommand(0, 1);
  user->footer("Example: gatehouse user list");
  const auto named = [&](CLI::App* verb) {
    verb->add_option("name", options->name, "Name of the user")->required();
    return verb;
  };

  auto* add = named(user->add_subcommand("add", "Add a user"));
  add->add_option("--source", options->sources, "Address or network they come from; may be repeated")
      ->allow_extra_args(false);
  add->add_option("--full-name", options->full_name, "For people");
  add->add_flag("--inactive", options->inactive, "Let nothing of theirs in yet");
  add_dry_run(*add, *options);
  add->footer("Example: gatehouse user add bob --source 192.0.2.10 --full-name 'Bob Example'");
  auto* remove = named(user->add_subcommand("remove", "Remove a user"));
  remove->add_flag("--cascade", options->cascade, "With the grants and denials of the user, and out of all groups");
  add_dry_run(*remove, *options);
  remove->footer("Example: gatehouse user remove bob");
  auto* deactivate = named(user->add_subcommand("deactivate", "Deny everything of a user, and end their sessions"));
  add_dry_run(*deactivate, *options);
  deactivate->footer("Example: gatehouse user deactivate bob");
  auto* activate = named(user->add_subcommand("activate", "Let the grants of a user count again"));
  add_dry_run(*activate, *options);
  activate->footer("Example: gatehouse user activate bob");
  auto* list = user->add_subcommand("list", "List the users");
  list->footer("Example: gatehouse user list");
  auto* show = named(user->add_subcommand("show", "Show one user, as a policy file has it"));
  show->footer("Example: gatehouse user show bob");

  auto* source = user->add_subcommand("source", "The addresses of a user");
  source->require_subcommand(0, 1);
  source->footer("Example: gatehouse user source add bob 192.0.2.11");
  const auto sources_of = [&](const char* word, const char* help) {
    auto* verb = named(source->add_subcommand(word, help));
    verb->add_option("address", options->sources, "Addresses or networks")->required();
    verb->footer(std::string("Example: gatehouse user source ") + word + " bob 192.0.2.11");
    add_dry_run(*verb, *options);
    return verb;
  };
  auto* add_source = sources_of("add", "Add addresses");
  auto* remove_source = sources_of("remove", "Take addresses away");

  context.actions[add] = [&context, options] { return add_user(context, *options); };
  context.actions[remove] = [&context, options] {
    return edit_policy(context, *options, [&](policy::Document& document) {
      return remove_thing(document, users, options->name, options->cascade);
    });
  };
  context.actions[activate] = [&context, options] { return set_user_active(context, *options, true); };
  context.actions[deactivate] = [&context, options] { return set_user_active(context, *options, false); };
  context.actions[list] = [&context] { return list_things(context, users, {"active", "sources", "full_name"}); };
  context.actions[show] = [&context, options] { return show_thing(context, users, options->name); };
  context.actions[add_source] = [&context, options] { return change_sources(context, *options, true); };
  context.actions[remove_source] = [&context, options] { return change_sources(context, *options, false); };
}

}  // namespace gatehouse::cli
