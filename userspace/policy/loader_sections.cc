#include <chrono>

#include "policy/document_fields.h"
#include "policy/loader_entry.h"

namespace gatehouse::policy {
namespace {

constexpr Duration longest_connect_timeout = std::chrono::hours(1);

void keep_networks(const std::vector<std::pair<Prefix, int>>& networks, const std::string* owner, Place place,
                   std::vector<OwnedNetwork>& into) {
  if (owner == nullptr) return;
  for (const auto& [prefix, line] : networks) into.push_back({prefix, owner, {place.file, line}});
}

// A pool is not a map but a network or a list of them.
std::vector<std::pair<Prefix, int>> pool_networks(Place place, const std::string& name, const YAML::Node& node,
                                                  Issues& issues) {
  Entry entry(place, "pool", name, YAML::Node(YAML::NodeType::Map), {}, issues);
  const std::string where = "pool " + name;
  std::vector<std::pair<Prefix, int>> networks;
  if (node.IsScalar()) {
    entry.add_network(node.Scalar(), line_of(node), where, networks);
    return networks;
  }
  if (!node.IsSequence() || node.size() == 0) {
    issues.add(*place.file, place.line, where + " has no network", "write one like 198.51.100.0/24, or a list of them");
    return networks;
  }
  for (const auto& item : node) {
    if (item.IsScalar()) {
      entry.add_network(item.Scalar(), line_of(item), where, networks);
    } else {
      issues.add(*place.file, line_of(item), where + ": an entry is not a single value", "write plain networks");
    }
  }
  return networks;
}

Service read_service(Entry& entry) {
  Service service;
  if (entry.required("server")) entry.read("server", service.server);
  if (entry.required("proxy_ip")) entry.parse("proxy_ip", Address::parse, service.proxy_ip);
  if (entry.required("port")) entry.parse("port", parse_port, service.port);
  if (entry.required("kind")) entry.parse("kind", parse_kind, service.kind);
  service.protocol = default_protocol(service.kind);
  entry.parse("protocol", parse_protocol, service.protocol);
  service.backend_port = service.port;
  entry.parse("backend_port", parse_port, service.backend_port);
  service.source = default_source(service.kind);
  entry.parse("source", parse_source_mode, service.source);
  entry.parse("proxy_protocol", parse_proxy_protocol, service.proxy_protocol);
  entry.parse(
      "connect_timeout", [](std::string_view text) { return parse_at_most(text, longest_connect_timeout); },
      service.connect_timeout);
  entry.parse(
      "idle_timeout", [](std::string_view text) { return parse_at_most(text, longest_idle_timeout); },
      service.idle_timeout);
  entry.parse("until", parse_policy_time, service.until);
  entry.parse("deny", parse_deny_mode, service.deny);
  entry.parse("front", parse_front, service.front);
  for (const auto& option : rustdesk_keys) {
    const auto put = [&](std::string_view text) -> Result<bool> {
      if (auto done = put_value(service.rustdesk, option.key, text); !done) return std::unexpected(done.error());
      return true;
    };
    bool is_put = false;
    if (option.is_list) {
      entry.each(option.key, put, [](bool, int) {});
    } else {
      entry.parse(option.key, put, is_put);
    }
  }
  return service;
}

}  // namespace

void read_sections(const std::string& file, const YAML::Node& root_node, Draft& draft, Issues& issues) {
  const StrictMap root(file, root_node, "the policy",
                       {"pools", "users", "user_groups", "servers", "server_groups", "services", "schedules",
                        "maintenance", "grants", "denials"},
                       issues);
  Document& document = draft.document;

  const Section pools{&file, "pools", "pool", &issues};
  pools.each(root, [&](Place place, const std::string& name, const YAML::Node& node) {
    const auto networks = pool_networks(place, name, node, issues);
    const auto* key = pools.keep(name, Pool{sorted(networks)}, Origin{place, {}, {}, {}}, document.pools, draft.pools);
    keep_networks(networks, key, place, draft.pool_networks);
  });

  const Section users{&file, "users", "user", &issues};
  users.each(root, [&](Place place, const std::string& name, const YAML::Node& node) {
    Entry entry(place, users.word, name, node, {"active", "full_name", "sources"}, issues);
    User user;
    std::vector<std::pair<Prefix, int>> sources;
    entry.read("active", user.active);
    entry.read("full_name", user.full_name);
    entry.read("sources", sources);
    user.sources = sorted(sources);
    const auto* key = users.keep(name, std::move(user), entry.origin(), document.users, draft.users);
    keep_networks(sources, key, place, draft.user_sources);
  });

  const Section servers{&file, "servers", "server", &issues};
  servers.each(root, [&](Place place, const std::string& name, const YAML::Node& node) {
    Entry entry(place, servers.word, name, node,
                {"address", "active", "description", "credentials", "allow_tls_backend", "backend_certificate",
                 "fingerprint", "ca"},
                issues);
    Server server;
    if (entry.required("address")) entry.parse("address", Address::parse, server.address);
    entry.read("active", server.active);
    entry.read("description", server.description);
    entry.parse("credentials", parse_credential_source, server.credentials);
    entry.read("allow_tls_backend", server.allow_tls_backend);
    entry.parse("backend_certificate", parse_certificate_check, server.backend_certificate);
    entry.parse("fingerprint", parse_fingerprint, server.fingerprint);
    entry.parse("ca", parse_absolute_path, server.ca);
    servers.keep(name, std::move(server), entry.origin(), document.servers, draft.servers);
  });

  const Section services{&file, "services", "service", &issues};
  services.each(root, [&](Place place, const std::string& name, const YAML::Node& node) {
    Entry entry(place, services.word, name, node,
                {"server",
                 "proxy_ip",
                 "port",
                 "kind",
                 "protocol",
                 "backend_port",
                 "source",
                 "proxy_protocol",
                 "connect_timeout",
                 "idle_timeout",
                 "until",
                 "deny",
                 "front",
                 "relay_port",
                 "initiator_known",
                 "initiator_ambiguous",
                 "initiator_unknown",
                 "relay_tickets",
                 "enrolment",
                 "incoming_only",
                 "operators",
                 "watched",
                 "refusal_text",
                 "secure_tcp",
                 "server_key"},
                issues);
    auto service = read_service(entry);
    services.keep(name, std::move(service), entry.origin(), document.services, draft.services);
  });

  read_rule_sections(file, root, draft, issues);
}

}  // namespace gatehouse::policy
