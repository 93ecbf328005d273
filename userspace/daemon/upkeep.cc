// Daemon: what it does without being asked: expired entries out of the maps, alarms followed, what is kept no longer
// out of the store, drift mended, signs of life.
#include <spdlog/spdlog.h>

#include <utility>

#include "daemon/daemon.h"
#include "daemon/supervision.h"

namespace gatehouse::daemon {
namespace {

constexpr std::chrono::seconds sweep_period{1};
constexpr std::chrono::seconds retention_period{5};   // while something is removed: with every sweep
constexpr std::chrono::seconds retention_failed{60};  // what is too large for the disk would raise the store's alarm

}  // namespace

void Daemon::start_upkeep() {
  every(sweep_timer_, sweep_period, &Daemon::sweep);
  every(reconcile_timer_, configuration_.reconcile_every, &Daemon::reconcile);
  if (const auto interval = watchdog_interval()) every(watchdog_timer_, *interval, &Daemon::keep_watchdog);
  begin_console();
  kernel_events_.assign(dataplane_->events_fd());
  wait_for_kernel_events();
}

void Daemon::every(boost::asio::steady_timer& timer, std::chrono::milliseconds period, void (Daemon::*work)()) {
  timer.expires_after(period);
  timer.async_wait([this, &timer, period, work](const boost::system::error_code& error) {
    if (error || !dataplane_) return;  // due while everything was handed over
    (this->*work)();
    every(timer, period, work);
  });
}

void Daemon::sweep() {
  alarms_.follow("sweep", dataplane_->sweep(now()));
  expire_bans();
  record_withheld_kernel_events();
  record_withheld_logins();
  follow_recordings();
  follow_rendezvous();
  if (tokens_are_stale_) tokens_are_stale_ = !load_tokens();
  // Its outcome is the alarm that it keeps.
  if (verdicts_are_stale_) static_cast<void>(remove_untrue_verdicts());

  const auto health = store_->health();
  if (!health.alarm && std::chrono::steady_clock::now() >= next_retention_) retain();
  if (health.alarm) {
    alarms_.raise("store", {"no audit row can be written: no new session opens (" + health.fault + ")",
                            "free space below " + configuration_.state_dir.string() + " or mend the disk"});
  } else {
    alarms_.clear("store");
  }
  const auto counters = gate_->counters();
  const auto grew = [](std::uint64_t now, std::uint64_t& seen) { return now - std::exchange(seen, now); };
  // Not over before there is room again: until then denials are put nowhere, or are not tried.
  const auto refused_verdicts = grew(counters.verdict_failures, seen_verdict_failures_);
  if (refused_verdicts > 0) {
    alarms_.raise("verdicts",
                  {std::to_string(refused_verdicts) + " verdicts were not taken by the kernel",
                   "denials are still made by the daemon; look at `gatehouse status`, or shorten deny_ttl"});
  } else if (dataplane_->status().verdicts < GATEHOUSE_MAX_DENIED_FLOWS) {
    alarms_.clear("verdicts");
  }
  const auto without_descriptor = grew(counters.accept_failures + counters.pipe_failures, seen_descriptor_failures_);
  if (without_descriptor > 0) {
    alarms_.raise("descriptors",
                  {"the daemon has no descriptor left: new sessions are refused, and live ones wait",
                   "raise LimitNOFILE of the unit, or lower max_sessions: a session takes up to six descriptors"});
  } else {
    alarms_.clear("descriptors");
  }
  if (counters.open >= configuration_.gate.max_sessions) {
    alarms_.raise("sessions", {"max_sessions (" + std::to_string(configuration_.gate.max_sessions) +
                                   ") are open: new ones are refused with out_of_resources",
                               "end some with `gatehouse sessions kill`, or raise max_sessions"});
  } else {
    alarms_.clear("sessions");
  }
}

void Daemon::retain() {
  next_retention_ = std::chrono::steady_clock::now() + retention_period;
  if (!configuration_.retention.any()) {
    alarms_.clear("retention");
    return;
  }
  const auto outcome = store_->remove_due(configuration_.retention, now());
  if (!outcome) {
    next_retention_ += retention_failed;
    alarms_.raise("retention", outcome.error());
    return;
  }
  if (outcome->removed > 0) {
    next_retention_ = {};
    spdlog::debug("retention removed {} rows", outcome->removed);
  }
  if (outcome->fault.empty()) {
    alarms_.clear("retention");
  } else {
    alarms_.raise("retention", {"rows of the audit that retention is to remove stay: " + outcome->fault,
                                "look at `gatehouse audit verify`"});
  }
}

void Daemon::follow_recordings() {
  const auto fault = recording_keeper_ ? recording_keeper_->fault() : std::nullopt;
  if (fault) {
    alarms_.raise("recordings", {"recordings that are kept no longer stay: " + fault->what, fault->mend});
  } else {
    alarms_.clear("recordings");
  }
}

void Daemon::reconcile() {
  auto drift = dataplane_->reconcile();
  alarms_.follow("kernel", drift);
  // A change that the kernel did not take is tried again, from what is in force in the daemon.
  if (alarms_.is_raised("steering")) alarms_.follow("steering", steer(*snapshot_.policy));
  follow_bans({});
  follow_remote_api();
  if (!drift) return;
  last_reconciled_ = now();
  last_drift_ = *drift;
  if (drift->any()) {
    spdlog::warn("the kernel's state had drifted and was mended: {} services, {} bans, {} rules, {} guards",
                 drift->services, drift->bans, drift->rules, drift->guards);
  }
}

void Daemon::keep_watchdog() {
  notify_watchdog();
}

}  // namespace gatehouse::daemon
