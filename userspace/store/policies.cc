#include "store/policies.h"

#include <optional>
#include <string_view>
#include <vector>

#include "store/policy_lists.h"
#include "store/policy_rules.h"

namespace gatehouse::store {
namespace {

template <typename T>
T known(std::optional<T> value, const std::string& word) {
  if (!value) throw DamagedRow("a service or server has the unknown word '" + word + "'");
  return *value;
}

void insert_services(SQLite::Database& database, const policy::Document& document) {
  SQLite::Statement insert(
      database,
      "INSERT INTO services(name, server_name, proxy_ip, port, transport, kind, protocol, "
      "backend_port, source_mode, proxy_protocol, connect_timeout, idle_timeout, until, deny_mode, front) "
      "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  SQLite::Statement insert_option(
      database, "INSERT INTO service_options(service_name, option, position, value) VALUES(?, ?, ?, ?)");
  for (const auto& [name, service] : document.services) {
    const std::string transport(policy::name(service.transport));
    const std::string kind(policy::name(service.kind));
    const std::string source(policy::name(service.source));
    const std::string proxy_protocol(policy::name(service.proxy_protocol));
    const std::string deny(policy::name(service.deny));
    const std::string front(policy::name(service.front));
    Binder(insert)
        .text(name)
        .text(service.server)
        .address(service.proxy_ip)
        .number(service.port)
        .text(transport)
        .text(kind)
        .text(service.protocol)
        .number(service.backend_port)
        .text(source)
        .text(proxy_protocol)
        .duration(service.connect_timeout)
        .duration(service.idle_timeout)
        .time(service.until)
        .text(deny)
        .text(front);
    execute(insert);
    for (const auto& [key, is_list] : policy::rustdesk_keys) {
      const std::string option(key);
      const auto values = policy::values_of(service.rustdesk, key);
      for (std::size_t position = 0; position < values.size(); ++position) {
        Binder(insert_option).text(name).text(option).number(position).text(values[position]);
        execute(insert_option);
      }
    }
  }
}

void read_service_options(SQLite::Database& database, policy::Document& document) {
  SQLite::Statement select(database,
                           "SELECT service_name, option, value FROM service_options ORDER BY service_name, option, "
                           "position");
  while (select.executeStep()) {
    RowReader reader(select);
    auto& service = document.services.at(reader.text());
    const auto key = reader.text();
    const auto value = reader.text();
    if (auto put = policy::put_value(service.rustdesk, key, value); !put) throw DamagedRow(put.error().what);
  }
}

void read_services(SQLite::Database& database, policy::Document& document) {
  SQLite::Statement select(
      database,
      "SELECT name, server_name, proxy_ip, port, transport, kind, protocol, backend_port, "
      "source_mode, proxy_protocol, connect_timeout, idle_timeout, until, deny_mode, front FROM services");
  while (select.executeStep()) {
    RowReader reader(select);
    auto& service = document.services[reader.text()];
    service.server = reader.text();
    service.proxy_ip = reader.address();
    service.port = static_cast<std::uint16_t>(reader.number());
    const auto transport = reader.text();
    service.transport = known(policy::transport_of(transport), transport);
    const auto kind = reader.text();
    service.kind = known(policy::kind_of(kind), kind);
    service.protocol = reader.text();
    service.backend_port = static_cast<std::uint16_t>(reader.number());
    const auto source = reader.text();
    service.source = known(policy::source_mode_of(source), source);
    const auto proxy_protocol = reader.text();
    service.proxy_protocol = known(policy::proxy_protocol_of(proxy_protocol), proxy_protocol);
    service.connect_timeout = reader.maybe_duration();
    service.idle_timeout = reader.maybe_duration();
    service.until = reader.maybe_time();
    const auto deny = reader.text();
    service.deny = known(policy::deny_mode_of(deny), deny);
    const auto front = reader.text();
    service.front = known(policy::front_of(front), front);
  }
  read_service_options(database, document);
}

void read_users(SQLite::Database& database, policy::Document& document) {
  SQLite::Statement select(database, "SELECT name, active, full_name FROM users");
  while (select.executeStep()) {
    RowReader reader(select);
    auto& user = document.users[reader.text()];
    user.active = reader.truth();
    user.full_name = reader.text();
  }
  read_prefixes(database, "SELECT user_name, address, prefix_length FROM user_sources ORDER BY user_name, position",
                [&](const std::string& owner) -> auto& { return document.users.at(owner).sources; });
}

void read_servers(SQLite::Database& database, policy::Document& document) {
  SQLite::Statement select(database,
                           "SELECT name, active, address, description, credentials, allow_tls_backend, "
                           "backend_certificate, fingerprint, ca FROM servers");
  while (select.executeStep()) {
    RowReader reader(select);
    auto& server = document.servers[reader.text()];
    server.active = reader.truth();
    server.address = reader.address();
    server.description = reader.text();
    const auto credentials = reader.text();
    server.credentials = known(policy::credential_source_of(credentials), credentials);
    server.allow_tls_backend = reader.truth();
    const auto check = reader.text();
    server.backend_certificate = known(policy::certificate_check_of(check), check);
    server.fingerprint = reader.text();
    server.ca = reader.text();
  }
}

void read_pools(SQLite::Database& database, policy::Document& document) {
  SQLite::Statement select(database, "SELECT name FROM pools");
  while (select.executeStep()) document.pools.try_emplace(RowReader(select).text());
  read_prefixes(database, "SELECT pool_name, address, prefix_length FROM pool_networks ORDER BY pool_name, position",
                [&](const std::string& owner) -> auto& { return document.pools.at(owner).networks; });
}

void insert_pools(SQLite::Database& database, const policy::Document& document) {
  SQLite::Statement insert(database, "INSERT INTO pools(name) VALUES(?)");
  SQLite::Statement insert_network(
      database, "INSERT INTO pool_networks(pool_name, position, address, prefix_length) VALUES(?, ?, ?, ?)");
  for (const auto& [name, pool] : document.pools) {
    Binder(insert).text(name);
    execute(insert);
    insert_prefixes(insert_network, name, pool.networks);
  }
}

void insert_users(SQLite::Database& database, const policy::Document& document) {
  SQLite::Statement insert(database, "INSERT INTO users(name, active, full_name) VALUES(?, ?, ?)");
  SQLite::Statement insert_source(
      database, "INSERT INTO user_sources(user_name, position, address, prefix_length) VALUES(?, ?, ?, ?)");
  for (const auto& [name, user] : document.users) {
    Binder(insert).text(name).number(user.active ? 1 : 0).text(user.full_name);
    execute(insert);
    insert_prefixes(insert_source, name, user.sources);
  }
}

void insert_servers(SQLite::Database& database, const policy::Document& document) {
  SQLite::Statement insert(database,
                           "INSERT INTO servers(name, active, address, description, credentials, allow_tls_backend, "
                           "backend_certificate, fingerprint, ca) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (const auto& [name, server] : document.servers) {
    const std::string credentials(policy::name(server.credentials));
    const std::string check(policy::name(server.backend_certificate));
    Binder(insert)
        .text(name)
        .number(server.active ? 1 : 0)
        .address(server.address)
        .text(server.description)
        .text(credentials)
        .number(server.allow_tls_backend ? 1 : 0)
        .text(check)
        .text(server.fingerprint)
        .text(server.ca);
    execute(insert);
  }
}

}  // namespace

std::uint64_t current_policy_version(SQLite::Database& database) {
  return static_cast<std::uint64_t>(
      database.execAndGet("SELECT coalesce(max(version), 0) FROM policy_versions").getInt64());
}

policy::Document read_policy(SQLite::Database& database) {
  policy::Document document;
  read_pools(database, document);
  read_users(database, document);
  read_servers(database, document);
  read_services(database, document);
  read_rules(database, document);
  return document;
}

void replace_policy(SQLite::Database& database, const policy::Document& document, std::uint64_t version,
                    const std::string& author, WallTime time) {
  const std::string text = policy::to_yaml(document);
  SQLite::Statement keep(database, "INSERT INTO policy_versions(version, text, author, applied_at) VALUES(?, ?, ?, ?)");
  Binder(keep).number(version).text(text).text(author).time(time);
  execute(keep);

  // What points elsewhere goes before what it points to.
  delete_rules(database);
  for (const char* table :
       {"service_options", "services", "servers", "user_sources", "users", "pool_networks", "pools"}) {
    database.exec(std::string("DELETE FROM ") + table);
  }
  insert_pools(database, document);
  insert_users(database, document);
  insert_servers(database, document);
  insert_services(database, document);
  insert_rules(database, document);
}

}  // namespace gatehouse::store
