#include "policy/document.h"

#include <algorithm>
#include <iterator>

#include "policy/document_fields.h"

namespace gatehouse::policy {
namespace {

using Strings = std::vector<std::string>;

Strings without(const Strings& values, const Strings& taken_out) {
  Strings rest;
  std::copy_if(values.begin(), values.end(), std::back_inserter(rest), [&](const std::string& value) {
    return std::find(taken_out.begin(), taken_out.end(), value) == taken_out.end();
  });
  return rest;
}

std::string joined(const Strings& values) {
  std::string text;
  for (const auto& value : values) text += (text.empty() ? "" : ", ") + value;
  return text.empty() ? "(none)" : text;
}

Strings details_of(const std::vector<Field>& fields) {
  Strings details;
  for (const auto& field : fields) {
    if (!field.is_default) details.push_back(std::string(field.key) + ": " + joined(field.values));
  }
  return details;
}

// Both have the same keys in the same order.
Strings details_between(const std::vector<Field>& from, const std::vector<Field>& to) {
  Strings details;
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (from[i].values == to[i].values) continue;
    const std::string key(from[i].key);
    if (!from[i].is_list()) {
      details.push_back(key + ": " + joined(from[i].values) + " -> " + joined(to[i].values));
      continue;
    }
    for (const auto& value : without(from[i].values, to[i].values))
      details.push_back(std::string(key).append(": - ").append(value));
    for (const auto& value : without(to[i].values, from[i].values))
      details.push_back(std::string(key).append(": + ").append(value));
  }
  return details;
}

template <typename Thing>
void compare(const std::string& section, const std::map<std::string, Thing>& from,
             const std::map<std::string, Thing>& to, std::vector<Change>& changes) {
  auto old_one = from.begin();
  auto new_one = to.begin();
  while (old_one != from.end() || new_one != to.end()) {
    if (new_one == to.end() || (old_one != from.end() && old_one->first < new_one->first)) {
      changes.push_back({Change::Verb::remove, section, old_one->first, details_of(fields_of(old_one->second))});
      ++old_one;
    } else if (old_one == from.end() || new_one->first < old_one->first) {
      changes.push_back({Change::Verb::add, section, new_one->first, details_of(fields_of(new_one->second))});
      ++new_one;
    } else {
      if (old_one->second != new_one->second) {
        auto details = details_between(fields_of(old_one->second), fields_of(new_one->second));
        changes.push_back({Change::Verb::modify, section, new_one->first, std::move(details)});
      }
      ++old_one;
      ++new_one;
    }
  }
}

}  // namespace

std::vector<Change> difference(const Document& from, const Document& to) {
  std::vector<Change> changes;
  compare("pools", from.pools, to.pools, changes);
  compare("users", from.users, to.users, changes);
  compare("user_groups", from.user_groups, to.user_groups, changes);
  compare("servers", from.servers, to.servers, changes);
  compare("server_groups", from.server_groups, to.server_groups, changes);
  compare("services", from.services, to.services, changes);
  compare("schedules", from.schedules, to.schedules, changes);
  compare("maintenance", from.maintenance, to.maintenance, changes);
  compare("grants", from.grants, to.grants, changes);
  compare("denials", from.denials, to.denials, changes);
  return changes;
}

std::string text_of(const std::vector<Change>& changes) {
  std::string text;
  for (const auto& change : changes) {
    switch (change.verb) {
      case Change::Verb::add:
        text += "+ ";
        break;
      case Change::Verb::remove:
        text += "- ";
        break;
      case Change::Verb::modify:
        text += "~ ";
        break;
    }
    text += change.section + " " + change.name + "\n";
    for (const auto& detail : change.details) text += "    " + detail + "\n";
  }
  return text;
}

}  // namespace gatehouse::policy
