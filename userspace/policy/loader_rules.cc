#include <algorithm>

#include "policy/loader_entry.h"
#include "policy/schedule_text.h"

namespace gatehouse::policy {
namespace {

constexpr Duration longest_grace = std::chrono::weeks(1);

Result<std::string> parse_zone(std::string_view text) {
  const auto zone = Zone::find(text);
  if (!zone) return std::unexpected(zone.error());
  return std::string(text);
}

// The days and the time of one rule; where a key was left out, all of them.
ScheduleRule read_rule(const std::string& file, const std::string& schedule, std::size_t number, const YAML::Node& node,
                       Issues& issues) {
  ScheduleRule rule;
  const std::string word = "schedule " + schedule + ", rule";
  Entry entry({&file, line_of(node)}, word, std::to_string(number), node, {"weekdays", "days", "months", "time"},
              issues);
  const auto add_to = [](auto& bits) { return [&bits](auto more, int /*line*/) { bits |= more; }; };
  if (entry.has("weekdays")) {
    rule.weekdays = 0;
    entry.each("weekdays", parse_weekdays, add_to(rule.weekdays));
  }
  if (entry.has("days")) {
    rule.days = 0;
    entry.each("days", parse_days, add_to(rule.days));
  }
  if (entry.has("months")) {
    rule.months = 0;
    entry.each("months", parse_months, add_to(rule.months));
  }
  DailyTime time{rule.from, rule.to};
  entry.parse("time", parse_daily_time, time);
  rule.from = time.from;
  rule.to = time.to;
  const auto unread = [&](std::string_view key) { return entry.has(key) && !entry.origin().has_read(key); };
  if (!unread("weekdays") && !unread("days") && !unread("months") && !rule.ever_open()) {
    issues.add(file, line_of(node), word + " " + std::to_string(number) + " never opens: no such day exists",
               "write a day of the month that one of its months has");
  }
  return rule;
}

Schedule read_schedule(Entry& entry, const std::string& file, const std::string& name, Issues& issues) {
  Schedule schedule;
  entry.read("description", schedule.description);
  if (entry.required("zone")) entry.parse("zone", parse_zone, schedule.zone);
  if (!entry.required("rules")) return schedule;
  const YAML::Node rules = entry.map().node("rules");
  if (!rules.IsSequence() || rules.size() == 0) {
    issues.add(file, entry.map().line_of("rules"), "schedule " + name + " has no rules: it would never open",
               "write a list like [{weekdays: [mon-fri], time: \"08:00-18:00\"}]");
    return schedule;
  }
  for (std::size_t i = 0; i < rules.size(); ++i) {
    schedule.rules.push_back(read_rule(file, name, i + 1, rules[i], issues));
  }
  return schedule;
}

Maintenance read_maintenance(Entry& entry) {
  Maintenance maintenance;
  bool gate = false;
  entry.read("gate", gate);
  entry.read("server", maintenance.server);
  entry.read("server_group", maintenance.server_group);
  if (entry.required("start")) entry.parse("start", parse_policy_time, maintenance.start);
  if (entry.required("end")) entry.parse("end", parse_policy_time, maintenance.end);
  entry.parse(
      "grace",
      [](std::string_view text) {
        return text == "0s" ? Result<Duration>(Duration::zero()) : parse_at_most(text, longest_grace);
      },
      maintenance.grace);
  entry.read("exempt_users", maintenance.exempt_users);
  entry.read("exempt_user_groups", maintenance.exempt_user_groups);
  entry.read("reason", maintenance.reason);
  if (entry.has("gate") && entry.origin().has_read("gate") && !gate) {
    entry.map().complain("gate", {"can only be true", "leave the key out and name a server or a server_group"});
  }
  return maintenance;
}

// An empty list of what a rule is restricted to could be read as "nothing" and as "anything".
void refuse_empty(const Entry& entry, std::string_view key) {
  if (!entry.has(key)) return;
  const YAML::Node node = entry.map().node(key);
  if (node.IsNull() || (node.IsSequence() && node.size() == 0)) {
    entry.map().complain(key, {"is empty", "name at least one, or leave the key out for no restriction"});
  }
}

// What grants and denials have in common.
template <typename Rule>
void read_common(Entry& entry, Rule& rule) {
  for (const auto* key : {"sources", "schedules", "logins"}) refuse_empty(entry, key);
  entry.read("user", rule.user);
  entry.read("user_group", rule.user_group);
  entry.read("server", rule.server);
  entry.read("server_group", rule.server_group);
  entry.read("service", rule.service);
  entry.parse("protocol", parse_protocol, rule.protocol);
  std::vector<std::pair<Prefix, int>> sources;
  entry.read("sources", sources);
  rule.sources = sorted(sources);
  entry.parse("start", parse_policy_time, rule.start);
  entry.parse("end", parse_policy_time, rule.end);
  entry.read("schedules", rule.schedules);
  entry.read("logins", rule.logins);
  entry.read("reason", rule.reason);
}

// How it was written before there was `recording`.
void read_record(Entry& entry, Grant& grant) {
  bool record = true;
  entry.read("record", record);
  if (entry.has("record") && entry.has("recording")) {
    entry.map().complain("record", {"stands beside recording", "keep recording alone"});
  } else if (!record) {
    grant.recording = Recording::off;
  }
}

Grant read_grant(Entry& entry) {
  Grant grant;
  read_common(entry, grant);
  entry.read("active", grant.active);
  entry.parse(
      "idle_timeout", [](std::string_view text) { return parse_at_most(text, longest_idle_timeout); },
      grant.idle_timeout);
  entry.parse("session_limit", parse_session_limit, grant.session_limit);
  entry.parse("recording", parse_recording, grant.recording);
  read_record(entry, grant);
  entry.each("channels", parse_channel, [&](Channels more, int /*line*/) { grant.channels |= more; });
  grant.channels = whole_channels(grant.channels);
  entry.each("dynamic_channels", parse_dynamic_channel,
             [&](std::string name, int /*line*/) { grant.dynamic_channels.push_back(std::move(name)); });
  std::ranges::sort(grant.dynamic_channels);
  const auto again = std::ranges::unique(grant.dynamic_channels);
  grant.dynamic_channels.erase(again.begin(), again.end());
  return grant;
}

}  // namespace

void read_rule_sections(const std::string& file, const StrictMap& root, Draft& draft, Issues& issues) {
  Document& document = draft.document;

  const Section user_groups{&file, "user_groups", "user group", &issues};
  user_groups.each(root, [&](Place place, const std::string& name, const YAML::Node& node) {
    Entry entry(place, user_groups.word, name, node, {"description", "users", "groups"}, issues);
    UserGroup group;
    entry.read("description", group.description);
    entry.read("users", group.users);
    entry.read("groups", group.groups);
    user_groups.keep(name, std::move(group), entry.origin(), document.user_groups, draft.user_groups);
  });

  const Section server_groups{&file, "server_groups", "server group", &issues};
  server_groups.each(root, [&](Place place, const std::string& name, const YAML::Node& node) {
    Entry entry(place, server_groups.word, name, node, {"description", "servers", "groups"}, issues);
    ServerGroup group;
    entry.read("description", group.description);
    entry.read("servers", group.servers);
    entry.read("groups", group.groups);
    server_groups.keep(name, std::move(group), entry.origin(), document.server_groups, draft.server_groups);
  });

  const Section schedules{&file, "schedules", "schedule", &issues};
  schedules.each(root, [&](Place place, const std::string& name, const YAML::Node& node) {
    Entry entry(place, schedules.word, name, node, {"description", "zone", "rules"}, issues);
    auto schedule = read_schedule(entry, file, name, issues);
    schedules.keep(name, std::move(schedule), entry.origin(), document.schedules, draft.schedules);
  });

  const Section maintenance{&file, "maintenance", "maintenance", &issues};
  maintenance.each(root, [&](Place place, const std::string& name, const YAML::Node& node) {
    Entry entry(
        place, maintenance.word, name, node,
        {"gate", "server", "server_group", "start", "end", "grace", "exempt_users", "exempt_user_groups", "reason"},
        issues);
    auto one = read_maintenance(entry);
    maintenance.keep(name, std::move(one), entry.origin(), document.maintenance, draft.maintenance);
  });

  const Section grants{&file, "grants", "grant", &issues};
  grants.each(root, [&](Place place, const std::string& name, const YAML::Node& node) {
    Entry entry(place, grants.word, name, node,
                {"user", "user_group", "server", "server_group", "service", "active", "protocol", "sources", "start",
                 "end", "schedules", "logins", "idle_timeout", "session_limit", "recording", "record", "channels",
                 "dynamic_channels", "reason"},
                issues);
    auto grant = read_grant(entry);
    grants.keep(name, std::move(grant), entry.origin(), document.grants, draft.grants);
  });

  const Section denials{&file, "denials", "denial", &issues};
  denials.each(root, [&](Place place, const std::string& name, const YAML::Node& node) {
    Entry entry(place, denials.word, name, node,
                {"user", "user_group", "server", "server_group", "service", "protocol", "sources", "start", "end",
                 "schedules", "logins", "reason"},
                issues);
    Denial denial;
    read_common(entry, denial);
    denials.keep(name, std::move(denial), entry.origin(), document.denials, draft.denials);
  });
}

}  // namespace gatehouse::policy
