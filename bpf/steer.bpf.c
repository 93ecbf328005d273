// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * steer (sk_lookup, one a network namespace): the kernel asks it which socket a new connection belongs to. A connection
 * to a service goes to the service's listener, whatever address and port that is bound to, unless a verdict denies it.
 * A service without a listener is dropped, never left to whoever else listens there. What is no service is none of our
 * business, but what the servers of services over UDP send: that goes to the service's socket as well.
 *
 * Several sockets may share a listener's address by SO_REUSEPORT; the kernel then picks one of them by the flow.
 */
#include "packet.h"
#include "verdict.h"
#include "words.h"

union flow_words {
  struct flow_key flow;
  volatile __u64 words[5];
};

static __always_inline bool read_flow(const struct bpf_sk_lookup* context, union flow_words* to) {
  if (context->family == AF_INET) {
    to->words[0] = 0;
    to->words[1] = word_of(mapped_part(), context->remote_ip4);
    to->words[2] = 0;
    to->words[3] = word_of(mapped_part(), context->local_ip4);
    to->words[4] = word_of(end_of((__u16)context->local_port, (__u8)context->protocol, 0), 0);
    /* Keeps clang from merging this branch with the other into one read at a computed offset, which the verifier
     * refuses. */
    barrier();
    return true;
  }
  if (context->family != AF_INET6) return false;
  to->words[0] = word_of(context->remote_ip6[0], context->remote_ip6[1]);
  to->words[1] = word_of(context->remote_ip6[2], context->remote_ip6[3]);
  to->words[2] = word_of(context->local_ip6[0], context->local_ip6[1]);
  to->words[3] = word_of(context->local_ip6[2], context->local_ip6[3]);
  to->words[4] = word_of(end_of((__u16)context->local_port, (__u8)context->protocol, 0), 0);
  return true;
}

union server_words {
  struct service_key key;
  volatile __u64 words[3];
};

/* The context has it in network order, as two bytes of its own. */
static __always_inline __u16 port_in_host_order(const __u16 port) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  return __builtin_bswap16(port);
#else
  return port;
#endif
}

/* Answers of a server behind a service over UDP: found by where they come from. */
static __always_inline const struct service_value* service_of_server(const struct bpf_sk_lookup* context,
                                                                     const struct flow_key* flow) {
  if (flow->l4proto != PROTOCOL_UDP) return 0;
  union server_words words __attribute__((aligned(8)));
  words.words[0] = word_of(part_of(&flow->source, 0), part_of(&flow->source, 1));
  words.words[1] = word_of(part_of(&flow->source, 2), part_of(&flow->source, 3));
  words.words[2] = word_of(end_of(port_in_host_order(context->remote_port), PROTOCOL_UDP, 1), 0);
  return bpf_map_lookup_elem(&services, &words.key);
}

static __always_inline int drop_without_listener(const struct flow_key* flow) {
  struct denial denial = {
      .cause_id = 0,
      .reason = GATEHOUSE_REASON_NO_LISTENER,
      .kind = DENY_EVENT_NO_LISTENER,
      .observed = 0,
  };
  report_on(&flow->destination, flow, &denial, 0);
  count(COUNTER_STEER_NO_LISTENER);
  return SK_DROP;
}

SEC("sk_lookup")
int steer(struct bpf_sk_lookup* context) {
  union flow_words words __attribute__((aligned(8)));
  if (!read_flow(context, &words)) return SK_PASS;
  const struct flow_key* flow = &words.flow;

  /* The end of a flow's key is the key of its service. */
  const struct service_value* service = bpf_map_lookup_elem(&services, &flow->destination);
  if (!service) service = service_of_server(context, flow);
  if (!service) return SK_PASS;

  const struct mode_value* mode_cell = current_mode();
  if (mode_cell && mode_cell->mode != MODE_OFF && is_denied_by_verdict(flow, mode_cell)) return SK_DROP;

  __u32 slot = service->listener_slot + (context->family == AF_INET6 ? 1 : 0);
  struct bpf_sock* listener = bpf_map_lookup_elem(&listeners, &slot);
  if (!listener) return drop_without_listener(flow);
  const long failed = bpf_sk_assign(context, listener, 0);
  bpf_sk_release(listener);
  if (failed) return drop_without_listener(flow);
  count(COUNTER_STEERED);
  return SK_PASS;
}

_Static_assert(sizeof(struct service_key) == sizeof(struct flow_key) - sizeof(struct gatehouse_address),
               "a flow ends in its service");

char steer_license[] SEC("license") = "GPL";
