/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The maps of the contract, as both programs share them. Each object defines all of them; the daemon makes every map
 * once and gives the same ones to both (userspace/kernel/programs.h). Names have at most 15 characters.
 */
#ifndef GATEHOUSE_MAPS_H
#define GATEHOUSE_MAPS_H

#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "contract.h"

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, GATEHOUSE_MAX_SERVICES);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct service_key);
  __type(value, struct service_value);
} services SEC(".maps");

/* 8-byte values: user space reads a slot as the socket's cookie, 4-byte ones could not be read at all. */
struct {
  __uint(type, BPF_MAP_TYPE_SOCKMAP);
  __uint(max_entries, GATEHOUSE_MAX_LISTENERS);
  __type(key, __u32);
  __type(value, __u64);
} listeners SEC(".maps");

/* Entries are allocated as they come: a gateway without bans does not pay for two million of them. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, GATEHOUSE_MAX_BANNED_HOSTS);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct gatehouse_address);
  __type(value, struct ban_value);
} banned_hosts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, GATEHOUSE_MAX_BANNED_NETS);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct net_key);
  __type(value, struct ban_value);
} banned_nets SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, GATEHOUSE_MAX_BANNED_DEVICES);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct device_key);
  __type(value, struct ban_value);
} banned_devices SEC(".maps");

/* Not preallocated for a second reason: an entry that is removed is not reused under a program that still counts a hit
 * in it. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, GATEHOUSE_MAX_DENIED_FLOWS);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct flow_key);
  __type(value, struct verdict_value);
} denied_flows SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, GATEHOUSE_MAX_FAILSAFE);
  __type(key, struct failsafe_key);
  __type(value, struct failsafe_value);
} failsafe SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct mode_value);
} mode SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, GATEHOUSE_EVENT_RING_BYTES);
} deny_events SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, COUNTER_COUNT);
  __type(key, __u32);
  __type(value, __u64);
} counters SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, GATEHOUSE_MAX_EVENT_SOURCES);
  __type(key, struct gatehouse_address);
  __type(value, struct event_rate);
} event_rates SEC(".maps");

static __always_inline void count(enum gatehouse_counter counter) {
  __u32 index = counter;
  __u64* cell = bpf_map_lookup_elem(&counters, &index);
  if (cell) *cell += 1;
}

static __always_inline const struct mode_value* current_mode(void) {
  __u32 index = 0;
  return bpf_map_lookup_elem(&mode, &index);
}

/* Half-open: at the very moment of its expiry an entry no longer holds. */
static __always_inline bool is_live(__u64 expires_ns, __u64 now_ns) {
  return expires_ns == 0 || now_ns < expires_ns;
}

#endif
