#include "policy/rule_table.h"

#include <algorithm>
#include <unordered_set>

namespace gatehouse::policy {

RuleTable::RuleTable(std::vector<Entry>& entries, const Spread& spread) : pairs_(entries.size()) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    const Pair pair_a{a.subject, a.target};
    const Pair pair_b{b.subject, b.target};
    if (pair_a != pair_b) return pair_a < pair_b;
    if (a.terms.end != b.terms.end) return a.terms.end > b.terms.end;
    return a.terms.by_name < b.terms.by_name;
  });
  // A group that no rule names need not be asked for.
  std::unordered_set<SubjectId> subjects;
  std::unordered_set<TargetId> targets;
  terms_.reserve(entries.size());
  for (std::size_t first = 0; first < entries.size();) {
    const Pair pair{entries[first].subject, entries[first].target};
    std::size_t end = first;
    for (; end < entries.size() && Pair{entries[end].subject, entries[end].target} == pair; ++end) {
      terms_.push_back(entries[end].terms);
    }
    pairs_.insert(pair, {static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(end - first), terms_[first]});
    subjects.insert(pair.subject);
    targets.insert(pair.target);
    first = end;
  }
  const auto keep = [](const auto& all, auto&& is_named, auto& into, std::vector<Range>& ranges) {
    for (const auto& some : all) {
      const auto first = into.size();
      std::copy_if(some.begin(), some.end(), std::back_inserter(into), is_named);
      ranges.push_back({static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(into.size() - first)});
    }
  };
  keep(spread.of_users, [&](SubjectId subject) { return subjects.contains(subject); }, subjects_, of_users_);
  keep(
      spread.of_services, [&](const RankedTarget& target) { return targets.contains(target.target); }, targets_,
      of_services_);
}

void RuleTable::add(const Pair& pair, Rank rank, bool direct, RuleLists& lists) const {
  const auto* rules = pairs_.find(pair);
  if (rules == nullptr) return;
  const auto* terms = rules->count == 1 ? &rules->only : terms_.data() + rules->first;
  lists.add({terms, rules->first, rules->count, rank, direct});
}

void RuleTable::find(const Asked& asked, RuleLists& lists) const {
  const SubjectId user = user_subject(asked.user);
  const TargetId server = server_target(asked.server);
  std::span<const SubjectId> subjects;
  std::span<const RankedTarget> targets;
  if (asked.user_has_more) {
    const auto& range = of_users_[asked.user];
    subjects = {subjects_.data() + range.first, range.count};
  }
  if (asked.service_has_more) {
    const auto& range = of_services_[asked.service];
    targets = {targets_.data() + range.first, range.count};
  }
  // All is asked for before the first answer is waited for.
  for (const auto& target : targets) pairs_.prefetch({user, target.target});
  for (const auto subject : subjects) {
    pairs_.prefetch({subject, server});
    for (const auto& target : targets) pairs_.prefetch({subject, target.target});
  }
  add({user, server}, rank_of_server, true, lists);
  for (const auto& target : targets) add({user, target.target}, target.rank, true, lists);
  for (const auto subject : subjects) {
    add({subject, server}, rank_of_server, false, lists);
    for (const auto& target : targets) add({subject, target.target}, target.rank, false, lists);
  }
}

}  // namespace gatehouse::policy
