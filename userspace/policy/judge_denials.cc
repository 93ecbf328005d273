#include <algorithm>

#include "policy/judgement.h"

namespace gatehouse::policy {
namespace {

class Denials {
 public:
  explicit Denials(const Case& asked) : asked_(asked) {
    asked.policy.denials().find({asked.source.index, asked.service.service_index, asked.service.server_index,
                                 asked.source.more_denials, asked.service.more_denials},
                                lists_);
  }

  // The rule to name, of those that apply now.
  [[nodiscard]] std::optional<std::uint32_t> applying() const {
    std::optional<std::uint32_t> best;
    Standing best_standing;
    each([&](std::uint32_t rule, const RuleTerms& terms, Rank rank) {
      if (conditions().applies_until(terms, asked_.question.time) <= asked_.question.time) return;
      const Standing standing{rank, terms.end, terms.by_name};
      if (best && !standing.before(best_standing)) return;
      best = rule;
      best_standing = standing;
    });
    return best;
  }

  // Up to when some rule denies every login without a gap.
  [[nodiscard]] WallTime until() const {
    WallTime until = asked_.question.time;
    for (bool further = true; further && until != WallTime::max();) {
      const WallTime reached = until;
      each([&](std::uint32_t /*rule*/, const RuleTerms& terms, Rank /*rank*/) {
        if (!conditions().has_logins(terms)) until = std::max(until, conditions().applies_until(terms, until));
      });
      further = until > reached && until - asked_.question.time < schedule_sight;
    }
    return until;
  }

  // When the first rule begins, where none applies now.
  [[nodiscard]] WallTime next() const {
    WallTime next = WallTime::max();
    each([&](std::uint32_t /*rule*/, const RuleTerms& terms, Rank /*rank*/) {
      next = std::min(next, conditions().next_application(terms, asked_.question.time));
    });
    return next;
  }

 private:
  [[nodiscard]] const Conditions& conditions() const { return asked_.policy.conditions(); }

  // visit(rule, terms, rank) for the rules that fit in all but time.
  template <typename Visit>
  void each(Visit&& visit) const {
    for (const auto& list : lists_.all()) {
      for (std::uint32_t i = 0; i < list.count; ++i) {
        const auto& terms = list.terms[i];
        if (!terms.allows(asked_.service.protocol)) continue;
        if (!conditions().source_fits(terms, asked_.question.source)) continue;
        // A rule about logins says nothing before the login is known.
        if (conditions().has_logins(terms) &&
            (!asked_.question.login || !conditions().login_fits(terms, *asked_.question.login))) {
          continue;
        }
        visit(list.first + i, terms, list.rank);
      }
    }
  }

  const Case& asked_;
  RuleLists lists_;
};

}  // namespace

bool judge_denials(const Case& asked, Decision& decision, WallTime& next) {
  const Denials denials(asked);
  const auto rule = denials.applying();
  if (!rule) {
    next = denials.next();
    asked.way.step("denial", true, [&] {
      return next == WallTime::max() ? std::string("no rule denies it")
                                     : "no rule denies it before " + format_time(next);
    });
    return false;
  }
  const auto& denial = asked.policy.denial(*rule);
  const auto until = unless_never(denials.until());
  asked.way.step("denial", false, [&] {
    std::string text = "rule " + denial.name + " denies it";
    if (!until || *until > asked.question.time) text += " " + until_text(until);
    if (!denial.spec->reason.empty()) text += " (" + denial.spec->reason + ")";
    return text;
  });
  deny(decision, Reason::denied_by_rule, until);
  decision.denial = &denial;
  return true;
}

}  // namespace gatehouse::policy
