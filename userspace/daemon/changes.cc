// Daemon: what a change of policy or bans sets in motion, in the order that keeps "removed before answered": the loops
// judge with the new snapshot, live sessions that it refuses end, the kernel steers what is left, and verdicts that are
// no longer true go.
#include <spdlog/spdlog.h>

#include <utility>

#include "daemon/daemon.h"
#include "policy/service_ports.h"

namespace gatehouse::daemon {

Daemon::Consequences Daemon::put_in_force(policy::Snapshot snapshot) {
  const bool services_changed = snapshot.policy != snapshot_.policy;
  // The last to let go of the former one frees it, which may take a while: that is here, and no loop.
  const auto former = std::exchange(snapshot_, std::move(snapshot));
  Consequences consequences;
  consequences.sessions_ended = gate_->publish(snapshot_);
  consequences.sessions_ended += follow_devices(rendezvous_->publish(snapshot_));
  if (services_changed) {
    const auto steered = steer(*snapshot_.policy);
    alarms_.follow("steering", steered);
    if (!steered) consequences.fault = steered.error();
  }
  const auto removed = remove_untrue_verdicts();
  consequences.verdicts_removed = removed.value_or(0);
  if (!removed && !consequences.fault) consequences.fault = removed.error();
  return consequences;
}

std::size_t Daemon::follow_devices(const gate::DeviceConsequences& devices) {
  if (!devices.kernel_bans.empty()) follow_bans(dataplane_->change_device_bans(devices.kernel_bans));
  if (devices.sessions.empty()) return 0;
  return gate_->end_sessions(devices.sessions, policy::EndReason::banned, "the relay is no longer allowed").size();
}

Result<void> Daemon::steer(const policy::Policy& policy) {
  std::vector<kernel::ServiceBinding> bindings;
  bindings.reserve(policy.services().size());
  for (const auto& service : policy.services()) {
    for (const auto& [transport, port] : policy::ports_of(service.spec)) {
      kernel::ServiceBinding binding{.proxy = {service.spec.proxy_ip, port},
                                     .transport = transport,
                                     .service_id = service.id,
                                     .kind = service.spec.kind,
                                     .listener_slot = transport == policy::Transport::udp ? gate::datagram_slot : 0};
      bindings.push_back(binding);
      if (transport != policy::Transport::udp) continue;
      binding.proxy.address = policy.server(service.server).address;
      binding.from_server = true;
      bindings.push_back(binding);
    }
  }
  return dataplane_->set_services(bindings, policy.pools(), policy.version());
}

Result<std::size_t> Daemon::remove_untrue_verdicts() {
  const auto done = [this](Result<std::size_t> removed) {
    verdicts_are_stale_ = !removed;
    alarms_.follow("stale_verdicts", removed);
    return removed;
  };
  auto verdicts = dataplane_->verdicts();
  if (!verdicts) return done(std::unexpected(verdicts.error()));
  const auto time = now();
  std::vector<kernel::Verdict> untrue;
  for (const auto& verdict : *verdicts) {
    const auto decision = policy::decide(snapshot_, {verdict.source, verdict.destination.address,
                                                     verdict.destination.port, verdict.transport, time, std::nullopt});
    const bool still = !decision.allowed && decision.reason == verdict.reason &&
                       (!decision.holds_until || *decision.holds_until >= verdict.expires);
    if (!still) untrue.push_back(verdict);
  }
  if (untrue.empty()) return done(0);
  if (auto erased = dataplane_->erase_verdicts(untrue); !erased) return done(std::unexpected(erased.error()));
  return done(untrue.size());
}

store::AuditRow Daemon::audit_of(std::string action, const std::string& author, std::string detail) const {
  store::AuditRow row;
  row.time = now();
  row.action = std::move(action);
  row.author = author;
  row.detail = std::move(detail);
  return row;
}

}  // namespace gatehouse::daemon
