#include "cli/document_edit.h"

#include <algorithm>
#include <cctype>

namespace gatehouse::cli {
namespace {

using Names = std::vector<std::string>;

bool contains(const Names& list, const std::string& name) {
  return std::ranges::find(list, name) != list.end();
}

// In pools nothing is named: a service lies in one.
bool lies_in(const policy::Document& document, const policy::Service& service, const std::string& pool) {
  const auto found = document.pools.find(pool);
  return found != document.pools.end() && std::ranges::any_of(found->second.networks, [&](const Prefix& network) {
           return network.contains(service.proxy_ip);
         });
}

// Whether the thing is about `name` as a whole: it is nothing without it.
bool is_about(const policy::Document& document, const policy::Service& service, std::string_view section,
              const std::string& name) {
  return (section == "servers" && service.server == name) || (section == "pools" && lies_in(document, service, name));
}
bool is_about(const policy::Document& /*document*/, const policy::Maintenance& maintenance, std::string_view section,
              const std::string& name) {
  return (section == "servers" && maintenance.server == name) ||
         (section == "server_groups" && maintenance.server_group == name);
}
template <typename Rule>
bool is_rule_about(const Rule& rule, std::string_view section, const std::string& name) {
  return (section == "users" && rule.user == name) || (section == "user_groups" && rule.user_group == name) ||
         (section == "servers" && rule.server == name) || (section == "server_groups" && rule.server_group == name) ||
         (section == "services" && rule.service == name) || (section == "schedules" && contains(rule.schedules, name));
}
bool is_about(const policy::Document& /*document*/, const policy::Grant& grant, std::string_view section,
              const std::string& name) {
  return is_rule_about(grant, section, name);
}
bool is_about(const policy::Document& /*document*/, const policy::Denial& denial, std::string_view section,
              const std::string& name) {
  return is_rule_about(denial, section, name);
}

// The lists in which things of a section stand, each with the thing that has it.
template <typename Document, typename See>
void see_lists(Document& document, std::string_view section, See&& see) {
  for (auto& [name, group] : document.user_groups) {
    if (section == "users") see("user group", name, group.users);
    if (section == "user_groups") see("user group", name, group.groups);
  }
  for (auto& [name, group] : document.server_groups) {
    if (section == "servers") see("server group", name, group.servers);
    if (section == "server_groups") see("server group", name, group.groups);
  }
  for (auto& [name, maintenance] : document.maintenance) {
    if (section == "users") see("maintenance", name, maintenance.exempt_users);
    if (section == "user_groups") see("maintenance", name, maintenance.exempt_user_groups);
  }
}

}  // namespace

Error no_such_thing(const char* word, const char* verb, const std::string& name) {
  return {std::string("there is no ") + word + " '" + name + "'",
          std::string("`gatehouse ") + verb + " list` shows what there is"};
}

Error there_already(const char* word, const std::string& name) {
  return {std::string(word) + " " + name + " is there already", "take another name, or change or remove that one"};
}

Error still_named(const char* word, const std::string& name, const Names& by) {
  constexpr std::size_t most_shown = 10;
  std::string list;
  for (std::size_t i = 0; i < by.size() && i < most_shown; ++i) list += (i == 0 ? "" : ", ") + by[i];
  if (by.size() > most_shown) list += " and " + std::to_string(by.size() - most_shown) + " more";
  return {std::string(word) + " " + name + " is in use by " + list,
          "remove those first, or all of it with --cascade; --dry-run shows what would go"};
}

Names named_by(const policy::Document& document, std::string_view section, const std::string& name) {
  Names by;
  const auto look = [&](const char* word, const auto& things) {
    for (const auto& [other, thing] : things) {
      if (is_about(document, thing, section, name)) by.push_back(std::string(word) + " " + other);
    }
  };
  see_lists(document, section, [&](const char* word, const std::string& other, const Names& list) {
    if (contains(list, name)) by.push_back(std::string(word) + " " + other);
  });
  look("service", document.services);
  look("maintenance", document.maintenance);
  look("grant", document.grants);
  look("denial", document.denials);
  return by;
}

void forget(policy::Document& document, std::string_view section, const std::string& name) {
  see_lists(document, section,
            [&](const char* /*word*/, const std::string& /*other*/, Names& list) { std::erase(list, name); });
  Names services_gone;
  for (const auto& [other, service] : document.services) {
    if (is_about(document, service, section, name)) services_gone.push_back(other);
  }
  for (const auto& service : services_gone) {
    forget(document, "services", service);
    document.services.erase(service);
  }
  const auto is_gone = [&](const auto& entry) { return is_about(document, entry.second, section, name); };
  std::erase_if(document.maintenance, is_gone);
  std::erase_if(document.grants, is_gone);
  std::erase_if(document.denials, is_gone);
}

std::string free_name(const std::string& wanted, const std::function<bool(const std::string&)>& taken) {
  constexpr std::size_t room_for_a_number = 56;
  std::string name;
  for (const char c : wanted.substr(0, room_for_a_number)) {
    const bool fits = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '@' || c == '-';
    name += fits ? c : '-';
  }
  if (!taken(name)) return name;
  for (std::size_t number = 2;; ++number) {
    auto numbered = name + "-" + std::to_string(number);
    if (!taken(numbered)) return numbered;
  }
}

Result<void> add_members(Names& list, const Names& names, const std::string& of_what) {
  for (const auto& name : names) {
    if (contains(list, name)) {
      std::string what = name;
      what.append(" is in ").append(of_what).append(" already");
      return failure(std::move(what), "name only what is new");
    }
    list.push_back(name);
  }
  return {};
}

Result<void> remove_members(Names& list, const Names& names, const std::string& of_what) {
  for (const auto& name : names) {
    if (std::erase(list, name) == 0) {
      std::string what = name;
      what.append(" is not in ").append(of_what);
      return failure(std::move(what), "name what it has");
    }
  }
  return {};
}

}  // namespace gatehouse::cli
