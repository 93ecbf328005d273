/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel contract: every map's key and value, and every event. The BPF programs and the daemon include this one
 * header; the assertions at its end fix sizes and offsets on both sides.
 *
 * Addresses are 16 bytes in network order, IPv4 as IPv4-mapped IPv6: one key for both families everywhere.
 * Ports are in host order. Times are CLOCK_BOOTTIME nanoseconds (bpf_ktime_get_boot_ns); an expiry of 0 means never.
 * Padding is explicit and always zero: keys are compared byte by byte.
 *
 * A change of any layout here raises GATEHOUSE_SCHEMA: pins of another schema are never reused (docs/architecture.md).
 */
#ifndef GATEHOUSE_CONTRACT_H
#define GATEHOUSE_CONTRACT_H

#ifdef __bpf__
#include "vmlinux.h"
#else
#include <linux/types.h>
#endif

enum gatehouse_limits {
  GATEHOUSE_SCHEMA = 3,
  GATEHOUSE_MAX_SERVICES = 65536,
  GATEHOUSE_MAX_LISTENERS = 64,
  GATEHOUSE_MAX_BANNED_HOSTS = 2097152,
  GATEHOUSE_MAX_BANNED_NETS = 2097152,
  GATEHOUSE_MAX_BANNED_DEVICES = 2097152,
  GATEHOUSE_MAX_DENIED_FLOWS = 65536,
  GATEHOUSE_MAX_FAILSAFE = 256,
  GATEHOUSE_MAX_EVENT_SOURCES = 16384,
  GATEHOUSE_EVENT_RING_BYTES = 262144,
  GATEHOUSE_EVENTS_PER_SUBJECT = 5, /* in each window; the rest is only counted */
};

#define GATEHOUSE_EVENT_WINDOW_NS 1000000000ULL

/* Of policy::Reason, the one that a program gives of its own; the daemon asserts that it is the same. */
enum gatehouse_reason {
  GATEHOUSE_REASON_NO_LISTENER = 14, /* internal_error: a service whose listener is gone */
};

struct gatehouse_address {
  __u8 bytes[16];
};

/* Of policy::Kind, the one that a program treats in its own way; the daemon asserts that it is the same. */
enum gatehouse_kind {
  GATEHOUSE_KIND_RUSTDESK = 3,
};

/*
 * services: {addr, port, l4proto} -> {service id, kind, listener slot}. What the server behind a service over UDP sends
 * of its own accord, or as an answer, goes through the daemon too: its entry has the server's address and port, and
 * from_server.
 */
struct service_key {
  struct gatehouse_address address;
  __u16 port;
  __u8 l4proto; /* IPPROTO_TCP, IPPROTO_UDP */
  __u8 from_server;
};
struct service_value {
  __u32 service_id;
  __u8 kind;
  __u8 zero[3];
  __u32 listener_slot; /* of the IPv4 listener; the IPv6 one has the next slot */
};

/*
 * The memory of the limit on reports. What is limited is the subject of a denial, so that nobody gets more reports by
 * using more addresses: a ban (in its own entry), the source of a denied flow, the address of a service without a
 * listener (both in event_rates, an LRU: forgetting one only means a report more).
 */
struct event_rate {
  __u64 window_start_ns;
  __u64
      tick; /* of the scheduler's clock, when it last held one back: within a tick it need not ask for the time again */
  __u32 sent;
  __u32 suppressed;
};

/* banned_hosts (by address), banned_nets (by prefix), banned_devices (by RustDesk id) */
struct net_key {
  __u32 prefix_length; /* bits of the 16-byte form: an IPv4 /24 is 120 */
  struct gatehouse_address address;
};
struct device_key {
  char id[16];
};
struct ban_value {
  __u64 expires_ns;
  __u64 ban_id;
  __u32 reason;
  __u32 prefix_length; /* of the key in banned_nets, for the trie does not say what it matched; 128 for a host, 0 for a
                          device */
  struct event_rate reports;
};

/* denied_flows: a verdict. It always has an expiry. */
struct flow_key {
  struct gatehouse_address source;
  struct gatehouse_address destination;
  __u16 port; /* of the destination */
  __u8 l4proto;
  __u8 zero;
};
struct verdict_value {
  __u64 expires_ns;
  __u64 audit_id;
  __u64 hits;
  __u32 reason; /* policy::Reason */
  __u32 zero;
};

/* failsafe: never dropped by a ban; asked first. kind says what `address` and `port` mean. */
enum failsafe_kind {
  FAILSAFE_SOURCE = 1, /* any packet from this address; port 0 */
  FAILSAFE_PORT = 2,   /* any packet to this destination port; address zero */
};
struct failsafe_key {
  struct gatehouse_address address;
  __u16 port;
  __u8 l4proto; /* 0 with FAILSAFE_SOURCE */
  __u8 kind;
};
struct failsafe_value {
  __u64 zero;
};

/* mode: the one cell */
enum gatehouse_mode {
  MODE_OFF = 0,     /* every ban and verdict is ignored */
  MODE_OBSERVE = 1, /* counted and reported, nothing dropped */
  MODE_ENFORCE = 2,
};
enum gatehouse_steering {
  STEERING_NONE = 0,
  STEERING_SK_LOOKUP = 1,
  STEERING_TPROXY = 2, /* guard asks denied_flows, for there is no steer */
};
struct mode_value {
  __u32 schema;
  __u32 mode;
  __u32 steering;
  /*
   * The bit of a gatehouse_failsafe_class() is set when no entry of failsafe is of that class, so that guard need not
   * look. Zero is always safe: then it looks. The bit of an entry is cleared before the entry is put, and set after the
   * last of its class is erased.
   */
  __u32 failsafe_absent;
  __u64 policy_version;
};

/* Classes 0 to 15 are sources by the end of their address, 16 to 31 ports by the end of their number. */
static inline __u32 gatehouse_failsafe_source_class(const struct gatehouse_address* source) {
  return source->bytes[15] & 15u;
}
static inline __u32 gatehouse_failsafe_port_class(__u16 port) {
  return 16u + (port & 15u);
}
static inline __u32 gatehouse_failsafe_class(const struct failsafe_key* key) {
  return key->kind == FAILSAFE_PORT ? gatehouse_failsafe_port_class(key->port)
                                    : gatehouse_failsafe_source_class(&key->address);
}

/* counters: one per-CPU cell each, in this order. Only ever appended to, with GATEHOUSE_SCHEMA raised: the map grows.
 */
enum gatehouse_counter {
  COUNTER_STEERED = 0,         /* new connection handed to its listener */
  COUNTER_STEER_NO_LISTENER,   /* service without a live listener: dropped */
  COUNTER_VERDICT_DROPPED,     /* new connection dropped by denied_flows */
  COUNTER_GUARD_PASSED,        /* packets guard looked at and passed */
  COUNTER_FAILSAFE_PASSED,     /* passed because of failsafe although a ban may exist */
  COUNTER_BANNED_HOST_DROPPED, /* packets */
  COUNTER_BANNED_NET_DROPPED,  /* packets */
  COUNTER_BANNED_DEVICE_DROPPED,
  COUNTER_OBSERVED,  /* would have been dropped; mode is observe */
  COUNTER_MALFORMED, /* not parsed as IP: passed to the stack, which judges it */
  COUNTER_EVENTS_SENT,
  COUNTER_EVENTS_SUPPRESSED, /* by the limit on reports */
  COUNTER_EVENTS_LOST,       /* the ring was full */
  COUNTER_COUNT,
};

/* deny_events */
enum deny_event_kind {
  DENY_EVENT_VERDICT = 1,
  DENY_EVENT_BANNED_HOST = 2,
  DENY_EVENT_BANNED_NET = 3,
  DENY_EVENT_BANNED_DEVICE = 4,
  DENY_EVENT_NO_LISTENER = 5,
};
struct deny_event {
  __u64 time_ns;
  __u64 cause_id; /* ban id, or audit id of the verdict */
  struct gatehouse_address source;
  struct gatehouse_address destination;
  __u16 port; /* of the destination; 0 where the packet has none */
  __u8 l4proto;
  __u8 kind; /* deny_event_kind */
  __u32 reason;
  __u32 suppressed; /* events of this subject that the rate limit held back since the last one sent */
  __u8 observed;    /* 1: mode is observe, nothing was dropped */
  __u8 zero;
  __u16 source_port; /* of DENY_EVENT_BANNED_DEVICE; else zero, like the next */
  struct device_key device;
};

#ifdef __cplusplus
#define GATEHOUSE_ASSERT(condition) static_assert(condition, #condition)
#else
#define GATEHOUSE_ASSERT(condition) _Static_assert(condition, #condition)
#endif
GATEHOUSE_ASSERT(sizeof(struct service_key) == 20);
GATEHOUSE_ASSERT(__builtin_offsetof(struct service_key, port) == 16);
GATEHOUSE_ASSERT(sizeof(struct service_value) == 12);
GATEHOUSE_ASSERT(__builtin_offsetof(struct service_value, listener_slot) == 8);
GATEHOUSE_ASSERT(sizeof(struct net_key) == 20);
GATEHOUSE_ASSERT(__builtin_offsetof(struct net_key, address) == 4);
GATEHOUSE_ASSERT(sizeof(struct device_key) == 16);
GATEHOUSE_ASSERT(sizeof(struct event_rate) == 24);
GATEHOUSE_ASSERT(sizeof(struct ban_value) == 48);
GATEHOUSE_ASSERT(__builtin_offsetof(struct ban_value, reports) == 24);
GATEHOUSE_ASSERT(sizeof(struct flow_key) == 36);
GATEHOUSE_ASSERT(__builtin_offsetof(struct flow_key, port) == 32);
GATEHOUSE_ASSERT(sizeof(struct verdict_value) == 32);
GATEHOUSE_ASSERT(__builtin_offsetof(struct verdict_value, hits) == 16);
GATEHOUSE_ASSERT(sizeof(struct failsafe_key) == 20);
GATEHOUSE_ASSERT(sizeof(struct mode_value) == 24);
GATEHOUSE_ASSERT(sizeof(struct deny_event) == 80);
GATEHOUSE_ASSERT(__builtin_offsetof(struct deny_event, port) == 48);
#undef GATEHOUSE_ASSERT

#endif
