#include <algorithm>
#include <vector>

#include "policy/judgement.h"

namespace gatehouse::policy {
namespace {

// What a grant lacks first, in the order in which it is asked.
enum class Lacks : std::uint8_t { protocol, source, active, period, schedule, login, sessions, nothing };

// A grant to a user himself that matches in all before the schedule puts grants to his groups aside, also where its own
// schedule or logins then deny.
bool matches(Lacks lacks) {
  return lacks > Lacks::period;
}

Reason reason_for(Lacks lacks, bool begins_later) {
  switch (lacks) {
    case Lacks::protocol:
      return Reason::protocol_not_allowed;
    case Lacks::source:
      return Reason::wrong_source_ip;
    case Lacks::active:
      return Reason::access_revoked;
    case Lacks::period:
      return begins_later ? Reason::not_yet_valid : Reason::policy_expired;
    case Lacks::schedule:
      return Reason::outside_schedule;
    case Lacks::login:
      return Reason::login_not_allowed;
    case Lacks::sessions:
      return Reason::session_limit;
    case Lacks::nothing:
      break;
  }
  return Reason::internal_error;
}

struct Candidate {
  const RuleTerms* terms = nullptr;
  std::uint32_t rule = 0;
  Standing standing;
  bool direct = false;
  Lacks lacks = Lacks::protocol;
};

class Grants {
 public:
  explicit Grants(const Case& asked) : asked_(asked) {
    asked.policy.grants().find({asked.source.index, asked.service.service_index, asked.service.server_index,
                                asked.source.more_grants, asked.service.more_grants},
                               lists_);
  }

  void judge(Decision& decision, WallTime latest);

 private:
  // How those of one class (to the user, to his groups) stand.
  struct Class {
    bool any = false;
    bool matched = false;
    bool begins_later = false;
    bool allows = false;
    Lacks furthest = Lacks::protocol;
    Candidate best;  // of those that allow
  };

  [[nodiscard]] WallTime now() const { return asked_.question.time; }
  [[nodiscard]] const Conditions& conditions() const { return asked_.policy.conditions(); }

  template <typename Visit>
  void each(Visit&& visit) const {
    for (const auto& list : lists_.all()) {
      for (std::uint32_t i = 0; i < list.count; ++i) visit(list.first + i, list.terms[i], list);
    }
  }

  [[nodiscard]] bool fits(const RuleTerms& terms) const {
    return terms.allows(asked_.service.protocol) && terms.active &&
           conditions().source_fits(terms, asked_.question.source);
  }
  [[nodiscard]] bool login_fits(const RuleTerms& terms) const {
    return !asked_.question.login || conditions().login_fits(terms, *asked_.question.login);
  }
  [[nodiscard]] bool sessions_fit(const RuleTerms& terms) const {
    if (!asked_.question.open_sessions) return true;
    const auto limit = conditions().session_limit(terms);
    return !limit || *asked_.question.open_sessions < *limit;
  }

  [[nodiscard]] Lacks lacks_of(const RuleTerms& terms) const {
    if (!terms.allows(asked_.service.protocol)) return Lacks::protocol;
    if (!conditions().source_fits(terms, asked_.question.source)) return Lacks::source;
    if (!terms.active) return Lacks::active;
    if (now() < terms.start || terms.end <= now()) return Lacks::period;
    if (!conditions().open(terms, now())) return Lacks::schedule;
    if (!login_fits(terms)) return Lacks::login;
    return sessions_fit(terms) ? Lacks::nothing : Lacks::sessions;
  }

  void look();
  [[nodiscard]] WallTime allowed_until() const;
  [[nodiscard]] WallTime denied_until() const;
  void explain(const Class& deciding) const;
  [[nodiscard]] std::string finding_on(const Candidate& candidate, const Class& deciding) const;

  const Case& asked_;
  RuleLists lists_;
  Class of_groups_;
  Class direct_;
};

void Grants::look() {
  each([&](std::uint32_t rule, const RuleTerms& terms, const RuleList& list) {
    auto& of = list.direct ? direct_ : of_groups_;
    of.any = true;
    if (!list.direct && direct_.matched) return;  // the direct ones came first, and are what counts
    const Lacks lacks = lacks_of(terms);
    of.matched = of.matched || matches(lacks);
    of.furthest = std::max(of.furthest, lacks);
    of.begins_later = of.begins_later || (lacks == Lacks::period && terms.start > now());
    if (lacks != Lacks::nothing) return;
    const Candidate candidate{&terms, rule, {list.rank, terms.end, terms.by_name}, list.direct, lacks};
    if (!of.allows || candidate.standing.before(of.best.standing)) of.best = candidate;
    of.allows = true;
  });
}

// Steps from one end to the next as long as a grant that counts then goes on.
WallTime Grants::allowed_until() const {
  constexpr int most_steps = 1000;
  WallTime until = now();
  for (int step = 0; step < most_steps; ++step) {
    bool directly = false;
    WallTime next_direct = WallTime::max();
    WallTime by_direct = until;
    WallTime by_groups = until;
    const bool in_sight = until - now() < schedule_sight;
    each([&](std::uint32_t /*rule*/, const RuleTerms& terms, const RuleList& list) {
      if (terms.end <= until || !fits(terms)) return;
      if (terms.start > until) {
        if (list.direct) next_direct = std::min(next_direct, terms.start);
        return;
      }
      directly = directly || list.direct;
      if (!login_fits(terms) || !sessions_fit(terms) || (!in_sight && conditions().has_schedules(terms))) return;
      auto& reached = list.direct ? by_direct : by_groups;
      if (terms.end > reached) reached = std::max(reached, conditions().applies_until(terms, until));
    });
    const WallTime next = directly ? by_direct : std::min(by_groups, next_direct);
    if (next <= until) break;
    until = next;
    if (until == WallTime::max()) break;
  }
  return until;
}

// Nothing is allowed before some grant begins to apply, or a direct one that puts others aside ends.
WallTime Grants::denied_until() const {
  WallTime until = WallTime::max();
  each([&](std::uint32_t /*rule*/, const RuleTerms& terms, const RuleList& list) {
    if (!fits(terms)) return;
    until = std::min(until, conditions().next_application(terms, now()));
    if (list.direct && of_groups_.any && terms.end > now()) until = std::min(until, terms.end);
  });
  return until;
}

void Grants::judge(Decision& decision, WallTime latest) {
  look();
  if (!direct_.any && !of_groups_.any) {
    asked_.way.step("grant", false, [&] {
      return "no grant lets " + asked_.source.user->name + " reach " + asked_.service.server->name;
    });
    deny(decision, Reason::no_matching_policy);
    return;
  }
  const Class& deciding = direct_.matched || !of_groups_.any ? direct_ : of_groups_;
  if (asked_.way.is_traced()) explain(deciding);
  if (!deciding.allows) {
    const bool both = !direct_.matched && !of_groups_.matched;
    const Lacks furthest = both ? std::max(direct_.furthest, of_groups_.furthest) : deciding.furthest;
    const Reason reason = reason_for(furthest, direct_.begins_later || of_groups_.begins_later);
    const bool may_change_at_any_time = furthest == Lacks::login || furthest == Lacks::sessions;
    deny(decision, reason, may_change_at_any_time ? now() : unless_never(denied_until()));
    return;
  }
  const auto& terms = *deciding.best.terms;
  decision.allowed = true;
  decision.reason = Reason::allowed;
  decision.grant = &asked_.policy.grant(deciding.best.rule);
  decision.holds_until = unless_never(std::min(allowed_until(), latest));
  decision.grant_until = unless_never(std::min(conditions().applies_until(terms, now()), latest));
  decision.idle_timeout = conditions().idle_timeout(terms);
  decision.recording = terms.recording;
  decision.channels = terms.channels;
  decision.dynamic_channels = decision.grant->spec->dynamic_channels;
}

void Grants::explain(const Class& deciding) const {
  std::vector<Candidate> all;
  each([&](std::uint32_t rule, const RuleTerms& terms, const RuleList& list) {
    all.push_back({&terms, rule, {list.rank, terms.end, terms.by_name}, list.direct, lacks_of(terms)});
  });
  std::stable_sort(all.begin(), all.end(), [](const Candidate& a, const Candidate& b) {
    return a.direct != b.direct ? a.direct : a.standing.before(b.standing);
  });
  // The one that decides stands last.
  if (deciding.allows) {
    std::stable_partition(all.begin(), all.end(),
                          [&](const Candidate& candidate) { return candidate.rule != deciding.best.rule; });
  }
  for (const auto& candidate : all) {
    const bool aside = !candidate.direct && direct_.matched;
    asked_.way.step("grant", candidate.lacks == Lacks::nothing && !aside,
                    [&] { return finding_on(candidate, deciding); });
  }
}

std::string Grants::finding_on(const Candidate& candidate, const Class& deciding) const {
  const auto& grant = asked_.policy.grant(candidate.rule);
  const auto& terms = *candidate.terms;
  const std::string& protocol = asked_.service.service->spec.protocol;
  const std::string name = "grant " + grant.name;
  if (!candidate.direct && direct_.matched) {
    return name + " to group " + grant.spec->user_group + " does not count: a grant to " + asked_.source.user->name +
           " matches";
  }
  switch (candidate.lacks) {
    case Lacks::protocol:
      return name + " is for " + grant.spec->protocol + ", not for " + protocol;
    case Lacks::source:
      return name + " is not for connections from " + asked_.question.source.text();
    case Lacks::active:
      return name + " is revoked";
    case Lacks::period:
      return terms.start > now() ? name + " begins " + format_time(terms.start)
                                 : name + " ended " + format_time(terms.end);
    case Lacks::schedule:
      return name + " is closed by its schedules, not to open before " +
             format_time(std::min(conditions().next_application(terms, now()), terms.end));
    case Lacks::login:
      return name + " does not allow the login " + std::string(*asked_.question.login);
    case Lacks::sessions:
      return name + " allows " + std::to_string(*conditions().session_limit(terms)) + " sessions, " +
             std::to_string(*asked_.question.open_sessions) + " are open";
    case Lacks::nothing:
      break;
  }
  std::string text = name + " allows " + protocol + " ";
  const auto until = conditions().applies_until(terms, now());
  if (until < terms.end) text += "by its schedules until " + format_time(until) + ", and as a whole ";
  text += until_text(unless_never(terms.end));
  const auto& best = deciding.best;
  if (candidate.rule == best.rule) return text;
  if (candidate.standing.rank != best.standing.rank) return text + ", but another is for less than this one";
  if (candidate.standing.end != best.standing.end) return text + ", but another ends later";
  return text + ", but another comes first by name";
}

}  // namespace

void judge_grants(const Case& asked, Decision& decision, WallTime latest) {
  Grants(asked).judge(decision, latest);
}

}  // namespace gatehouse::policy
