// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * guard (XDP, on each configured interface): drops what comes from banned hosts and networks, new connections and
 * running ones alike. The operator's own way in (failsafe) is asked first and always passes. Where there is no steer
 * (steering by tproxy) it also drops new connections that a verdict denies. What it cannot read it passes: the stack
 * judges it, and nothing of a pool is forwarded anyway.
 */
#include "packet.h"
#include "verdict.h"

/* Networks inside one another whose bans ran out, one after the other, are stepped over this many times. */
enum { MAX_EXPIRED_NETS = 8 };

union failsafe_words {
  struct failsafe_key key;
  volatile __u64 words[3];
};
union net_words {
  struct net_key key;
  volatile __u64 words[3];
};

static __always_inline bool has_failsafe(const struct mode_value* mode_cell, const union failsafe_words* words,
                                         __u32 class) {
  if (mode_cell->failsafe_absent & (1u << class)) return false;
  return bpf_map_lookup_elem(&failsafe, &words->key) != 0;
}

static __always_inline bool is_failsafe(const struct packet* packet, const struct mode_value* mode_cell) {
  const struct gatehouse_address* source = &packet->flow.source;
  union failsafe_words words __attribute__((aligned(8)));
  words.words[0] = word_of(part_of(source, 0), part_of(source, 1));
  words.words[1] = word_of(part_of(source, 2), part_of(source, 3));
  words.words[2] = word_of(end_of(0, 0, FAILSAFE_SOURCE), 0);
  if (has_failsafe(mode_cell, &words, gatehouse_failsafe_source_class(source))) return true;
  const __u16 port = packet->flow.port;
  if (packet->flow.l4proto != PROTOCOL_TCP || port == 0) return false;
  words.words[0] = 0;
  words.words[1] = 0;
  words.words[2] = word_of(end_of(port, PROTOCOL_TCP, FAILSAFE_PORT), 0);
  return has_failsafe(mode_cell, &words, gatehouse_failsafe_port_class(port));
}

/* Reads the time once, and only for a ban that ends. */
static __always_inline bool ban_holds(const struct ban_value* ban, __u64* now_ns) {
  if (ban->expires_ns == 0) return true;
  if (*now_ns == 0) *now_ns = bpf_ktime_get_boot_ns();
  return is_live(ban->expires_ns, *now_ns);
}

static __always_inline struct ban_value* host_ban(const struct packet* packet, __u64* now_ns) {
  struct ban_value* ban = bpf_map_lookup_elem(&banned_hosts, &packet->flow.source);
  return ban && ban_holds(ban, now_ns) ? ban : 0;
}

/* The trie gives the longest network only. When its ban has run out and nobody has swept it yet, a wider one may still
 * hold. */
static __always_inline struct ban_value* net_ban(const struct packet* packet, __u64* now_ns) {
  const struct gatehouse_address* source = &packet->flow.source;
  const __u32 first = part_of(source, 0);
  union net_words words __attribute__((aligned(8)));
  words.words[0] = word_of(128, first);
  words.words[1] = word_of(part_of(source, 1), part_of(source, 2));
  words.words[2] = word_of(part_of(source, 3), 0);
  PACKET_FLAT_LOOP
  for (int i = 0; i < MAX_EXPIRED_NETS; ++i) {
    struct ban_value* ban = bpf_map_lookup_elem(&banned_nets, &words.key);
    if (!ban || ban_holds(ban, now_ns)) return ban;
    if (ban->prefix_length == 0 || ban->prefix_length > 128) return 0;
    words.words[0] = word_of(ban->prefix_length - 1, first);
  }
  return 0;
}

static __always_inline int pass(void) {
  count(COUNTER_GUARD_PASSED);
  return XDP_PASS;
}

static __always_inline int refuse(const struct packet* packet, struct ban_value* ban, enum deny_event_kind kind,
                                  enum gatehouse_counter counter, const struct mode_value* mode_cell, __u64 now_ns) {
  struct denial denial = {
      .cause_id = ban->ban_id,
      .reason = ban->reason,
      .kind = (__u8)kind,
      .observed = mode_cell->mode != MODE_ENFORCE,
  };
  report(&packet->flow, &denial, &ban->reports, now_ns);
  if (denial.observed) {
    count(COUNTER_OBSERVED);
    return pass();
  }
  count(counter);
  return XDP_DROP;
}

SEC("xdp")
int guard(struct xdp_md* context) {
  const struct mode_value* mode_cell = current_mode();
  if (!mode_cell || mode_cell->mode == MODE_OFF) return pass();

  struct packet packet __attribute__((aligned(8))) = {};
  const __u8* data = (const __u8*)(long)context->data;
  const __u8* data_end = (const __u8*)(long)context->data_end;
  const enum packet_shape shape = packet_read(data, data_end, &packet);
  if (shape != PACKET_IP) {
    if (shape == PACKET_MALFORMED) count(COUNTER_MALFORMED);
    return pass();
  }
  if (is_failsafe(&packet, mode_cell)) {
    count(COUNTER_FAILSAFE_PASSED);
    return XDP_PASS;
  }
  __u64 now_ns = 0;
  struct ban_value* ban = host_ban(&packet, &now_ns);
  if (ban) return refuse(&packet, ban, DENY_EVENT_BANNED_HOST, COUNTER_BANNED_HOST_DROPPED, mode_cell, now_ns);
  ban = net_ban(&packet, &now_ns);
  if (ban) return refuse(&packet, ban, DENY_EVENT_BANNED_NET, COUNTER_BANNED_NET_DROPPED, mode_cell, now_ns);

  const bool is_new = packet.opening || (packet.flow.l4proto == PROTOCOL_UDP && packet.flow.port != 0);
  if (mode_cell->steering == STEERING_TPROXY && is_new && is_denied_by_verdict(&packet.flow, mode_cell))
    return XDP_DROP;
  return pass();
}

char guard_license[] SEC("license") = "GPL";
