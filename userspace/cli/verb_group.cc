// group and server-group: the same verbs for both.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/policy_listing.h"
#include "cli/verbs.h"

namespace gatehouse::cli {
namespace {

struct GroupOptions : EditOptions {
  std::string name;
  std::vector<std::string> members;
  std::vector<std::string> groups;
  std::string description;
  bool cascade = false;
};

// What the two kinds of groups differ in.
template <typename Group>
struct KindOfGroup {
  DocumentSection<Group> section;
  std::vector<std::string> Group::* members;
  const char* members_key;
  const char* member_option;
  const char* member_help;
  const char* verb_help;
  const char* example;  // a group with a member
};

template <typename Group>
int change_members(const Context& context, const KindOfGroup<Group>& kind, const GroupOptions& options, bool add) {
  if (options.members.empty() && options.groups.empty()) {
    return context.fail({"which members?", std::string("give ") + kind.member_option + " or --group"}, exit_usage);
  }
  return edit_policy(context, options, [&](policy::Document& document) -> Result<void> {
    const auto group = find_thing(document, kind.section, options.name);
    if (!group) return std::unexpected(group.error());
    const auto change = add ? add_members : remove_members;
    const std::string whose = std::string(kind.section.word) + " " + options.name;
    if (auto done = change((*group)->*kind.members, options.members, whose); !done) return done;
    return change((*group)->groups, options.groups, whose);
  });
}

template <typename Group>
void add_verbs_of(CLI::App& app, Context& context, const KindOfGroup<Group>& kind) {
  auto options = std::make_shared<GroupOptions>();
  const std::string word = kind.section.verb;
  auto* group = app.add_subcommand(word, kind.verb_help);
  group->require_subcommand(0, 1);
  group->footer("Example: gatehouse " + word + " list");
  const auto make = [&](CLI::App* under, const std::string& name, const char* help, const std::string& example) {
    auto* verb = under->add_subcommand(name, help);
    verb->add_option("name", options->name, "Name of the group")->required();
    verb->footer("Example: gatehouse " + example);
    return verb;
  };
  const auto take_members = [&](CLI::App* verb) {
    verb->add_option(kind.member_option, options->members, kind.member_help)->allow_extra_args(false);
    verb->add_option("--group", options->groups, "Another group, with all that belongs to it; may be repeated")
        ->allow_extra_args(false);
    add_dry_run(*verb, *options);
  };

  auto* add = make(group, "add", "Add a group", word + " add " + kind.example);
  take_members(add);
  add->add_option("--description", options->description, "For people");
  auto* remove = make(group, "remove", "Remove a group; its members stay", word + " remove NAME");
  remove->add_flag("--cascade", options->cascade,
                   "With the grants, denials and maintenance of the group, and out of all groups");
  add_dry_run(*remove, *options);
  auto* list = group->add_subcommand("list", "List the groups");
  list->footer("Example: gatehouse " + word + " list");
  auto* show = make(group, "show", "Show one group, as a policy file has it", word + " show NAME");
  auto* member = group->add_subcommand("member", "The members of a group");
  member->require_subcommand(0, 1);
  member->footer("Example: gatehouse " + word + " member add " + kind.example);
  auto* add_member = make(member, "add", "Add members", word + " member add " + kind.example);
  take_members(add_member);
  auto* remove_member = make(member, "remove", "Take members out", word + " member remove " + kind.example);
  take_members(remove_member);

  context.actions[add] = [&context, kind, options] {
    return edit_policy(context, *options, [&](policy::Document& document) {
      return add_thing(document, kind.section, options->name,
                       Group{options->description, options->members, options->groups});
    });
  };
  context.actions[remove] = [&context, kind, options] {
    return edit_policy(context, *options, [&](policy::Document& document) {
      return remove_thing(document, kind.section, options->name, options->cascade);
    });
  };
  context.actions[list] = [&context, kind] {
    return list_things(context, kind.section, {kind.members_key, "groups", "description"});
  };
  context.actions[show] = [&context, kind, options] { return show_thing(context, kind.section, options->name); };
  context.actions[add_member] = [&context, kind, options] { return change_members(context, kind, *options, true); };
  context.actions[remove_member] = [&context, kind, options] { return change_members(context, kind, *options, false); };
}

}  // namespace

void add_group_verbs(CLI::App& app, Context& context) {
  add_verbs_of<policy::UserGroup>(app, context,
                                  {user_groups, &policy::UserGroup::users, "users", "--user", "A user; may be repeated",
                                   "The groups of users", "office --user bob --user carol"});
  add_verbs_of<policy::ServerGroup>(
      app, context,
      {server_groups, &policy::ServerGroup::servers, "servers", "--server", "A server; may be repeated",
       "The groups of servers", "windows --server win1 --server win2"});
}

}  // namespace gatehouse::cli
