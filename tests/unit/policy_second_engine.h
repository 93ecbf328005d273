// A second decision engine for the tests: as slow and as obvious as it can be. It reads the document as people do, rule
// by rule, asks the time zone library at each step, keeps nothing, and judges one moment at a time.
#pragma once

#include <date/tz.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "policy/engine.h"

namespace gatehouse::policy {

class SecondEngine {
 public:
  SecondEngine(const Document& document, const std::vector<Ban>& bans, const std::vector<NameBan>& name_bans)
      : document_(document), bans_(bans), name_bans_(name_bans) {}

  struct Answer {
    Reason reason = Reason::internal_error;
    std::string named;  // the grant, denial or maintenance
    [[nodiscard]] bool allowed() const { return reason == Reason::allowed; }
  };

  [[nodiscard]] Answer decide(const Question& question) const {
    for (const auto& ban : bans_) {
      if (ban.network.contains(question.source) && (!ban.expires || question.time < *ban.expires)) {
        return {Reason::banned_source, ""};
      }
    }
    const std::string service = service_at(question);
    const std::string user = user_at(question.source);
    if (is_banned(Subject::user, user, question.time)) return {Reason::banned_user, ""};
    if (!service.empty() && is_banned(Subject::server, document_.services.at(service).server, question.time)) {
      return {Reason::banned_backend, ""};
    }
    const bool ended =
        !service.empty() && document_.services.at(service).until.value_or(WallTime::max()) <= question.time;
    if (service.empty() || ended || !document_.servers.at(document_.services.at(service).server).active) {
      return {Reason::server_not_found, ""};
    }
    if (user.empty()) return {Reason::unknown_source_ip, ""};
    if (!document_.users.at(user).active) return {Reason::user_inactive, ""};
    if (const auto away = maintenance(question, user, service)) return *away;
    if (const auto denial = denied_by(question, user, service)) return {Reason::denied_by_rule, *denial};
    return judge_grants(question, user, service);
  }

  // The furthest that the clock on the wall has shown up to a moment.
  static std::chrono::milliseconds clock(const std::string& zone, WallTime time) {
    const auto* place = date::locate_zone(zone);
    const auto info = place->get_info(std::chrono::floor<std::chrono::seconds>(time));
    const auto shown = time.time_since_epoch() + info.offset;
    const auto before = place->get_info(info.begin - std::chrono::seconds(1));
    const auto shown_before =
        std::chrono::milliseconds(info.begin.time_since_epoch() + before.offset) - std::chrono::milliseconds(1);
    return std::max<std::chrono::milliseconds>(shown, shown_before);
  }

  [[nodiscard]] static bool open(const Schedule& schedule, WallTime time) {
    const auto now = clock(schedule.zone, time);
    const auto today = std::chrono::floor<std::chrono::days>(now);
    const auto minutes = now - today;
    return std::any_of(schedule.rules.begin(), schedule.rules.end(), [&](const ScheduleRule& rule) {
      const auto from = std::chrono::minutes(rule.from);
      const auto to = std::chrono::minutes(rule.to);
      if (from < to) return is_day(rule, today) && from <= minutes && minutes < to;
      return (is_day(rule, today) && from <= minutes) || (is_day(rule, today - std::chrono::days(1)) && minutes < to);
    });
  }

 private:
  static bool is_day(const ScheduleRule& rule, std::chrono::days since_1970) {
    const std::chrono::sys_days day(since_1970);
    const std::chrono::year_month_day date(day);
    return (rule.weekdays >> (std::chrono::weekday(day).iso_encoding() - 1) & 1U) != 0 &&
           (rule.days >> static_cast<unsigned>(date.day()) & 1U) != 0 &&
           (rule.months >> static_cast<unsigned>(date.month()) & 1U) != 0;
  }

  [[nodiscard]] bool is_banned(Subject subject, const std::string& name, WallTime time) const {
    return std::any_of(name_bans_.begin(), name_bans_.end(), [&](const NameBan& ban) {
      return ban.subject == subject && ban.name == name && (!ban.expires || time < *ban.expires);
    });
  }

  [[nodiscard]] std::string service_at(const Question& question) const {
    for (const auto& [name, service] : document_.services) {
      if (service.proxy_ip == question.destination && service.port == question.port) return name;
    }
    return {};
  }

  [[nodiscard]] std::string user_at(const Address& source) const {
    std::string found;
    int longest = -1;
    for (const auto& [name, user] : document_.users) {
      for (const auto& network : user.sources) {
        if (!network.contains(source) || network.length <= longest) continue;
        longest = network.length;
        found = name;
      }
    }
    return found;
  }

  // How many levels up the group is; -1: the name is not in it.
  [[nodiscard]] int distance(const std::map<std::string, UserGroup>& groups, const std::string& group,
                             const std::string& name) const {
    return distance_in(groups, group, name, groups.at(group).users);
  }
  [[nodiscard]] int distance(const std::map<std::string, ServerGroup>& groups, const std::string& group,
                             const std::string& name) const {
    return distance_in(groups, group, name, groups.at(group).servers);
  }
  template <typename Group>
  [[nodiscard]] int distance_in(const std::map<std::string, Group>& groups, const std::string& group,
                                const std::string& name, const std::vector<std::string>& members) const {
    if (std::find(members.begin(), members.end(), name) != members.end()) return 0;
    int best = -1;
    for (const auto& below : groups.at(group).groups) {
      const int further = distance(groups, below, name);
      if (further >= 0 && (best < 0 || further + 1 < best)) best = further + 1;
    }
    return best;
  }

  [[nodiscard]] bool in_user_group(const std::string& group, const std::string& user) const {
    return distance(document_.user_groups, group, user) >= 0;
  }

  template <typename Rule>
  [[nodiscard]] bool is_for_user(const Rule& rule, const std::string& user) const {
    if (!rule.user.empty()) return rule.user == user;
    return rule.user_group.empty() || in_user_group(rule.user_group, user);
  }

  // The less, the more specific; -1: not for this service.
  template <typename Rule>
  [[nodiscard]] int rank(const Rule& rule, const std::string& service) const {
    const std::string& server = document_.services.at(service).server;
    if (!rule.service.empty()) return rule.service == service ? 0 : -1;
    if (!rule.server.empty()) return rule.server == server ? 1 : -1;
    if (rule.server_group.empty()) return 1'000'000;
    const int levels = distance(document_.server_groups, rule.server_group, server);
    return levels < 0 ? -1 : levels + 2;
  }

  template <typename Rule>
  [[nodiscard]] static bool has_source(const Rule& rule, const Address& source) {
    return rule.sources.empty() || std::any_of(rule.sources.begin(), rule.sources.end(),
                                               [&](const Prefix& network) { return network.contains(source); });
  }
  template <typename Rule>
  [[nodiscard]] static bool is_in_period(const Rule& rule, WallTime time) {
    return (!rule.start || *rule.start <= time) && (!rule.end || time < *rule.end);
  }
  template <typename Rule>
  [[nodiscard]] bool is_open(const Rule& rule, WallTime time) const {
    return rule.schedules.empty() || std::any_of(rule.schedules.begin(), rule.schedules.end(), [&](const auto& name) {
             return open(document_.schedules.at(name), time);
           });
  }
  template <typename Rule>
  [[nodiscard]] static bool has_login(const Rule& rule, std::string_view login) {
    return std::find(rule.logins.begin(), rule.logins.end(), login) != rule.logins.end();
  }

  [[nodiscard]] std::optional<Answer> maintenance(const Question& question, const std::string& user,
                                                  const std::string& service) const {
    const std::string& server = document_.services.at(service).server;
    // The gate's before the server's, what has begun before its grace, then the latest end, then the name.
    struct Found {
      bool of_server;
      bool in_grace;
      std::int64_t ends_ago;
      std::string name;
      auto operator<=>(const Found&) const = default;
    };
    std::optional<Found> best;
    for (const auto& [name, one] : document_.maintenance) {
      const bool concerns =
          one.of_gate() || one.server == server ||
          (!one.server_group.empty() && distance(document_.server_groups, one.server_group, server) >= 0);
      const bool exempt = std::find(one.exempt_users.begin(), one.exempt_users.end(), user) != one.exempt_users.end() ||
                          std::any_of(one.exempt_user_groups.begin(), one.exempt_user_groups.end(),
                                      [&](const auto& group) { return in_user_group(group, user); });
      const bool begun = one.start <= question.time && question.time < one.end;
      const bool grace = !question.live && one.start - one.grace <= question.time && question.time < one.start;
      if (!concerns || exempt || (!begun && !grace)) continue;
      const Found found{!one.of_gate(), !begun, -one.end.time_since_epoch().count(), name};
      if (!best || found < *best) best = found;
    }
    if (!best) return std::nullopt;
    if (best->in_grace) return Answer{Reason::maintenance_grace_period, best->name};
    return Answer{best->of_server ? Reason::backend_maintenance : Reason::gate_maintenance, best->name};
  }

  // What makes one rule the one to be named: its rank, then its end, then its name.
  struct Order {
    int rank;
    std::int64_t ends_ago;
    std::string name;
    auto operator<=>(const Order&) const = default;
  };
  template <typename Rule>
  [[nodiscard]] Order order_of(const std::string& name, const Rule& rule, const std::string& service) const {
    const auto end = rule.end.value_or(WallTime::max());
    return {rank(rule, service), -end.time_since_epoch().count(), name};
  }

  [[nodiscard]] std::optional<std::string> denied_by(const Question& question, const std::string& user,
                                                     const std::string& service) const {
    std::set<Order> denials;
    for (const auto& [name, rule] : document_.denials) {
      const bool applies = is_for_user(rule, user) && rank(rule, service) >= 0 &&
                           (rule.protocol.empty() || rule.protocol == document_.services.at(service).protocol) &&
                           has_source(rule, question.source) && is_in_period(rule, question.time) &&
                           is_open(rule, question.time) &&
                           (rule.logins.empty() || (question.login && has_login(rule, *question.login)));
      if (applies) denials.insert(order_of(name, rule, service));
    }
    if (denials.empty()) return std::nullopt;
    return denials.begin()->name;
  }

  using Names = std::vector<std::string>;
  template <typename Keep>
  [[nodiscard]] Names those(const Names& names, Keep&& keep) const {
    Names kept;
    for (const auto& name : names) {
      if (keep(document_.grants.at(name))) kept.push_back(name);
    }
    return kept;
  }

  [[nodiscard]] Answer judge_grants(const Question& question, const std::string& user,
                                    const std::string& service) const {
    Names grants;
    for (const auto& [name, grant] : document_.grants) {
      if (is_for_user(grant, user) && rank(grant, service) >= 0) grants.push_back(name);
    }
    if (grants.empty()) return {Reason::no_matching_policy, ""};
    const std::string& protocol = document_.services.at(service).protocol;
    grants = those(grants, [&](const Grant& grant) { return grant.protocol.empty() || grant.protocol == protocol; });
    if (grants.empty()) return {Reason::protocol_not_allowed, ""};
    grants = those(grants, [&](const Grant& grant) { return has_source(grant, question.source); });
    if (grants.empty()) return {Reason::wrong_source_ip, ""};
    grants = those(grants, [](const Grant& grant) { return grant.active; });
    if (grants.empty()) return {Reason::access_revoked, ""};
    const auto matching = those(grants, [&](const Grant& grant) { return is_in_period(grant, question.time); });
    if (matching.empty()) {
      const auto later = those(grants, [&](const Grant& grant) { return grant.start && *grant.start > question.time; });
      return {later.empty() ? Reason::policy_expired : Reason::not_yet_valid, ""};
    }
    grants = those(matching, [&](const Grant& grant) { return grant.user == user; });
    if (grants.empty()) grants = matching;
    grants = those(grants, [&](const Grant& grant) { return is_open(grant, question.time); });
    if (grants.empty()) return {Reason::outside_schedule, ""};
    grants = those(grants, [&](const Grant& grant) {
      return grant.logins.empty() || !question.login || has_login(grant, *question.login);
    });
    if (grants.empty()) return {Reason::login_not_allowed, ""};
    grants = those(grants, [&](const Grant& grant) {
      return !grant.session_limit || !question.open_sessions || *question.open_sessions < *grant.session_limit;
    });
    if (grants.empty()) return {Reason::session_limit, ""};
    std::set<Order> order;
    for (const auto& name : grants) order.insert(order_of(name, document_.grants.at(name), service));
    return {Reason::allowed, order.begin()->name};
  }

  const Document& document_;
  const std::vector<Ban>& bans_;
  const std::vector<NameBan>& name_bans_;
};

}  // namespace gatehouse::policy
