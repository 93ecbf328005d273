#include "store/policy_rules.h"

#include <array>
#include <string>

#include "store/policy_lists.h"

namespace gatehouse::store {
namespace {

// What a rule does not name stands as NULL: an empty name would point to nothing.
void bind_name(Binder& binder, const std::string& name) {
  name.empty() ? binder.null() : binder.text(name);
}

template <typename Groups, typename MembersOf>
void insert_groups(SQLite::Database& database, const std::string& table, const std::string& member,
                   const Groups& groups, MembersOf&& members_of) {
  SQLite::Statement insert(database, "INSERT INTO " + table + "s(name, description) VALUES(?, ?)");
  for (const auto& [name, group] : groups) {
    Binder(insert).text(name).text(group.description);
    execute(insert);
  }
  SQLite::Statement insert_member(
      database, "INSERT INTO " + table + "_" + member + "s(group_name, position, " + member + "_name) VALUES(?, ?, ?)");
  SQLite::Statement insert_group(database,
                                 "INSERT INTO " + table + "_groups(group_name, position, part_name) VALUES(?, ?, ?)");
  for (const auto& [name, group] : groups) {
    insert_words(insert_member, name, members_of(group));
    insert_words(insert_group, name, group.groups);
  }
}

template <typename Groups, typename MembersOf>
void read_groups(SQLite::Database& database, const std::string& table, const std::string& member, Groups& groups,
                 MembersOf&& members_of) {
  SQLite::Statement select(database, "SELECT name, description FROM " + table + "s");
  while (select.executeStep()) {
    RowReader reader(select);
    auto& group = groups[reader.text()];
    group.description = reader.text();
  }
  read_words(database,
             "SELECT group_name, " + member + "_name FROM " + table + "_" + member + "s ORDER BY group_name, position",
             [&](const std::string& owner) -> auto& { return members_of(groups.at(owner)); });
  read_words(database, "SELECT group_name, part_name FROM " + table + "_groups ORDER BY group_name, position",
             [&](const std::string& owner) -> auto& { return groups.at(owner).groups; });
}

constexpr auto users_of = [](auto& group) -> auto& { return group.users; };
constexpr auto servers_of = [](auto& group) -> auto& { return group.servers; };

void insert_schedules(SQLite::Database& database, const policy::Document& document) {
  SQLite::Statement insert(database, "INSERT INTO schedules(name, zone, description) VALUES(?, ?, ?)");
  SQLite::Statement insert_rule(database,
                                "INSERT INTO schedule_rules(schedule_name, position, weekdays, days, months, "
                                "from_minute, to_minute) VALUES(?, ?, ?, ?, ?, ?, ?)");
  for (const auto& [name, schedule] : document.schedules) {
    Binder(insert).text(name).text(schedule.zone).text(schedule.description);
    execute(insert);
    for (std::size_t position = 0; position < schedule.rules.size(); ++position) {
      const auto& rule = schedule.rules[position];
      Binder(insert_rule)
          .text(name)
          .number(position)
          .number(rule.weekdays)
          .number(rule.days)
          .number(rule.months)
          .number(rule.from)
          .number(rule.to);
      execute(insert_rule);
    }
  }
}

void read_schedules(SQLite::Database& database, policy::Document& document) {
  SQLite::Statement select(database, "SELECT name, zone, description FROM schedules");
  while (select.executeStep()) {
    RowReader reader(select);
    auto& schedule = document.schedules[reader.text()];
    schedule.zone = reader.text();
    schedule.description = reader.text();
  }
  SQLite::Statement rules(database,
                          "SELECT schedule_name, weekdays, days, months, from_minute, to_minute FROM schedule_rules "
                          "ORDER BY schedule_name, position");
  while (rules.executeStep()) {
    RowReader reader(rules);
    const std::string name = reader.text();
    policy::ScheduleRule rule;
    rule.weekdays = static_cast<std::uint8_t>(reader.number());
    rule.days = static_cast<std::uint32_t>(reader.number());
    rule.months = static_cast<std::uint16_t>(reader.number());
    rule.from = static_cast<std::uint16_t>(reader.number());
    rule.to = static_cast<std::uint16_t>(reader.number());
    const bool sound = rule.from < policy::minutes_of_day && rule.to <= policy::minutes_of_day &&
                       rule.from != rule.to && rule.ever_open();
    if (!sound) throw DamagedRow("schedule " + name + " has a rule that cannot be");
    document.schedules.at(name).rules.push_back(rule);
  }
}

void insert_maintenance(SQLite::Database& database, const policy::Document& document) {
  SQLite::Statement insert(database,
                           "INSERT INTO maintenance(name, server_name, server_group_name, start_time, end_time, grace, "
                           "reason) VALUES(?, ?, ?, ?, ?, ?, ?)");
  SQLite::Statement insert_user(
      database, "INSERT INTO maintenance_exempt_users(maintenance_name, position, user_name) VALUES(?, ?, ?)");
  SQLite::Statement insert_group(
      database,
      "INSERT INTO maintenance_exempt_user_groups(maintenance_name, position, user_group_name) VALUES(?, ?, ?)");
  for (const auto& [name, maintenance] : document.maintenance) {
    Binder binder(insert);
    binder.text(name);
    bind_name(binder, maintenance.server);
    bind_name(binder, maintenance.server_group);
    binder.time(maintenance.start)
        .time(maintenance.end)
        .number(static_cast<std::uint64_t>(maintenance.grace.count()))
        .text(maintenance.reason);
    execute(insert);
    insert_words(insert_user, name, maintenance.exempt_users);
    insert_words(insert_group, name, maintenance.exempt_user_groups);
  }
}

void read_maintenance(SQLite::Database& database, policy::Document& document) {
  SQLite::Statement select(database,
                           "SELECT name, coalesce(server_name, ''), coalesce(server_group_name, ''), start_time, "
                           "end_time, grace, reason FROM maintenance");
  while (select.executeStep()) {
    RowReader reader(select);
    auto& maintenance = document.maintenance[reader.text()];
    maintenance.server = reader.text();
    maintenance.server_group = reader.text();
    maintenance.start = reader.time();
    maintenance.end = reader.time();
    maintenance.grace = Duration(static_cast<std::int64_t>(reader.number()));
    maintenance.reason = reader.text();
  }
  read_words(database,
             "SELECT maintenance_name, user_name FROM maintenance_exempt_users ORDER BY maintenance_name, position",
             [&](const std::string& owner) -> auto& { return document.maintenance.at(owner).exempt_users; });
  read_words(database,
             "SELECT maintenance_name, user_group_name FROM maintenance_exempt_user_groups ORDER BY maintenance_name, "
             "position",
             [&](const std::string& owner) -> auto& { return document.maintenance.at(owner).exempt_user_groups; });
}

// Grants and denials have the same columns, of which denials leave the last out.
constexpr const char* common_columns =
    "name, user_name, user_group_name, server_name, server_group_name, service_name, protocol, start_time, end_time, "
    "reason";

template <typename Rule>
void bind_common(Binder& binder, const std::string& name, const Rule& rule) {
  binder.text(name);
  for (const auto* reference : {&rule.user, &rule.user_group, &rule.server, &rule.server_group, &rule.service}) {
    bind_name(binder, *reference);
  }
  binder.text(rule.protocol).time(rule.start).time(rule.end).text(rule.reason);
}

template <typename Rule>
void read_common(RowReader& reader, Rule& rule) {
  for (auto* reference : {&rule.user, &rule.user_group, &rule.server, &rule.server_group, &rule.service}) {
    *reference = reader.maybe_text().value_or(std::string());
  }
  rule.protocol = reader.text();
  rule.start = reader.maybe_time();
  rule.end = reader.maybe_time();
  rule.reason = reader.text();
}

template <typename Rules>
void insert_lists(SQLite::Database& database, const std::string& word, const Rules& rules) {
  const auto statement = [&](const char* list, const char* columns, const char* places) {
    return SQLite::Statement(database, "INSERT INTO " + word + "_" + list + "(" + word + "_name, position, " + columns +
                                           ") VALUES(?, ?, " + places + ")");
  };
  auto source = statement("sources", "address, prefix_length", "?, ?");
  auto schedule = statement("schedules", "schedule_name", "?");
  auto login = statement("logins", "login", "?");
  for (const auto& [name, rule] : rules) {
    insert_prefixes(source, name, rule.sources);
    insert_words(schedule, name, rule.schedules);
    insert_words(login, name, rule.logins);
  }
}

template <typename Rules>
void read_lists(SQLite::Database& database, const std::string& word, Rules& rules) {
  const auto query = [&](const char* list, const char* columns) {
    return "SELECT " + word + "_name, " + columns + " FROM " + word + "_" + list + " ORDER BY " + word +
           "_name, position";
  };
  read_prefixes(database, query("sources", "address, prefix_length"),
                [&](const std::string& owner) -> auto& { return rules.at(owner).sources; });
  read_words(database, query("schedules", "schedule_name"),
             [&](const std::string& owner) -> auto& { return rules.at(owner).schedules; });
  read_words(database, query("logins", "login"),
             [&](const std::string& owner) -> auto& { return rules.at(owner).logins; });
}

void insert_grants(SQLite::Database& database, const policy::Document& document) {
  SQLite::Statement insert(database, std::string("INSERT INTO grants(") + common_columns +
                                         ", active, recording, channels, idle_timeout, session_limit) "
                                         "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (const auto& [name, grant] : document.grants) {
    Binder binder(insert);
    bind_common(binder, name, grant);
    binder.number(grant.active ? 1 : 0)
        .number(static_cast<int>(grant.recording))
        .number(grant.channels)
        .duration(grant.idle_timeout);
    grant.session_limit ? binder.number(*grant.session_limit) : binder.null();
    execute(insert);
  }
  insert_lists(database, "grant", document.grants);
  SQLite::Statement insert_channel(database,
                                   "INSERT INTO grant_dynamic_channels(grant_name, position, channel) VALUES(?, ?, ?)");
  for (const auto& [name, grant] : document.grants) insert_words(insert_channel, name, grant.dynamic_channels);
}

void read_grants(SQLite::Database& database, policy::Document& document) {
  SQLite::Statement select(database, std::string("SELECT ") + common_columns +
                                         ", active, recording, channels, idle_timeout, session_limit FROM grants");
  while (select.executeStep()) {
    RowReader reader(select);
    auto& grant = document.grants[reader.text()];
    read_common(reader, grant);
    grant.active = reader.truth();
    grant.recording = static_cast<policy::Recording>(reader.number());
    // What was stored by a version that knew only the whole has no parts.
    grant.channels = policy::whole_channels(static_cast<policy::Channels>(reader.number() & policy::all_channels));
    grant.idle_timeout = reader.maybe_duration();
    if (const auto limit = reader.maybe_number()) grant.session_limit = static_cast<std::uint32_t>(*limit);
  }
  read_lists(database, "grant", document.grants);
  read_words(database, "SELECT grant_name, channel FROM grant_dynamic_channels ORDER BY grant_name, position",
             [&](const std::string& owner) -> auto& { return document.grants.at(owner).dynamic_channels; });
}

void insert_denials(SQLite::Database& database, const policy::Document& document) {
  SQLite::Statement insert(
      database, std::string("INSERT INTO denials(") + common_columns + ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (const auto& [name, denial] : document.denials) {
    Binder binder(insert);
    bind_common(binder, name, denial);
    execute(insert);
  }
  insert_lists(database, "denial", document.denials);
}

void read_denials(SQLite::Database& database, policy::Document& document) {
  SQLite::Statement select(database, std::string("SELECT ") + common_columns + " FROM denials");
  while (select.executeStep()) {
    RowReader reader(select);
    auto& denial = document.denials[reader.text()];
    read_common(reader, denial);
  }
  read_lists(database, "denial", document.denials);
}

}  // namespace

void insert_rules(SQLite::Database& database, const policy::Document& document) {
  insert_groups(database, "user_group", "user", document.user_groups, users_of);
  insert_groups(database, "server_group", "server", document.server_groups, servers_of);
  insert_schedules(database, document);
  insert_maintenance(database, document);
  insert_grants(database, document);
  insert_denials(database, document);
}

void delete_rules(SQLite::Database& database) {
  constexpr std::array tables{"grant_sources",
                              "grant_schedules",
                              "grant_logins",
                              "grant_dynamic_channels",
                              "grants",
                              "denial_sources",
                              "denial_schedules",
                              "denial_logins",
                              "denials",
                              "schedule_rules",
                              "schedules",
                              "maintenance_exempt_users",
                              "maintenance_exempt_user_groups",
                              "maintenance",
                              "user_group_users",
                              "user_group_groups",
                              "user_groups",
                              "server_group_servers",
                              "server_group_groups",
                              "server_groups"};
  for (const char* table : tables) database.exec(std::string("DELETE FROM ") + table);
}

void read_rules(SQLite::Database& database, policy::Document& document) {
  read_groups(database, "user_group", "user", document.user_groups, users_of);
  read_groups(database, "server_group", "server", document.server_groups, servers_of);
  read_schedules(database, document);
  read_maintenance(database, document);
  read_grants(database, document);
  read_denials(database, document);
}

}  // namespace gatehouse::store
