// Services and listeners. Traffic may come only when it can be steered: the map is filled before the table lets it in,
// and emptied after the table has stopped it. A service that the table lets in and the map does not know would reach
// whoever listens on the port.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <unordered_map>

#include "kernel/kernel_dataplane.h"

namespace gatehouse::kernel {
namespace {

static_assert(GATEHOUSE_REASON_NO_LISTENER == static_cast<int>(policy::Reason::internal_error));
static_assert(GATEHOUSE_KIND_RUSTDESK == static_cast<int>(policy::Kind::rustdesk));

bool equal(const service_value& left, const service_value& right) {
  return std::memcmp(&left, &right, sizeof left) == 0;
}

Result<std::uint64_t> cookie_of(int descriptor) {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_COOKIE, &cookie, &size) != 0)
    return system_failure("a listening socket cannot be looked at", errno);
  return cookie;
}

}  // namespace

RulesetSpec KernelDataplane::ruleset(bool with_services) const {
  RulesetSpec spec;
  spec.table = options_.table;
  spec.instance = options_.instance;
  spec.mark = options_.mark;
  spec.reject = options_.reject;
  spec.tproxy = steering_ == STEERING_TPROXY;
  spec.tproxy_port = tproxy_port_;
  spec.socket_match = features_.nft_socket;
  spec.pools = pools_;
  if (with_services) spec.services = services_;
  return spec;
}

Result<void> KernelDataplane::put_listener(const WantedListener& listener) const {
  if (auto put = maps_.listeners.put(listener.slot, static_cast<std::uint64_t>(listener.descriptor)); !put) {
    return failure(put.error().what + " (slot " + std::to_string(listener.slot) + ")", "the socket must be listening");
  }
  return {};
}

Result<void> KernelDataplane::set_listeners(std::span<const ListenerPair> listeners) {
  std::vector<WantedListener> wanted;
  for (const auto& pair : listeners) {
    if (pair.slot % 2 != 0 || pair.slot + 1 >= GATEHOUSE_MAX_LISTENERS) {
      return failure("the listener slot " + std::to_string(pair.slot) + " is odd or too high",
                     "use even slots below " + std::to_string(GATEHOUSE_MAX_LISTENERS));
    }
    for (const auto& [slot, descriptor] : {std::pair(pair.slot, pair.v4), std::pair(pair.slot + 1, pair.v6)}) {
      if (descriptor < 0) continue;
      const auto cookie = cookie_of(descriptor);
      if (!cookie) return std::unexpected(cookie.error());
      wanted.push_back({slot, descriptor, *cookie});
    }
  }
  for (const auto& listener : wanted) {
    if (auto put = put_listener(listener); !put) return put;
  }
  for (std::uint32_t slot = 0; slot < GATEHOUSE_MAX_LISTENERS; ++slot) {
    if (std::ranges::any_of(wanted, [slot](const auto& listener) { return listener.slot == slot; })) continue;
    if (auto erased = maps_.listeners.erase(slot); !erased) return std::unexpected(erased.error());
  }
  listeners_ = std::move(wanted);
  const std::uint16_t port = listeners.empty() ? std::uint16_t{0} : listeners.front().port;
  const bool table_changes = steering_ == STEERING_TPROXY && port != tproxy_port_ && services_known_ && !stopped_;
  tproxy_port_ = port;
  if (table_changes) return apply_ruleset(ruleset(true));
  return {};
}

// Of a time when `table` had another value: they would go on rejecting by a policy of the past.
Result<void> KernelDataplane::remove_former_tables() const {
  const auto tables = instance_tables();
  if (!tables) return std::unexpected(tables.error());
  for (const auto& [table, instance] : *tables) {
    if (instance != options_.instance || table == options_.table) continue;
    if (auto removed = remove_ruleset(table); !removed) return removed;
  }
  return {};
}

Result<void> KernelDataplane::set_services(std::span<const ServiceBinding> services, std::span<const Prefix> pools,
                                           std::uint64_t policy_version) {
  const auto present = maps_.services.entries();
  if (!present) return std::unexpected(present.error());
  std::unordered_map<service_key, service_value, ByBytes<service_key>, ByBytes<service_key>> before(present->begin(),
                                                                                                    present->end());
  std::vector<ServiceMap::Entry> changed;
  std::vector<ServiceMap::Entry> former;  // of those changed that were there
  std::vector<service_key> added;         // of those changed that were not
  std::unordered_map<service_key, service_value, ByBytes<service_key>, ByBytes<service_key>> wanted;
  for (const auto& service : services) {
    const auto entry = service_entry_of(service);
    if (!wanted.insert(entry).second)
      return failure("the service " + service.proxy.text() + " is bound twice",
                     "bind each proxy address and port once");
    const auto old = before.find(entry.first);
    if (old != before.end() && equal(old->second, entry.second)) continue;
    changed.push_back(entry);
    if (old != before.end()) {
      former.emplace_back(old->first, old->second);
    } else {
      added.push_back(entry.first);
    }
  }
  if (wanted.size() > GATEHOUSE_MAX_SERVICES) {
    return failure(std::to_string(wanted.size()) + " services are more than the kernel map holds",
                   "have at most " + std::to_string(GATEHOUSE_MAX_SERVICES));
  }
  Undo undo;
  undo.add([&] {
    static_cast<void>(maps_.services.erase(added));
    static_cast<void>(maps_.services.put(former));
  });
  if (auto put = maps_.services.put(changed); !put) return put;

  auto old_services = std::exchange(services_, {services.begin(), services.end()});
  auto old_pools = std::exchange(pools_, {pools.begin(), pools.end()});
  if (auto applied = apply_ruleset(ruleset(true)); !applied) {
    services_ = std::move(old_services);
    pools_ = std::move(old_pools);
    return applied;
  }
  undo.keep_all();
  services_known_ = true;
  stopped_ = false;
  policy_version_ = policy_version;
  if (auto removed = remove_former_tables(); !removed) return removed;

  std::vector<service_key> surplus;
  for (const auto& [key, value] : before) {
    if (!wanted.contains(key)) surplus.push_back(key);
  }
  if (auto erased = maps_.services.erase(surplus); !erased) return std::unexpected(erased.error());
  auto cell = maps_.read_mode();
  if (!cell) return std::unexpected(cell.error());
  cell->policy_version = policy_version;
  return maps_.write_mode(*cell);
}

}  // namespace gatehouse::kernel
