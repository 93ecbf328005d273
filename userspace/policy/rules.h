// What decides about a grant or a denial, without its text: where and when it applies. The conditions that few rules
// have lie apart, so that what most connections read stays small.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "policy/document.h"
#include "policy/schedule.h"

namespace gatehouse::policy {

// A protocol's number within one policy: equal numbers are equal words.
using ProtocolId = std::uint32_t;
inline constexpr ProtocolId any_protocol = 0;

struct RuleTerms {
  ProtocolId protocol = any_protocol;
  std::uint32_t conditions = 0;  // index in Conditions; 0: none
  WallTime start = WallTime::min();
  WallTime end = WallTime::max();  // half-open; max: none
  std::uint32_t by_name = 0;       // its place among all rules of its kind, by name
  Channels channels = 0;
  bool active = true;
  Recording recording = Recording::as_configured;

  [[nodiscard]] bool allows(ProtocolId id) const { return protocol == any_protocol || protocol == id; }
};

class Conditions {
 public:
  explicit Conditions(const Document& document);

  // The index for a rule with these; 0 where it has none.
  template <typename Rule>
  std::uint32_t add(const Rule& rule) {
    Condition condition;
    condition.sources = append(sources_, rule.sources);
    condition.schedules.first = static_cast<std::uint32_t>(schedules_.size());
    for (const auto& name : rule.schedules) schedules_.push_back(&by_name_.at(name));
    condition.schedules.count = static_cast<std::uint32_t>(rule.schedules.size());
    condition.logins = append(logins_, rule.logins);
    if constexpr (requires { rule.session_limit; }) {
      condition.session_limit = rule.session_limit;
      condition.idle_timeout = rule.idle_timeout;
    }
    if (condition.none()) return 0;
    conditions_.push_back(condition);
    return static_cast<std::uint32_t>(conditions_.size() - 1);
  }

  [[nodiscard]] bool source_fits(const RuleTerms& terms, const Address& source) const;
  [[nodiscard]] bool has_logins(const RuleTerms& terms) const;
  [[nodiscard]] bool login_fits(const RuleTerms& terms, std::string_view login) const;
  [[nodiscard]] bool has_schedules(const RuleTerms& terms) const;
  [[nodiscard]] std::optional<std::uint32_t> session_limit(const RuleTerms& terms) const;
  [[nodiscard]] std::optional<Duration> idle_timeout(const RuleTerms& terms) const;

  // Whether its schedules are open; without any: always.
  [[nodiscard]] bool open(const RuleTerms& terms, WallTime time) const;
  // Up to when the rule applies without a gap, by its period and its schedules; `time` where it does not apply then.
  [[nodiscard]] WallTime applies_until(const RuleTerms& terms, WallTime time) const;
  // The first moment after `time` at which it begins to apply (or a schedule of it opens anew), or up to which is known
  // that it does not; max: never.
  [[nodiscard]] WallTime next_application(const RuleTerms& terms, WallTime time) const;

 private:
  struct Range {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };
  struct Condition {
    Range sources;
    Range schedules;
    Range logins;
    std::optional<std::uint32_t> session_limit;
    std::optional<Duration> idle_timeout;

    [[nodiscard]] bool none() const {
      return sources.count + schedules.count + logins.count == 0 && !session_limit && !idle_timeout;
    }
  };
  template <typename Thing>
  static Range append(std::vector<Thing>& all, const std::vector<Thing>& some) {
    const Range range{static_cast<std::uint32_t>(all.size()), static_cast<std::uint32_t>(some.size())};
    all.insert(all.end(), some.begin(), some.end());
    return range;
  }
  [[nodiscard]] std::span<const CompiledSchedule* const> schedules_of(const RuleTerms& terms) const;

  std::map<std::string, CompiledSchedule> by_name_;
  std::vector<Condition> conditions_{Condition{}};  // the first is that of rules without any
  std::vector<Prefix> sources_;
  std::vector<const CompiledSchedule*> schedules_;
  std::vector<std::string> logins_;
};

}  // namespace gatehouse::policy
