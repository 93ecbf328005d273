#include "policy/groups.h"

#include <algorithm>

namespace gatehouse::policy {
namespace {

template <typename Names>
std::unordered_map<std::string_view, std::uint32_t> numbered(const Names& groups) {
  std::unordered_map<std::string_view, std::uint32_t> indexes;
  for (const auto& [name, group] : groups) indexes.emplace(name, static_cast<std::uint32_t>(indexes.size()));
  return indexes;
}

}  // namespace

Groups::Groups(const std::map<std::string, UserGroup>& groups) : indexes_(numbered(groups)), above_(groups.size()) {
  for (const auto& [name, group] : groups) add(name, group.users, group.groups);
}

Groups::Groups(const std::map<std::string, ServerGroup>& groups) : indexes_(numbered(groups)), above_(groups.size()) {
  for (const auto& [name, group] : groups) add(name, group.servers, group.groups);
}

void Groups::add(std::string_view group, const std::vector<std::string>& members,
                 const std::vector<std::string>& groups) {
  const std::uint32_t index = indexes_.at(group);
  for (const auto& member : members) of_members_[member].push_back(index);
  for (const auto& below : groups) above_.at(indexes_.at(below)).push_back(index);
}

std::vector<Membership> Groups::of_member(std::string_view name) const {
  std::vector<Membership> found;
  const auto reach = [&](std::uint32_t group, std::uint32_t distance) {
    const bool known =
        std::any_of(found.begin(), found.end(), [&](const Membership& one) { return one.group == group; });
    if (!known) found.push_back({group, distance});
  };
  if (const auto at = of_members_.find(name); at != of_members_.end()) {
    for (const auto group : at->second) reach(group, 0);
  }
  // Level by level, so that the first way found is the shortest.
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (const auto group : above_[found[i].group]) reach(group, found[i].distance + 1);
  }
  return found;
}

}  // namespace gatehouse::policy
