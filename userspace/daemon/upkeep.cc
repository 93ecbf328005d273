// Daemon: what it does without being asked: kernel events into log and audit, expired entries out of the maps, drift
// mended, signs of life.
#include <spdlog/spdlog.h>

#include "daemon/daemon.h"
#include "daemon/supervision.h"

namespace gatehouse::daemon {
namespace {

constexpr std::chrono::seconds sweep_period{1};

Address address_of(const gatehouse_address& raw) {
  Address address;
  std::copy(std::begin(raw.bytes), std::end(raw.bytes), address.bytes.begin());
  return address;
}

}  // namespace

void Daemon::start_upkeep() {
  every(sweep_timer_, sweep_period, &Daemon::sweep);
  every(reconcile_timer_, configuration_.reconcile_every, &Daemon::reconcile);
  if (const auto interval = watchdog_interval()) every(watchdog_timer_, *interval, &Daemon::keep_watchdog);
  kernel_events_.assign(dataplane_->events_fd());
  wait_for_kernel_events();
}

void Daemon::every(boost::asio::steady_timer& timer, std::chrono::milliseconds period, void (Daemon::*work)()) {
  timer.expires_after(period);
  timer.async_wait([this, &timer, period, work](const boost::system::error_code& error) {
    if (error) return;
    (this->*work)();
    every(timer, period, work);
  });
}

void Daemon::wait_for_kernel_events() {
  kernel_events_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                            [this](const boost::system::error_code& error) {
                              if (error) return;
                              dataplane_->drain_events([this](const deny_event& event) { record_kernel_event(event); });
                              wait_for_kernel_events();
                            });
}

void Daemon::record_kernel_event(const deny_event& event) {
  const auto kind = static_cast<deny_event_kind>(event.kind);
  store::AuditRow row;
  row.time = from_boot_time_ns(event.time_ns);
  row.action = "kernel_denied";
  row.source = address_of(event.source);
  row.destination = Endpoint{address_of(event.destination), event.port};
  row.reason = static_cast<policy::Reason>(event.reason);
  if (const auto* service = snapshot_.policy->service_at(row.destination->address, event.port,
                                                         static_cast<policy::Transport>(event.l4proto))) {
    row.service = service->name;
  }
  if (const auto user = snapshot_.policy->user_at(*row.source)) row.user = user->user->name;
  row.detail = kernel::deny_event_name(kind);
  if (event.cause_id != 0)
    row.detail += (kind == DENY_EVENT_VERDICT ? " of audit row " : " ") + std::to_string(event.cause_id);
  if (event.suppressed > 0) row.detail += ", " + std::to_string(event.suppressed) + " more not reported";
  if (event.observed != 0) row.detail += ", observed only";
  spdlog::info("kernel denied {} -> {}: {} ({})", row.source->text(), row.destination->text(), policy::name(row.reason),
               row.detail);
  if (!store_->submit_audit(std::move(row))) ++unaudited_kernel_events_;
}

void Daemon::sweep() {
  alarms_.follow("sweep", dataplane_->sweep(now()));

  const auto health = store_->health();
  if (health.alarm) {
    alarms_.raise("store", {"no audit row can be written: no new session opens (" + health.fault + ")",
                            "free space below " + configuration_.state_dir.string() + " or mend the disk"});
  } else {
    alarms_.clear("store");
  }
  const auto failures = gate_->counters().verdict_failures;
  if (failures > seen_verdict_failures_) {
    alarms_.raise("verdicts",
                  {std::to_string(failures - seen_verdict_failures_) + " verdicts were not taken by the kernel",
                   "denials are still made by the daemon; look at `gatehouse status`, or shorten deny_ttl"});
  } else {
    alarms_.clear("verdicts");
  }
  seen_verdict_failures_ = failures;
}

void Daemon::reconcile() {
  auto drift = dataplane_->reconcile();
  alarms_.follow("kernel", drift);
  if (!drift) return;
  last_reconciled_ = now();
  if (drift->any()) {
    last_drift_ = *drift;
    spdlog::warn("the kernel's state had drifted and was mended: {} services, {} bans, {} rules, {} guards",
                 drift->services, drift->bans, drift->rules, drift->guards);
  }
}

void Daemon::keep_watchdog() {
  notify_watchdog();
}

}  // namespace gatehouse::daemon
