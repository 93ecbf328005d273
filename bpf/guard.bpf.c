// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * guard (XDP, on each configured interface): drops what comes from banned hosts and networks, new connections and
 * running ones alike, and the heartbeats of banned RustDesk devices. The operator's own way in (failsafe) is asked
 * first and always passes. Where there is no steer (steering by tproxy) it also drops new connections that a verdict
 * denies. What it cannot read it passes: the stack judges it, and nothing of a pool is forwarded anyway.
 */
#include "packet.h"
#include "rustdesk.h"
#include "verdict.h"

/* Networks inside one another whose bans ran out, one after the other, are stepped over this many times. */
enum { MAX_EXPIRED_NETS = 8 };

union failsafe_words {
  struct failsafe_key key;
  volatile __u64 words[3];
};

/* A packet whose source is, with the length before it, a net_key as well: a copy would have to be written. The length
 * is the second half of its word, where even Linux 6.1 lets it be overwritten: values are known of first halves only.
 */
struct subject {
  __u32 unused;
  __u32 prefix_length;
  struct packet packet;
};
_Static_assert(__builtin_offsetof(struct subject, packet.flow.source) -
                       __builtin_offsetof(struct subject, prefix_length) ==
                   __builtin_offsetof(struct net_key, address),
               "a subject holds a net_key");
_Static_assert(sizeof(struct packet) - __builtin_offsetof(struct packet, flow.port) == sizeof(__u64),
               "the end of a packet is one word");

static __always_inline bool is_failsafe_source(const struct packet* packet, const struct mode_value* mode_cell) {
  const struct gatehouse_address* source = &packet->flow.source;
  if (mode_cell->failsafe_absent & (1u << gatehouse_failsafe_source_class(source))) return false;
  union failsafe_words words __attribute__((aligned(8)));
  words.words[0] = word_of(part_of(source, 0), part_of(source, 1));
  words.words[1] = word_of(part_of(source, 2), part_of(source, 3));
  words.words[2] = word_of(end_of(0, 0, FAILSAFE_SOURCE), 0);
  return bpf_map_lookup_elem(&failsafe, &words.key) != 0;
}

static __always_inline bool is_failsafe_port(const struct packet* packet, const struct mode_value* mode_cell) {
  const __u16 port = packet->flow.port;
  if (packet->flow.l4proto != PROTOCOL_TCP || port == 0) return false;
  if (mode_cell->failsafe_absent & (1u << gatehouse_failsafe_port_class(port))) return false;
  union failsafe_words words __attribute__((aligned(8)));
  words.words[0] = 0;
  words.words[1] = 0;
  words.words[2] = word_of(end_of(port, PROTOCOL_TCP, FAILSAFE_PORT), 0);
  return bpf_map_lookup_elem(&failsafe, &words.key) != 0;
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
static __always_inline struct ban_value* net_ban(struct subject* subject, __u64* now_ns) {
  subject->prefix_length = 128;
  PACKET_FLAT_LOOP
  for (int i = 0; i < MAX_EXPIRED_NETS; ++i) {
    struct ban_value* ban = bpf_map_lookup_elem(&banned_nets, &subject->prefix_length);
    if (!ban || ban_holds(ban, now_ns)) return ban;
    if (ban->prefix_length == 0 || ban->prefix_length > 128) return 0;
    subject->prefix_length = ban->prefix_length - 1;
  }
  return 0;
}

/* The end of a flow's key is the key of its service. */
static __always_inline bool is_for_rustdesk(const struct packet* packet) {
  if (packet->flow.l4proto != PROTOCOL_UDP || packet->flow.port == 0) return false;
  const struct service_value* service = bpf_map_lookup_elem(&services, &packet->flow.destination);
  return service && service->kind == GATEHOUSE_KIND_RUSTDESK;
}

static __always_inline struct ban_value* device_ban(const __u8* data, const __u8* data_end, __u64* now_ns,
                                                    union rustdesk_words* words, __u16* port) {
  const int found = rustdesk_read_id(data, data_end, words);
  if (!found) return 0;
  *port = (__u16)found;
  struct ban_value* ban = bpf_map_lookup_elem(&banned_devices, &words->key);
  return ban && ban_holds(ban, now_ns) ? ban : 0;
}

static __always_inline int pass(void) {
  count(COUNTER_GUARD_PASSED);
  return XDP_PASS;
}

static __always_inline int refuse_device(const struct packet* packet, struct ban_value* ban, enum deny_event_kind kind,
                                         enum gatehouse_counter counter, const struct mode_value* mode_cell,
                                         __u64 now_ns, const struct device_key* device, const __u16 source_port) {
  struct denial denial = {
      .cause_id = ban->ban_id,
      .reason = ban->reason,
      .kind = (__u8)kind,
      .observed = mode_cell->mode != MODE_ENFORCE,
      .source_port = source_port,
      .device = device,
  };
  report(&packet->flow, &denial, &ban->reports, now_ns);
  if (denial.observed) {
    count(COUNTER_OBSERVED);
    return pass();
  }
  count(counter);
  return XDP_DROP;
}

static __always_inline int refuse(const struct packet* packet, struct ban_value* ban, enum deny_event_kind kind,
                                  enum gatehouse_counter counter, const struct mode_value* mode_cell, __u64 now_ns) {
  return refuse_device(packet, ban, kind, counter, mode_cell, now_ns, 0, 0);
}

SEC("xdp")
int guard(struct xdp_md* context) {
  const struct mode_value* mode_cell = current_mode();
  if (!mode_cell || mode_cell->mode == MODE_OFF) return pass();

  struct subject subject __attribute__((aligned(8)));
  const struct packet* packet = &subject.packet;
  const __u8* data = (const __u8*)(long)context->data;
  const __u8* data_end = (const __u8*)(long)context->data_end;
  const enum packet_shape shape = packet_read(data, data_end, &subject.packet);
  if (shape != PACKET_IP) {
    if (shape == PACKET_MALFORMED) count(COUNTER_MALFORMED);
    return pass();
  }
  if (is_failsafe_source(packet, mode_cell) || is_failsafe_port(packet, mode_cell)) {
    count(COUNTER_FAILSAFE_PASSED);
    return XDP_PASS;
  }
  __u64 now_ns = 0;
  struct ban_value* ban = host_ban(packet, &now_ns);
  if (ban) return refuse(packet, ban, DENY_EVENT_BANNED_HOST, COUNTER_BANNED_HOST_DROPPED, mode_cell, now_ns);
  ban = net_ban(&subject, &now_ns);
  if (ban) return refuse(packet, ban, DENY_EVENT_BANNED_NET, COUNTER_BANNED_NET_DROPPED, mode_cell, now_ns);

  if (is_for_rustdesk(packet)) {
    union rustdesk_words device __attribute__((aligned(8)));
    __u16 port = 0;
    ban = device_ban(data, data_end, &now_ns, &device, &port);
    if (ban) {
      return refuse_device(packet, ban, DENY_EVENT_BANNED_DEVICE, COUNTER_BANNED_DEVICE_DROPPED, mode_cell, now_ns,
                           &device.key, port);
    }
  }

  const bool is_new = packet->opening || (packet->flow.l4proto == PROTOCOL_UDP && packet->flow.port != 0);
  if (mode_cell->steering == STEERING_TPROXY && is_new && is_denied_by_verdict(&packet->flow, mode_cell))
    return XDP_DROP;
  return pass();
}

char guard_license[] SEC("license") = "GPL";
