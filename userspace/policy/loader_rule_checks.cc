#include <algorithm>
#include <set>
#include <unordered_set>

#include "policy/loader_draft.h"
#include "policy/prefix_map.h"

namespace gatehouse::policy {
namespace {

class RuleChecker {
 public:
  RuleChecker(const Draft& draft, Issues& issues) : draft_(&draft), document_(&draft.document), issues_(&issues) {}

  void groups() {
    check_groups(document_->user_groups, draft_->user_groups, "user group", [&](const Origin& origin, auto& who) {
      names(origin, who, "users", document_->users, "user", "users");
      names(origin, who, "groups", document_->user_groups, "user group", "user_groups");
    });
    check_groups(document_->server_groups, draft_->server_groups, "server group", [&](const Origin& origin, auto& who) {
      names(origin, who, "servers", document_->servers, "server", "servers");
      names(origin, who, "groups", document_->server_groups, "server group", "server_groups");
    });
  }

  void maintenance() {
    for (const auto& [name, maintenance] : document_->maintenance) {
      const Origin& origin = draft_->maintenance.at(name);
      const std::string who = "maintenance " + name;
      one_of(origin, who, {"gate", "server", "server_group"}, true);
      named(origin, who, "server", maintenance.server, document_->servers, "server", "servers");
      named(origin, who, "server_group", maintenance.server_group, document_->server_groups, "server group",
            "server_groups");
      names(origin, who, "exempt_users", document_->users, "user", "users");
      names(origin, who, "exempt_user_groups", document_->user_groups, "user group", "user_groups");
      if (origin.has_read("start") && origin.has_read("end")) {
        period(origin, who, maintenance.start, maintenance.end, "the end is the first moment after it");
      }
    }
  }

  void grants() {
    for (const auto& [name, grant] : document_->grants) {
      const Origin& origin = draft_->grants.at(name);
      const std::string who = "grant " + name;
      one_of(origin, who, {"user", "user_group"}, true);
      one_of(origin, who, {"server", "server_group", "service"}, true);
      rule(origin, who, grant);
      if (grant.start && grant.end) {
        period(origin, who, *grant.start, *grant.end, "the end is the first moment without access");
      }
    }
  }

  void denials() {
    for (const auto& [name, denial] : document_->denials) {
      const Origin& origin = draft_->denials.at(name);
      const std::string who = "denial " + name;
      one_of(origin, who, {"user", "user_group"}, false);
      one_of(origin, who, {"server", "server_group", "service"}, false);
      const auto& lines = origin.written;
      const bool restricted = std::any_of(lines.begin(), lines.end(), [](std::string_view key) {
        return key != "start" && key != "end" && key != "schedules" && key != "reason";
      });
      if (!restricted) {
        report(origin.place, who + " would deny everything to everybody",
               "name whom or what it is for, or write a maintenance of the gate");
      }
      rule(origin, who, denial);
      if (denial.start && denial.end) {
        period(origin, who, *denial.start, *denial.end, "the end is the first moment at which it no longer denies");
      }
    }
  }

 private:
  template <typename Rule>
  void rule(const Origin& origin, const std::string& who, const Rule& rule) {
    named(origin, who, "user", rule.user, document_->users, "user", "users");
    named(origin, who, "user_group", rule.user_group, document_->user_groups, "user group", "user_groups");
    named(origin, who, "server", rule.server, document_->servers, "server", "servers");
    named(origin, who, "server_group", rule.server_group, document_->server_groups, "server group", "server_groups");
    named(origin, who, "service", rule.service, document_->services, "service", "services");
    names(origin, who, "schedules", document_->schedules, "schedule", "schedules");
    repeated(origin, who, "logins");
    for (std::size_t i = 1; i < rule.sources.size(); ++i) {
      if (rule.sources[i] == rule.sources[i - 1]) {
        report(origin, "sources", who + ": source " + rule.sources[i].text() + " comes twice", "keep one of them");
      }
    }
  }

  // Exactly one of the keys (or at most one, where none need be there).
  void one_of(const Origin& origin, const std::string& who, std::initializer_list<std::string_view> keys,
              bool required) {
    std::string list;
    std::vector<std::string_view> written;
    for (const auto key : keys) {
      list += (list.empty() ? "'" : key == *(keys.end() - 1) ? " or '" : ", '") + std::string(key) + "'";
      if (origin.has_written(key)) written.push_back(key);
    }
    if (written.empty() && required) report(origin.place, who + " has no " + list, "add one of them");
    if (written.size() > 1) {
      report(origin, written.back(),
             who + " has both '" + std::string(written.front()) + "' and '" + std::string(written.back()) + "'",
             "keep one of them; write an entry of its own for the other");
    }
  }

  template <typename Things>
  void named(const Origin& origin, const std::string& who, std::string_view key, const std::string& name,
             const Things& things, const std::string& word, const std::string& section) {
    if (origin.has_read(key) && !things.contains(name)) {
      dangling(Place{origin.place.file, origin.line_of(key)}, who, word, name, section);
    }
  }

  template <typename Things>
  void names(const Origin& origin, const std::string& who, std::string_view key, const Things& things,
             const std::string& word, const std::string& section) {
    repeated(origin, who, key);
    for (const auto& entry : origin.words) {
      if (entry.key == key && !things.contains(entry.text)) {
        dangling(Place{origin.place.file, entry.line}, who, word, entry.text, section);
      }
    }
  }

  void repeated(const Origin& origin, const std::string& who, std::string_view key) {
    std::unordered_set<std::string_view> seen;
    for (const auto& entry : origin.words) {
      if (entry.key == key && !seen.insert(entry.text).second) {
        report(Place{origin.place.file, entry.line},
               who + ", " + std::string(key) + ": '" + entry.text + "' comes twice", "keep one of them");
      }
    }
  }

  template <typename Group, typename CheckNames>
  void check_groups(const std::map<std::string, Group>& groups, const std::map<std::string, Origin>& origins,
                    const std::string& word, CheckNames&& check_names) {
    for (const auto& [name, group] : groups) {
      std::string who = word;
      who.append(" ").append(name);
      check_names(origins.at(name), who);
    }
    cycles(groups, origins, word);
  }

  // Takes away, again and again, the groups in which no other group is left: what stays are cycles, and what leads
  // to them.
  template <typename Group>
  void cycles(const std::map<std::string, Group>& groups, const std::map<std::string, Origin>& origins,
              const std::string& word) {
    std::map<std::string_view, std::size_t> left;
    std::map<std::string_view, std::vector<std::string_view>> above;
    std::vector<std::string_view> free;
    for (const auto& [name, group] : groups) {
      std::size_t below = 0;
      for (const auto& part : group.groups) {
        if (!groups.contains(part)) continue;
        ++below;
        above[part].push_back(name);
      }
      left[name] = below;
      if (below == 0) free.push_back(name);
    }
    while (!free.empty()) {
      const auto name = free.back();
      free.pop_back();
      left.erase(name);
      for (const auto holder : above[name]) {
        if (--left[holder] == 0) free.push_back(holder);
      }
    }
    while (!left.empty()) report_cycle(groups, origins, word, left);
  }

  // Follows groups that are left until one comes again; takes the way out of `left`, so that each cycle is told once.
  template <typename Group>
  void report_cycle(const std::map<std::string, Group>& groups, const std::map<std::string, Origin>& origins,
                    const std::string& word, std::map<std::string_view, std::size_t>& left) {
    std::vector<std::string_view> way;
    std::set<std::string_view> seen;
    for (std::string_view name = left.begin()->first; seen.insert(name).second;) {
      way.push_back(name);
      const auto& parts = groups.find(std::string(name))->second.groups;
      const auto next = std::find_if(parts.begin(), parts.end(),
                                     [&](const auto& part) { return left.contains(part) || seen.contains(part); });
      if (next == parts.end()) break;  // led to a cycle that has been told
      name = *next;
      if (!seen.contains(name)) continue;
      std::string text = word;
      text.append(" ").append(name).append(" is part of itself: ");
      for (auto at = std::find(way.begin(), way.end(), name); at != way.end(); ++at) text.append(*at).append(" > ");
      text.append(name);
      const Origin& origin = origins.at(std::string(name));
      report(origin, "groups", std::move(text), "take one of these groups out of the other");
    }
    for (const auto name : way) left.erase(name);
  }

  void period(const Origin& origin, const std::string& who, WallTime start, WallTime end, const std::string& why) {
    if (end > start) return;
    report(origin, "end", who + " ends " + format_time(end) + ", not after its start " + format_time(start),
           why + "; write a later one");
  }
  void dangling(const Place& place, const std::string& who, const std::string& word, const std::string& missing,
                const std::string& section) {
    report(place, who + ": there is no " + word + " '" + missing + "'",
           "add it under " + section + ", or correct the name");
  }
  void report(const Place& place, std::string what, std::string mend) {
    issues_->add(*place.file, place.line, std::move(what), std::move(mend));
  }
  void report(const Origin& origin, std::string_view key, std::string what, std::string mend) {
    report(Place{origin.place.file, origin.line_of(key)}, std::move(what), std::move(mend));
  }

  const Draft* draft_;
  const Document* document_;
  Issues* issues_;
};

}  // namespace

void check_rules(const Draft& draft, Issues& issues) {
  RuleChecker checker(draft, issues);
  checker.groups();
  checker.maintenance();
  checker.grants();
  checker.denials();
}

}  // namespace gatehouse::policy
