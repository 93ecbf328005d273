#include "policy/rules.h"

#include <algorithm>
#include <span>
#include <stdexcept>

#include "policy/address_mask.h"

namespace gatehouse::policy {

Conditions::Conditions(const Document& document) {
  for (const auto& [name, schedule] : document.schedules) {
    auto zone = Zone::find(schedule.zone);
    // It was there when the policy was loaded: who took it away must not get a policy without its schedules.
    if (!zone) throw std::runtime_error("schedule " + name + ": " + zone.error().text());
    by_name_.emplace(name, CompiledSchedule(std::move(*zone), schedule.rules));
  }
}

bool Conditions::source_fits(const RuleTerms& terms, const Address& source) const {
  if (terms.conditions == 0) return true;
  const auto& [first, count] = conditions_[terms.conditions].sources;
  const std::span<const Prefix> sources(sources_.data() + first, count);
  return sources.empty() || std::any_of(sources.begin(), sources.end(), [&](const Prefix& network) {
           return masked(source, network.length) == network.address;
         });
}

bool Conditions::has_logins(const RuleTerms& terms) const {
  return terms.conditions != 0 && conditions_[terms.conditions].logins.count > 0;
}

bool Conditions::login_fits(const RuleTerms& terms, std::string_view login) const {
  if (!has_logins(terms)) return true;
  const auto& [first, count] = conditions_[terms.conditions].logins;
  const std::span<const std::string> logins(logins_.data() + first, count);
  // As Windows compares them; of letters beyond ASCII the case counts.
  const auto small = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::any_of(
      logins, [&](const std::string& each) { return std::ranges::equal(each, login, {}, small, small); });
}

bool Conditions::has_schedules(const RuleTerms& terms) const {
  return terms.conditions != 0 && conditions_[terms.conditions].schedules.count > 0;
}

std::optional<std::uint32_t> Conditions::session_limit(const RuleTerms& terms) const {
  return terms.conditions == 0 ? std::nullopt : conditions_[terms.conditions].session_limit;
}

std::optional<Duration> Conditions::idle_timeout(const RuleTerms& terms) const {
  return terms.conditions == 0 ? std::nullopt : conditions_[terms.conditions].idle_timeout;
}

std::span<const CompiledSchedule* const> Conditions::schedules_of(const RuleTerms& terms) const {
  const auto& [first, count] = conditions_[terms.conditions].schedules;
  return {schedules_.data() + first, count};
}

bool Conditions::open(const RuleTerms& terms, WallTime time) const {
  if (!has_schedules(terms)) return true;
  const auto schedules = schedules_of(terms);
  return std::any_of(schedules.begin(), schedules.end(),
                     [&](const CompiledSchedule* schedule) { return schedule->open(time); });
}

WallTime Conditions::applies_until(const RuleTerms& terms, WallTime time) const {
  if (!terms.active || time < terms.start || terms.end <= time) return time;
  if (!has_schedules(terms)) return terms.end;
  const auto schedules = schedules_of(terms);
  WallTime until = time;
  // One schedule may go on where another closes.
  for (bool further = true; further && until < terms.end && until - time < schedule_sight;) {
    const WallTime reached = until;
    for (const auto* schedule : schedules) {
      if (until < terms.end) until = schedule->open_until(until);
    }
    further = schedules.size() > 1 && until > reached;
  }
  return std::min(until, terms.end);
}

WallTime Conditions::next_application(const RuleTerms& terms, WallTime time) const {
  if (!terms.active || terms.end <= time) return WallTime::max();
  if (!has_schedules(terms)) return terms.start > time ? terms.start : WallTime::max();
  if (terms.start > time && open(terms, terms.start)) return terms.start;
  const WallTime from = std::max(time, terms.start);
  WallTime next = WallTime::max();
  for (const auto* schedule : schedules_of(terms)) {
    if (!schedule->always_open()) next = std::min(next, schedule->next_opening(from));
  }
  return next < terms.end ? next : WallTime::max();
}

}  // namespace gatehouse::policy
