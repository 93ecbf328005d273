#include "policy/policy.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

namespace gatehouse::policy {
namespace {

template <typename Things>
std::unordered_map<std::string_view, std::uint32_t> indexes_of(const Things& things) {
  std::unordered_map<std::string_view, std::uint32_t> indexes;
  indexes.reserve(things.size());
  for (const auto& thing : things) indexes.emplace(thing.name, static_cast<std::uint32_t>(indexes.size()));
  return indexes;
}

// No end is after any end.
bool tried_before(const CompiledGrant& a, const CompiledGrant& b) {
  if (a.end.has_value() != b.end.has_value()) return !a.end.has_value();
  if (a.end != b.end) return a.end > b.end;
  return a.name < b.name;
}

}  // namespace

std::uint64_t Policy::PairHash::operator()(const Pair& pair) const {
  std::uint64_t mixed = (std::uint64_t{pair.user} << 32U | pair.server) * 0x9e3779b97f4a7c15ULL;
  mixed ^= mixed >> 32U;
  mixed *= 0xd6e8feb86659fd93ULL;
  return mixed ^ (mixed >> 32U);
}

std::shared_ptr<const Policy> Policy::compile(const Document& document, std::uint64_t version) {
  // Not make_shared: the constructor is private.
  std::shared_ptr<Policy> policy(new Policy());
  policy->version_ = version;
  policy->document_ = document;
  for (const auto& [name, pool] : document.pools) {
    policy->pools_.insert(policy->pools_.end(), pool.networks.begin(), pool.networks.end());
  }
  std::sort(policy->pools_.begin(), policy->pools_.end());
  policy->compile_users();
  policy->compile_services();
  policy->compile_grants();
  return policy;
}

void Policy::compile_users() {
  std::vector<PrefixMap<UserEntry>::Entry> sources;
  users_.reserve(document_.users.size());
  for (const auto& [name, user] : document_.users) {
    users_.push_back({name, user.active});
    const UserEntry entry{static_cast<std::uint32_t>(users_.size()), user.active};
    for (const auto& source : user.sources) sources.push_back({source, entry});
  }
  sources_ = PrefixMap<UserEntry>(sources);
}

void Policy::compile_services() {
  servers_.reserve(document_.servers.size());
  for (const auto& [name, server] : document_.servers) servers_.push_back({name, server.active, server.address});
  const auto servers = indexes_of(servers_);
  services_.reserve(document_.services.size());
  for (const auto& [name, service] : document_.services) {
    const auto server = servers.at(service.server);
    const auto number = static_cast<std::uint32_t>(services_.size() + 1);
    services_.push_back({number, name, service, server});
    ServiceEntry entry{number, server};
    entry.protocol = protocol_id(service.protocol) & 0x7fffffffU;
    entry.server_active = servers_[server].active ? 1 : 0;
    auto& by_endpoint = service.transport == Transport::tcp ? tcp_services_ : udp_services_;
    by_endpoint.insert({service.proxy_ip, service.port}, entry);
  }
}

void Policy::compile_grants() {
  const auto users = indexes_of(users_);
  const auto servers = indexes_of(servers_);
  grants_.reserve(document_.grants.size());
  for (const auto& [name, grant] : document_.grants) {
    grants_.push_back({name, users.at(grant.user), servers.at(grant.server), grant.protocol, grant.start, grant.end});
  }
  std::sort(grants_.begin(), grants_.end(), [](const CompiledGrant& a, const CompiledGrant& b) {
    const Pair pair_a{a.user, a.server};
    const Pair pair_b{b.user, b.server};
    return pair_a != pair_b ? pair_a < pair_b : tried_before(a, b);
  });
  terms_.reserve(grants_.size());
  for (const auto& grant : grants_) {
    terms_.push_back(
        {protocol_id(grant.protocol), grant.start.value_or(WallTime::min()), grant.end.value_or(WallTime::max())});
  }
  by_start_.resize(grants_.size());
  pairs_ = FlatIndex<Pair, GrantsEntry, PairHash>(grants_.size());
  for (std::size_t first = 0; first < grants_.size();) {
    const Pair pair{grants_[first].user, grants_[first].server};
    std::size_t end = first;
    while (end < grants_.size() && Pair{grants_[end].user, grants_[end].server} == pair) ++end;
    pairs_.insert(pair, {static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(end - first)});
    const std::span<std::uint32_t> places(by_start_.data() + first, end - first);
    std::iota(places.begin(), places.end(), 0U);
    std::stable_sort(places.begin(), places.end(), [&](std::uint32_t a, std::uint32_t b) {
      return terms_[first + a].start < terms_[first + b].start;
    });
    first = end;
  }
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
  return ServiceMatch{&services_[entry->number - 1], &servers_[entry->server], entry->server, entry->protocol,
                      entry->server_active != 0};
}

const CompiledService* Policy::service_at(const Address& address, std::uint16_t port, Transport transport) const {
  const auto match = match_service(address, port, transport);
  return match ? match->service : nullptr;
}

std::optional<Policy::SourceMatch> Policy::user_at(const Address& source) const {
  const auto entry = sources_.find(source);
  if (!entry) return std::nullopt;
  const std::uint32_t index = entry->value.number - 1;
  return SourceMatch{&users_[index], index, entry->value.active, entry->prefix};
}

Policy::Grants Policy::grants_of(std::uint32_t user, std::uint32_t server) const {
  const auto* entry = pairs_.find({user, server});
  if (entry == nullptr) return {};
  return {{grants_.data() + entry->first, entry->count},
          {terms_.data() + entry->first, entry->count},
          {by_start_.data() + entry->first, entry->count}};
}

std::optional<WallTime> Policy::Grants::allowed_until(ProtocolId protocol, WallTime time) const {
  WallTime until = time;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    // By start, so that one pass is enough: a grant that begins after what has been reached leaves a gap, and so do all
    // that follow.
    const auto& term = terms.size() == 1 ? terms.front() : terms[by_start[i]];
    if (!term.allows(protocol)) continue;
    if (term.start > until) break;
    until = std::max(until, term.end);
  }
  if (until == WallTime::max()) return std::nullopt;
  return until;
}

}  // namespace gatehouse::policy
