// Things of a policy as the verbs show them: as a table, as the YAML they are written in, as JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/document_edit.h"
#include "cli/policy_edit.h"
#include "policy/document_fields.h"

namespace gatehouse::cli {

struct ListedThing {
  std::string name;
  std::vector<policy::Field> fields;
};

// Every key of the format, the defaults too; ports and the like are numbers. What is not set is null.
nlohmann::json json_of(const ListedThing& thing);

// {policy_version, <key>: [...]}, or a table with these keys as columns.
int print_things(const Context& context, std::uint64_t version, const char* key, const std::vector<ListedThing>& things,
                 const std::vector<std::string_view>& columns);

template <typename Thing>
int list_things(const Context& context, const DocumentSection<Thing>& section,
                const std::vector<std::string_view>& columns) {
  const auto policy = fetch_policy(context);
  if (!policy) return policy.error();
  std::vector<ListedThing> things;
  for (const auto& [name, thing] : policy->document.*section.things) things.push_back({name, policy::fields_of(thing)});
  return print_things(context, policy->version, section.key, things, columns);
}

template <typename Thing>
int show_thing(const Context& context, const DocumentSection<Thing>& section, const std::string& name) {
  auto policy = fetch_policy(context);
  if (!policy) return policy.error();
  const auto found = find_thing(policy->document, section, name);
  if (!found) return context.fail(found.error());
  if (context.json) {
    context.print_json(json_of({name, policy::fields_of(**found)}));
    return exit_ok;
  }
  policy::Document alone;
  (alone.*section.things).emplace(name, std::move(**found));
  context.out() << policy::to_yaml(alone);
  return exit_ok;
}

}  // namespace gatehouse::cli
