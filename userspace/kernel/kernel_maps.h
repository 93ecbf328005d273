// The contract's maps, typed, and the contract's keys made of the project's words.
// Threads: any (the kernel serialises). Ownership: the descriptors are owned; the maps live on in their pins.
#pragma once

#include <functional>

#include "base/address.h"
#include "base/result.h"
#include "contract.h"
#include "kernel/bpf_map.h"
#include "kernel/programs.h"

namespace gatehouse::kernel {

using ServiceMap = BpfMap<service_key, service_value>;
using ListenerMap = BpfMap<std::uint32_t, std::uint64_t>;  // put: a descriptor; get: a socket's cookie
using HostBanMap = BpfMap<gatehouse_address, ban_value>;
using NetBanMap = BpfMap<net_key, ban_value>;
using VerdictMap = BpfMap<flow_key, verdict_value>;
using FailsafeMap = BpfMap<failsafe_key, failsafe_value>;
using ModeMap = BpfMap<std::uint32_t, mode_value>;

struct KernelMaps {
  ServiceMap services;
  ListenerMap listeners;
  HostBanMap banned_hosts;
  NetBanMap banned_nets;
  BpfMap<device_key, ban_value> banned_devices;
  VerdictMap denied_flows;
  FailsafeMap failsafe;
  ModeMap mode;
  Fd deny_events;
  Fd counters;
  Fd event_rates;

  static KernelMaps of(MapDescriptors descriptors);
  void each(const std::function<void(const std::string& name, int descriptor)>& visit) const;

  // The one cell, whole.
  [[nodiscard]] Result<mode_value> read_mode() const;
  [[nodiscard]] Result<void> write_mode(const mode_value& value) const;
};

gatehouse_address raw_address(const Address& address);
Address address_of(const gatehouse_address& raw);
net_key net_key_of(const Prefix& network);
Prefix network_of(const net_key& key);
flow_key flow_key_of(const Verdict& verdict);
std::vector<failsafe_key> failsafe_keys_of(const Failsafe& failsafe);
// mode_value::failsafe_absent for a failsafe map that holds exactly these.
__u32 failsafe_absent_of(const Failsafe& failsafe);
service_key service_key_of(const ServiceBinding& service);
service_value service_value_of(const ServiceBinding& service);
ServiceMap::Entry service_entry_of(const ServiceBinding& service);

// Of one ban: but for reports, and a clock that was looked at twice.
bool is_same(const ban_value& left, const ban_value& right);

// Keys are compared byte by byte: they have no padding that is not a field.
template <typename Key>
struct ByBytes {
  static_assert(std::has_unique_object_representations_v<Key>);
  std::size_t operator()(const Key& key) const {
    std::size_t hash = 0xcbf29ce484222325ULL;
    const auto* bytes = reinterpret_cast<const unsigned char*>(&key);
    for (std::size_t i = 0; i < sizeof key; ++i) hash = (hash ^ bytes[i]) * 0x100000001b3ULL;
    return hash;
  }
  bool operator()(const Key& left, const Key& right) const { return std::memcmp(&left, &right, sizeof(Key)) == 0; }
};

}  // namespace gatehouse::kernel
