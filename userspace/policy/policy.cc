#include "policy/policy.h"

#include <algorithm>

#include "policy/service_ports.h"

namespace gatehouse::policy {
namespace {

template <typename Things>
std::unordered_map<std::string_view, std::uint32_t> indexes_of(const Things& things) {
  std::unordered_map<std::string_view, std::uint32_t> indexes;
  indexes.reserve(things.size());
  for (const auto& [name, thing] : things) indexes.emplace(name, static_cast<std::uint32_t>(indexes.size()));
  return indexes;
}

}  // namespace

Policy::Policy(const Document& document)
    : document_(document),
      user_indexes_(indexes_of(document_.users)),
      server_indexes_(indexes_of(document_.servers)),
      service_indexes_(indexes_of(document_.services)),
      user_groups_(document_.user_groups),
      server_groups_(document_.server_groups),
      conditions_(document_) {}

std::shared_ptr<const Policy> Policy::compile(const Document& document, std::uint64_t version) {
  // Not make_shared: the constructor is private.
  std::shared_ptr<Policy> policy(new Policy(document));
  policy->version_ = version;
  for (const auto& [name, pool] : document.pools) {
    policy->pools_.insert(policy->pools_.end(), pool.networks.begin(), pool.networks.end());
  }
  std::sort(policy->pools_.begin(), policy->pools_.end());
  policy->compile_servers();
  policy->compile_maintenance();
  policy->compile_rules();
  policy->compile_users();
  policy->compile_services();
  return policy;
}

void Policy::compile_servers() {
  servers_.reserve(document_.servers.size());
  for (const auto& [name, server] : document_.servers) servers_.push_back({name, server.active, server.address});
}

void Policy::compile_maintenance() {
  // Of each group: the servers and users that are in it, over all levels.
  std::vector<std::vector<std::uint32_t>> servers_of(document_.server_groups.size());
  for (const auto& [name, server] : document_.servers) {
    for (const auto& in : server_groups_.of_member(name)) servers_of[in.group].push_back(server_indexes_.at(name));
  }
  std::vector<std::vector<std::uint32_t>> users_of(document_.user_groups.size());
  for (const auto& [name, user] : document_.users) {
    for (const auto& in : user_groups_.of_member(name)) users_of[in.group].push_back(user_indexes_.at(name));
  }
  std::vector<CompiledMaintenance> entries;
  std::vector<std::vector<std::uint32_t>> servers;
  for (const auto& [name, spec] : document_.maintenance) {
    CompiledMaintenance entry{name, spec.of_gate(), spec.start, spec.end, spec.grace, {}};
    for (const auto& user : spec.exempt_users) entry.exempt.push_back(user_indexes_.at(user));
    for (const auto& group : spec.exempt_user_groups) {
      const auto& users = users_of[user_groups_.index_of(group)];
      entry.exempt.insert(entry.exempt.end(), users.begin(), users.end());
    }
    std::sort(entry.exempt.begin(), entry.exempt.end());
    entries.push_back(std::move(entry));
    auto& of = servers.emplace_back();
    if (!spec.server.empty()) of.push_back(server_indexes_.at(spec.server));
    if (!spec.server_group.empty()) of = servers_of[server_groups_.index_of(spec.server_group)];
  }
  maintenance_ = MaintenanceTable(std::move(entries), servers_.size(), servers);
}

void Policy::compile_users() {
  std::vector<PrefixMap<UserEntry>::Entry> sources;
  users_.reserve(document_.users.size());
  for (const auto& [name, user] : document_.users) {
    const auto index = static_cast<std::uint32_t>(users_.size());
    users_.push_back({name, user.active});
    const UserEntry entry{index + 1, user.active, grant_table_.user_has_more(index),
                          denial_table_.user_has_more(index)};
    for (const auto& source : user.sources) sources.push_back({source, entry});
  }
  sources_ = PrefixMap<UserEntry>(sources);
}

void Policy::compile_services() {
  services_.reserve(document_.services.size());
  for (const auto& [name, service] : document_.services) {
    const auto index = static_cast<std::uint32_t>(services_.size());
    const auto server = server_indexes_.at(service.server);
    services_.push_back({index + 1, name, service, server});
    ServiceEntry entry{index + 1, server};
    entry.protocol = protocol_id(service.protocol) & 0x07ffffffU;
    entry.ends = service.until ? 1 : 0;
    entry.server_active = servers_[server].active ? 1 : 0;
    entry.maintained = maintenance_.server_has_any(server) ? 1 : 0;
    entry.more_grants = grant_table_.service_has_more(index) ? 1 : 0;
    entry.more_denials = denial_table_.service_has_more(index) ? 1 : 0;
    for (const auto& [transport, port] : ports_of(service)) {
      auto& by_endpoint = transport == Transport::tcp ? tcp_services_ : udp_services_;
      by_endpoint.insert({service.proxy_ip, port}, entry);
    }
  }
}

void Policy::compile_rules() {
  RuleTable::Spread spread;
  spread.of_users.reserve(document_.users.size());
  for (const auto& [name, user] : document_.users) {
    auto& subjects = spread.of_users.emplace_back();
    for (const auto& in : user_groups_.of_member(name)) subjects.push_back(group_subject(in.group));
    subjects.push_back(everybody);
  }
  std::vector<std::vector<RankedTarget>> of_servers;
  of_servers.reserve(document_.servers.size());
  for (const auto& [name, server] : document_.servers) {
    auto& targets = of_servers.emplace_back();
    for (const auto& in : server_groups_.of_member(name)) {
      const auto rank = std::min<std::uint32_t>(rank_of_nearest_group + in.distance, rank_of_everything - 1);
      targets.push_back({group_target(in.group), static_cast<Rank>(rank)});
    }
    targets.push_back({everything, rank_of_everything});
  }
  spread.of_services.reserve(document_.services.size());
  for (const auto& [name, service] : document_.services) {
    auto& targets = spread.of_services.emplace_back();
    targets.push_back({service_target(service_indexes_.at(name)), rank_of_service});
    const auto& wider = of_servers[server_indexes_.at(service.server)];
    targets.insert(targets.end(), wider.begin(), wider.end());
  }
  grant_table_ = compile_table(document_.grants, spread, grants_);
  denial_table_ = compile_table(document_.denials, spread, denials_);
}

template <typename Rule>
SubjectId Policy::subject_of(const Rule& rule) const {
  if (!rule.user.empty()) return user_subject(user_indexes_.at(rule.user));
  if (!rule.user_group.empty()) return group_subject(user_groups_.index_of(rule.user_group));
  return everybody;
}

template <typename Rule>
TargetId Policy::target_of(const Rule& rule) const {
  if (!rule.server.empty()) return server_target(server_indexes_.at(rule.server));
  if (!rule.server_group.empty()) return group_target(server_groups_.index_of(rule.server_group));
  if (!rule.service.empty()) return service_target(service_indexes_.at(rule.service));
  return everything;
}

template <typename Rule, typename Compiled>
RuleTable Policy::compile_table(const std::map<std::string, Rule>& rules, const RuleTable::Spread& spread,
                                std::vector<Compiled>& compiled) {
  std::vector<Compiled> by_name;
  std::vector<RuleTable::Entry> entries;
  by_name.reserve(rules.size());
  entries.reserve(rules.size());
  for (const auto& [name, rule] : rules) {
    RuleTerms terms;
    terms.protocol = protocol_id(rule.protocol);
    terms.conditions = conditions_.add(rule);
    terms.start = rule.start.value_or(WallTime::min());
    terms.end = rule.end.value_or(WallTime::max());
    terms.by_name = static_cast<std::uint32_t>(by_name.size());
    if constexpr (requires { rule.channels; }) {
      terms.channels = rule.channels;
      terms.active = rule.active;
      terms.recording = rule.recording;
      if (rule.session_limit) limits_sessions_ = true;
    }
    entries.push_back({subject_of(rule), target_of(rule), terms});
    by_name.push_back({name, &rule});
  }
  RuleTable table(entries, spread);
  compiled.reserve(entries.size());
  for (const auto& entry : entries) compiled.push_back(std::move(by_name[entry.terms.by_name]));
  return table;
}

ProtocolId Policy::protocol_id(const std::string& protocol) {
  if (protocol.empty()) return any_protocol;
  return protocols_.emplace(protocol, static_cast<ProtocolId>(protocols_.size() + 1)).first->second;
}

void Policy::prefetch(const Address& source, const Address& destination, std::uint16_t port,
                      Transport transport) const {
  sources_.prefetch(source);
  (transport == Transport::tcp ? tcp_services_ : udp_services_).prefetch({destination, port});
}

std::optional<Policy::ServiceMatch> Policy::match_service(const Address& address, std::uint16_t port,
                                                          Transport transport) const {
  const auto* entry = (transport == Transport::tcp ? tcp_services_ : udp_services_).find({address, port});
  if (entry == nullptr) return std::nullopt;
  return ServiceMatch{.service = &services_[entry->number - 1],
                      .server = &servers_[entry->server],
                      .server_index = entry->server,
                      .protocol = entry->protocol,
                      .server_active = entry->server_active != 0,
                      .ends = entry->ends != 0,
                      .maintained = entry->maintained != 0,
                      .more_grants = entry->more_grants != 0,
                      .more_denials = entry->more_denials != 0,
                      .service_index = entry->number - 1};
}

const CompiledService* Policy::service_at(const Address& address, std::uint16_t port, Transport transport) const {
  const auto match = match_service(address, port, transport);
  return match ? match->service : nullptr;
}

std::optional<Policy::SourceMatch> Policy::user_at(const Address& source) const {
  const auto entry = sources_.find(source);
  if (!entry) return std::nullopt;
  const auto& value = entry->value;
  const std::uint32_t index = value.number - 1;
  return SourceMatch{&users_[index], index, value.active, value.more_grants, value.more_denials, entry->prefix};
}

std::optional<Policy::SourceMatch> Policy::user_named(std::string_view name, const Address& source) const {
  const auto found = user_indexes_.find(name);
  if (found == user_indexes_.end()) return std::nullopt;
  const auto index = found->second;
  return SourceMatch{&users_[index],
                     index,
                     users_[index].active,
                     grant_table_.user_has_more(index),
                     denial_table_.user_has_more(index),
                     Prefix::host(source)};
}

}  // namespace gatehouse::policy
