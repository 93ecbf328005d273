// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * steer (sk_lookup, one a network namespace): the kernel asks it which socket a new connection belongs to. A connection
 * to a service goes to the service's listener, whatever address and port that is bound to, unless a verdict denies it.
 * A service without a listener is dropped, never left to whoever else listens there. What is no service is none of our
 * business.
 *
 * Several sockets may share a listener's address by SO_REUSEPORT; the kernel then picks one of them by the flow.
 */
#include "verdict.h"

static __always_inline bool read_flow(const struct bpf_sk_lookup* context, struct flow_key* flow) {
  flow->port = (__u16)context->local_port;
  flow->l4proto = (__u8)context->protocol;
  flow->zero = 0;
  __u32* source = (__u32*)(void*)flow->source.bytes;
  __u32* destination = (__u32*)(void*)flow->destination.bytes;
  if (context->family == AF_INET) {
    const __u32 mapped = __builtin_bswap32(0x0000ffff);
    source[0] = 0;
    source[1] = 0;
    source[2] = mapped;
    source[3] = context->remote_ip4;
    destination[0] = 0;
    destination[1] = 0;
    destination[2] = mapped;
    destination[3] = context->local_ip4;
    /* Keeps clang from merging this branch with the other into one read at a computed offset, which the verifier
     * refuses. */
    barrier();
    return true;
  }
  if (context->family != AF_INET6) return false;
  source[0] = context->remote_ip6[0];
  source[1] = context->remote_ip6[1];
  source[2] = context->remote_ip6[2];
  source[3] = context->remote_ip6[3];
  destination[0] = context->local_ip6[0];
  destination[1] = context->local_ip6[1];
  destination[2] = context->local_ip6[2];
  destination[3] = context->local_ip6[3];
  return true;
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
  struct flow_key flow __attribute__((aligned(8)));
  if (!read_flow(context, &flow)) return SK_PASS;

  /* The end of a flow's key is the key of its service. */
  struct service_key key __attribute__((aligned(8)));
  __builtin_memcpy(&key, &flow.destination, sizeof(key));
  const struct service_value* service = bpf_map_lookup_elem(&services, &key);
  if (!service) return SK_PASS;

  const struct mode_value* mode_cell = current_mode();
  if (mode_cell && mode_cell->mode != MODE_OFF && is_denied_by_verdict(&flow, mode_cell)) return SK_DROP;

  __u32 slot = service->listener_slot + (context->family == AF_INET6 ? 1 : 0);
  struct bpf_sock* listener = bpf_map_lookup_elem(&listeners, &slot);
  if (!listener) return drop_without_listener(&flow);
  const long failed = bpf_sk_assign(context, listener, 0);
  bpf_sk_release(listener);
  if (failed) return drop_without_listener(&flow);
  count(COUNTER_STEERED);
  return SK_PASS;
}

_Static_assert(sizeof(struct service_key) == sizeof(struct flow_key) - sizeof(struct gatehouse_address),
               "a flow ends in its service");

char steer_license[] SEC("license") = "GPL";
