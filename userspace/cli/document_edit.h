// Small changes of a policy::Document, for the verbs that change one thing: find, add and remove by name, with errors
// that name the verb to look with. Pure. What the whole then has to be is the loader's business.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "policy/document.h"

namespace gatehouse::cli {

// A section of the document: where it is, what the format, people and the command call it.
template <typename Thing>
struct DocumentSection {
  std::map<std::string, Thing> policy::Document::* things;
  const char* key;
  const char* word;
  const char* verb;
};
inline constexpr DocumentSection<policy::Pool> pools{&policy::Document::pools, "pools", "pool", "pool"};
inline constexpr DocumentSection<policy::User> users{&policy::Document::users, "users", "user", "user"};
inline constexpr DocumentSection<policy::UserGroup> user_groups{&policy::Document::user_groups, "user_groups",
                                                                "user group", "group"};
inline constexpr DocumentSection<policy::Server> servers{&policy::Document::servers, "servers", "server", "server"};
inline constexpr DocumentSection<policy::ServerGroup> server_groups{&policy::Document::server_groups, "server_groups",
                                                                    "server group", "server-group"};
inline constexpr DocumentSection<policy::Service> services{&policy::Document::services, "services", "service",
                                                           "service"};
inline constexpr DocumentSection<policy::Schedule> schedules{&policy::Document::schedules, "schedules", "schedule",
                                                             "schedule"};
inline constexpr DocumentSection<policy::Maintenance> maintenances{&policy::Document::maintenance, "maintenance",
                                                                   "maintenance", "maintenance"};
inline constexpr DocumentSection<policy::Grant> grants{&policy::Document::grants, "grants", "grant", "grant"};

Error no_such_thing(const char* word, const char* verb, const std::string& name);
Error there_already(const char* word, const std::string& name);

template <typename Thing>
Result<Thing*> find_thing(policy::Document& document, const DocumentSection<Thing>& section, const std::string& name) {
  auto& things = document.*section.things;
  const auto found = things.find(name);
  if (found == things.end()) return std::unexpected(no_such_thing(section.word, section.verb, name));
  return &found->second;
}

template <typename Thing>
Result<void> add_thing(policy::Document& document, const DocumentSection<Thing>& section, const std::string& name,
                       Thing thing) {
  if (!(document.*section.things).emplace(name, std::move(thing)).second) {
    return std::unexpected(there_already(section.word, name));
  }
  return {};
}

// What names it, as "grant bob-win1".
std::vector<std::string> named_by(const policy::Document& document, std::string_view section_key,
                                  const std::string& name);
// Takes it out of groups and exemptions, and removes the grants, denials, maintenance and services that are about it.
void forget(policy::Document& document, std::string_view section_key, const std::string& name);
// Why it cannot be removed: what names it.
Error still_named(const char* word, const std::string& name, const std::vector<std::string>& by);

// `cascade`: what names it goes as well; otherwise it must not be named.
template <typename Thing>
Result<void> remove_thing(policy::Document& document, const DocumentSection<Thing>& section, const std::string& name,
                          bool cascade) {
  if (const auto found = find_thing(document, section, name); !found) return std::unexpected(found.error());
  if (cascade) {
    forget(document, section.key, name);
  } else if (const auto by = named_by(document, section.key, name); !by.empty()) {
    return std::unexpected(still_named(section.word, name, by));
  }
  (document.*section.things).erase(name);
  return {};
}

// `wanted`, made fit for a name, and with a number behind it where there is such a thing already.
std::string free_name(const std::string& wanted, const std::function<bool(const std::string&)>& taken);
template <typename Thing>
std::string free_name(const policy::Document& document, const DocumentSection<Thing>& section,
                      const std::string& wanted) {
  return free_name(wanted, [&](const std::string& name) { return (document.*section.things).contains(name); });
}

// Members of a list of names or networks. An addition that is there, and a removal of what is not, are errors.
Result<void> add_members(std::vector<std::string>& list, const std::vector<std::string>& names,
                         const std::string& of_what);
Result<void> remove_members(std::vector<std::string>& list, const std::vector<std::string>& names,
                            const std::string& of_what);

}  // namespace gatehouse::cli
