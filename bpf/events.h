/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reports of denials to the daemon. Each subject (see event_rate) has GATEHOUSE_EVENTS_PER_SUBJECT reports in a window;
 * what comes on top is counted, and the first report of a later window says how much that was. The counts of two
 * processors may cross when a window turns: a report more or less, never a denial.
 */
#ifndef GATEHOUSE_EVENTS_H
#define GATEHOUSE_EVENTS_H

#include "maps.h"

struct denial {
  __u64 cause_id;
  __u32 reason;
  __u8 kind; /* deny_event_kind */
  __u8 observed;
  __u16 source_port;
  const struct device_key* device; /* or 0 */
};

/*
 * Whether a report may be sent now; what was held back until then goes to `suppressed`. `now_ns` is read when it is
 * needed and 0: it costs as much as all the rest.
 */
static __always_inline bool may_report(struct event_rate* rate, __u64* now_ns, __u32* suppressed) {
  __u64 tick = bpf_jiffies64();
  if (rate->sent >= GATEHOUSE_EVENTS_PER_SUBJECT && rate->tick == tick) {
    __sync_fetch_and_add(&rate->suppressed, 1);
    return false;
  }
  if (*now_ns == 0) *now_ns = bpf_ktime_get_boot_ns();
  if (*now_ns - rate->window_start_ns >= GATEHOUSE_EVENT_WINDOW_NS) {
    rate->window_start_ns = *now_ns;
    rate->sent = 1;
    /* Taken off again instead of set to zero: what another processor adds meanwhile is kept. */
    *suppressed = rate->suppressed;
    __sync_fetch_and_add(&rate->suppressed, -*suppressed);
    return true;
  }
  if (rate->sent < GATEHOUSE_EVENTS_PER_SUBJECT) {
    rate->sent += 1;
    return true;
  }
  rate->tick = tick;
  __sync_fetch_and_add(&rate->suppressed, 1);
  return false;
}

/* The same for a subject without an entry of its own. */
static __always_inline bool may_report_on(const struct gatehouse_address* subject, __u64* now_ns, __u32* suppressed) {
  struct event_rate* rate = bpf_map_lookup_elem(&event_rates, subject);
  /* Asked once: without CAP_PERFMON, Linux 6.12 refuses a second comparison with 0, for it follows the wrong guess. */
  if (!rate) {
    struct event_rate fresh;
    if (*now_ns == 0) *now_ns = bpf_ktime_get_boot_ns();
    fresh.window_start_ns = *now_ns;
    fresh.tick = 0;
    fresh.sent = 1;
    fresh.suppressed = 0;
    bpf_map_update_elem(&event_rates, subject, &fresh, BPF_ANY);
    return true;
  }
  return may_report(rate, now_ns, suppressed);
}

static __always_inline void send_report(const struct flow_key* flow, const struct denial* denial, __u64 now_ns,
                                        __u32 suppressed) {
  struct deny_event* event = bpf_ringbuf_reserve(&deny_events, sizeof(*event), 0);
  if (!event) {
    count(COUNTER_EVENTS_LOST);
    return;
  }
  event->time_ns = now_ns;
  event->cause_id = denial->cause_id;
  __builtin_memcpy(&event->source, &flow->source, sizeof(event->source));
  __builtin_memcpy(&event->destination, &flow->destination, sizeof(event->destination));
  event->port = flow->port;
  event->l4proto = flow->l4proto;
  event->kind = denial->kind;
  event->reason = denial->reason;
  event->suppressed = suppressed;
  event->observed = denial->observed;
  event->zero = 0;
  event->source_port = denial->source_port;
  if (denial->device) {
    __builtin_memcpy(&event->device, denial->device, sizeof(event->device));
  } else {
    __builtin_memset(&event->device, 0, sizeof(event->device));
  }
  bpf_ringbuf_submit(event, 0);
  count(COUNTER_EVENTS_SENT);
}

/* `now_ns`: CLOCK_BOOTTIME if the caller has it, else 0. */
static __always_inline void report(const struct flow_key* flow, const struct denial* denial, struct event_rate* rate,
                                   __u64 now_ns) {
  __u32 suppressed = 0;
  if (may_report(rate, &now_ns, &suppressed)) {
    send_report(flow, denial, now_ns, suppressed);
  } else {
    count(COUNTER_EVENTS_SUPPRESSED);
  }
}

static __always_inline void report_on(const struct gatehouse_address* subject, const struct flow_key* flow,
                                      const struct denial* denial, __u64 now_ns) {
  __u32 suppressed = 0;
  if (may_report_on(subject, &now_ns, &suppressed)) {
    send_report(flow, denial, now_ns, suppressed);
  } else {
    count(COUNTER_EVENTS_SUPPRESSED);
  }
}

#endif
