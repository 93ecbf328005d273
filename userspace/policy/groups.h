// Groups spread out: every group that a user or server is in, over all levels.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policy/document.h"

namespace gatehouse::policy {

struct Membership {
  std::uint32_t group = 0;     // index in the document's order
  std::uint32_t distance = 0;  // 0: it names the member itself; the least where there are several ways
};

// Groups have numbers in the order of the document, and members of both kinds are named the same way: of a UserGroup
// its users, of a ServerGroup its servers.
class Groups {
 public:
  explicit Groups(const std::map<std::string, UserGroup>& groups);
  explicit Groups(const std::map<std::string, ServerGroup>& groups);

  // The groups of this user or server, nearest first.
  [[nodiscard]] std::vector<Membership> of_member(std::string_view name) const;
  [[nodiscard]] std::uint32_t index_of(std::string_view group) const { return indexes_.at(group); }

 private:
  void add(std::string_view group, const std::vector<std::string>& members, const std::vector<std::string>& groups);

  std::unordered_map<std::string_view, std::uint32_t> indexes_;
  std::unordered_map<std::string_view, std::vector<std::uint32_t>> of_members_;
  std::vector<std::vector<std::uint32_t>> above_;  // of each group: the groups that name it
};

}  // namespace gatehouse::policy
