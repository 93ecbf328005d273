// All rules of one kind (grants, denials), found by who asks for what. A rule is for a subject (a user, a group of
// users, everybody) and a target (a service, a server, a group of servers, everything); the groups a user or a server
// is in, over all levels, are spread out when the policy is compiled: what is asked later are pairs of numbers in a
// hash table.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <vector>

#include "policy/flat_index.h"
#include "policy/rules.h"

namespace gatehouse::policy {

using SubjectId = std::uint32_t;
using TargetId = std::uint32_t;
inline constexpr SubjectId everybody = 0xffffffffU;
inline constexpr TargetId everything = 0xffffffffU;
constexpr SubjectId user_subject(std::uint32_t index) {
  return index * 2;
}
constexpr SubjectId group_subject(std::uint32_t index) {
  return index * 2 + 1;
}
constexpr TargetId server_target(std::uint32_t index) {
  return index * 3;
}
constexpr TargetId service_target(std::uint32_t index) {
  return index * 3 + 1;
}
constexpr TargetId group_target(std::uint32_t index) {
  return index * 3 + 2;
}

// How specific a target is: the less the more. A group of a group is wider than the group.
using Rank = std::uint16_t;
inline constexpr Rank rank_of_service = 0;
inline constexpr Rank rank_of_server = 1;
inline constexpr Rank rank_of_nearest_group = 2;
inline constexpr Rank rank_of_everything = 0xffff;

struct RankedTarget {
  TargetId target = 0;
  Rank rank = 0;
};

// The rules of one subject for one target. Not initialised, for RuleLists has more of them than it uses.
struct RuleList {
  const RuleTerms* terms;  // of `first` and those that follow
  std::uint32_t first;
  std::uint32_t count;
  Rank rank;
  bool direct;  // to the user, not to a group
};

// A few lists without asking for memory, any number with.
class RuleLists {
 public:
  void add(const RuleList& list) {
    if (size_ < few_.size()) {
      few_[size_++] = list;
      return;
    }
    if (many_.empty()) many_.assign(few_.begin(), few_.end());
    many_.push_back(list);
  }
  [[nodiscard]] std::span<const RuleList> all() const {
    return many_.empty() ? std::span<const RuleList>(few_.data(), size_) : std::span<const RuleList>(many_);
  }

 private:
  std::array<RuleList, 32> few_;  // not initialised: few of them are used
  std::size_t size_ = 0;
  std::vector<RuleList> many_;
};

class RuleTable {
 public:
  struct Entry {
    SubjectId subject = everybody;
    TargetId target = everything;
    RuleTerms terms;
  };
  // The groups of each user, and the targets of each service without its server itself (its groups, the service).
  struct Spread {
    std::vector<std::vector<SubjectId>> of_users;
    std::vector<std::vector<RankedTarget>> of_services;
  };

  RuleTable() = default;
  // Sorts `entries` as they will lie: the place of an entry is that of its terms.
  RuleTable(std::vector<Entry>& entries, const Spread& spread);

  [[nodiscard]] bool empty() const { return terms_.empty(); }
  // Whether there may be rules for more than the user himself, or for more than the service's server.
  [[nodiscard]] bool user_has_more(std::uint32_t user) const { return of_users_.at(user).count > 0; }
  [[nodiscard]] bool service_has_more(std::uint32_t service) const { return of_services_.at(service).count > 0; }

  void prefetch(std::uint32_t user, std::uint32_t server) const {
    pairs_.prefetch({user_subject(user), server_target(server)});
  }
  struct Asked {
    std::uint32_t user = 0;
    std::uint32_t service = 0;
    std::uint32_t server = 0;
    bool user_has_more = false;
    bool service_has_more = false;
  };
  // Those to the user himself first.
  void find(const Asked& asked, RuleLists& lists) const;

 private:
  struct Range {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };
  struct Rules {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
    RuleTerms only;  // where there is one, as for most pairs: so it need not be waited for
    explicit operator bool() const { return count != 0; }
  };
  struct Pair {
    SubjectId subject = 0;
    TargetId target = 0;
    friend auto operator<=>(const Pair&, const Pair&) = default;
  };
  struct PairHash {
    std::uint64_t operator()(const Pair& pair) const {
      std::uint64_t mixed = (std::uint64_t{pair.subject} << 32U | pair.target) * 0x9e3779b97f4a7c15ULL;
      mixed ^= mixed >> 32U;
      mixed *= 0xd6e8feb86659fd93ULL;
      return mixed ^ (mixed >> 32U);
    }
  };
  void add(const Pair& pair, Rank rank, bool direct, RuleLists& lists) const;

  std::vector<RuleTerms> terms_;  // those of one pair side by side: latest end first, then by name
  FlatIndex<Pair, Rules, PairHash> pairs_;
  std::vector<Range> of_users_;
  std::vector<SubjectId> subjects_;
  std::vector<Range> of_services_;
  std::vector<RankedTarget> targets_;
};

}  // namespace gatehouse::policy
