/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon's verdicts: asked by steer for every new connection, or by guard where there is no steer. */
#ifndef GATEHOUSE_VERDICT_H
#define GATEHOUSE_VERDICT_H

#include "events.h"

/* Whether a live verdict denies `flow`; it is counted and reported. What is only observed is not denied. */
static __always_inline bool is_denied_by_verdict(const struct flow_key* flow, const struct mode_value* mode_cell) {
  struct verdict_value* verdict = bpf_map_lookup_elem(&denied_flows, flow);
  if (!verdict) return false;
  __u64 now_ns = bpf_ktime_get_boot_ns();
  if (!is_live(verdict->expires_ns, now_ns)) return false;
  __sync_fetch_and_add(&verdict->hits, 1);
  struct denial denial = {
      .cause_id = verdict->audit_id,
      .reason = verdict->reason,
      .kind = DENY_EVENT_VERDICT,
      .observed = mode_cell->mode != MODE_ENFORCE,
  };
  report_on(&flow->source, flow, &denial, now_ns);
  count(denial.observed ? COUNTER_OBSERVED : COUNTER_VERDICT_DROPPED);
  return !denial.observed;
}

#endif
