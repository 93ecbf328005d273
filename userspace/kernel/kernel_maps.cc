#include "kernel/kernel_maps.h"

#include <algorithm>

namespace gatehouse::kernel {
namespace {

// Converting a wall-clock moment twice gives numbers this far apart at most; more is a clock that was set.
constexpr std::uint64_t same_expiry_ns = 1'000'000'000;

}  // namespace

KernelMaps KernelMaps::of(MapDescriptors descriptors) {
  auto take = [&descriptors](const char* name) { return std::move(descriptors.at(name)); };
  KernelMaps maps;
  maps.services = {take("services"), "services"};
  maps.listeners = {take("listeners"), "listeners"};
  maps.banned_hosts = {take("banned_hosts"), "banned_hosts"};
  maps.banned_nets = {take("banned_nets"), "banned_nets"};
  maps.banned_devices = {take("banned_devices"), "banned_devices"};
  maps.denied_flows = {take("denied_flows"), "denied_flows"};
  maps.failsafe = {take("failsafe"), "failsafe"};
  maps.mode = {take("mode"), "mode"};
  maps.deny_events = take("deny_events");
  maps.counters = take("counters");
  maps.event_rates = take("event_rates");
  return maps;
}

void KernelMaps::each(const std::function<void(const std::string&, int)>& visit) const {
  for (const RawMap* map : {&services.raw(), &listeners.raw(), &banned_hosts.raw(), &banned_nets.raw(),
                            &banned_devices.raw(), &denied_flows.raw(), &failsafe.raw(), &mode.raw()}) {
    visit(map->name(), map->descriptor());
  }
  visit("deny_events", deny_events.get());
  visit("counters", counters.get());
  visit("event_rates", event_rates.get());
}

Result<mode_value> KernelMaps::read_mode() const {
  auto cell = mode.get(0);
  if (!cell) return std::unexpected(cell.error());
  return cell->value_or(mode_value{});
}

Result<void> KernelMaps::write_mode(const mode_value& value) const {
  return mode.put(0, value);
}

gatehouse_address raw_address(const Address& address) {
  gatehouse_address raw{};
  std::ranges::copy(address.bytes, raw.bytes);
  return raw;
}

Address address_of(const gatehouse_address& raw) {
  Address address;
  std::ranges::copy(raw.bytes, address.bytes.begin());
  return address;
}

net_key net_key_of(const Prefix& network) {
  return {network.length, raw_address(network.address)};
}

Prefix network_of(const net_key& key) {
  return {address_of(key.address), static_cast<std::uint8_t>(key.prefix_length)};
}

flow_key flow_key_of(const Verdict& verdict) {
  flow_key key{};
  key.source = raw_address(verdict.source);
  key.destination = raw_address(verdict.destination.address);
  key.port = verdict.destination.port;
  key.l4proto = static_cast<__u8>(verdict.transport);
  return key;
}

std::vector<failsafe_key> failsafe_keys_of(const Failsafe& failsafe) {
  std::vector<failsafe_key> keys;
  keys.reserve(failsafe.sources.size() + failsafe.tcp_ports.size());
  for (const auto& source : failsafe.sources) keys.push_back({raw_address(source), 0, 0, FAILSAFE_SOURCE});
  for (const auto port : failsafe.tcp_ports) keys.push_back({{}, port, IPPROTO_TCP, FAILSAFE_PORT});
  return keys;
}

__u32 failsafe_absent_of(const Failsafe& failsafe) {
  __u32 present = 0;
  for (const auto& key : failsafe_keys_of(failsafe)) present |= 1U << gatehouse_failsafe_class(&key);
  return ~present;
}

service_key service_key_of(const ServiceBinding& service) {
  service_key key{};
  key.address = raw_address(service.proxy.address);
  key.port = service.proxy.port;
  key.l4proto = static_cast<__u8>(service.transport);
  key.from_server = service.from_server ? 1 : 0;
  return key;
}

service_value service_value_of(const ServiceBinding& service) {
  service_value value{};
  value.service_id = service.service_id;
  value.kind = static_cast<__u8>(service.kind);
  value.listener_slot = service.listener_slot;
  return value;
}

ServiceMap::Entry service_entry_of(const ServiceBinding& service) {
  return {service_key_of(service), service_value_of(service)};
}

bool is_same(const ban_value& left, const ban_value& right) {
  if (left.ban_id != right.ban_id || left.reason != right.reason || left.prefix_length != right.prefix_length)
    return false;
  if ((left.expires_ns == 0) != (right.expires_ns == 0)) return false;
  const auto apart =
      left.expires_ns > right.expires_ns ? left.expires_ns - right.expires_ns : right.expires_ns - left.expires_ns;
  return apart <= same_expiry_ns;
}

}  // namespace gatehouse::kernel
