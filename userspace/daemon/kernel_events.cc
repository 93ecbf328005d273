// Daemon: what the kernel's programs report, into log and audit. The programs limit reports by ban, source and service;
// here they are limited in all, for a flood from many banned sources must fill neither the disk nor the day of the
// control thread. What is not written singly is counted, and the count is written.
#include <spdlog/spdlog.h>

#include <cstring>

#include "daemon/daemon.h"

namespace gatehouse::daemon {
namespace {

constexpr std::size_t events_in_a_row = 256;         // then other work has its turn
constexpr std::uint64_t recorded_in_a_second = 100;  // one by one; the rest as a number

Address address_of(const gatehouse_address& raw) {
  Address address;
  std::copy(std::begin(raw.bytes), std::end(raw.bytes), address.bytes.begin());
  return address;
}

}  // namespace

void Daemon::wait_for_kernel_events() {
  kernel_events_.async_wait(
      boost::asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
        if (error || !dataplane_) return;  // readable while everything was handed over
        dataplane_->drain_events([this](const deny_event& event) { take_kernel_event(event); }, events_in_a_row);
        wait_for_kernel_events();
      });
}

void Daemon::take_kernel_event(const deny_event& event) {
  if (event.kind == DENY_EVENT_BANNED_DEVICE && event.observed == 0) return take_dropped_heartbeat(event);
  if (recorded_kernel_events_ < recorded_in_a_second) {
    ++recorded_kernel_events_;
    record_kernel_event(event);
  } else {
    withheld_kernel_events_ += 1 + std::uint64_t{event.suppressed};
  }
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
  if (event.device.id[0] != 0)
    row.detail += " " + std::string(event.device.id, ::strnlen(event.device.id, sizeof event.device.id));
  if (event.cause_id != 0)
    row.detail += (kind == DENY_EVENT_VERDICT ? " of audit row " : " ") + std::to_string(event.cause_id);
  if (event.suppressed > 0) row.detail += ", " + std::to_string(event.suppressed) + " more not reported";
  if (event.observed != 0) row.detail += ", observed only";
  spdlog::info("kernel denied {} -> {}: {} ({})", row.source->text(), row.destination->text(),
               policy::name(*row.reason), row.detail);
  if (!store_->submit_audit(std::move(row))) ++unaudited_kernel_events_;
}

void Daemon::record_withheld_kernel_events() {
  recorded_kernel_events_ = 0;
  if (withheld_kernel_events_ == 0) return;
  store::AuditRow row;
  row.time = now();
  row.action = "kernel_denied";
  row.detail = std::to_string(withheld_kernel_events_) + " more in this second, not written one by one";
  spdlog::warn("kernel denied {}", row.detail);
  // Without room it is added to the next second's.
  if (store_->submit_audit(std::move(row))) withheld_kernel_events_ = 0;
}

}  // namespace gatehouse::daemon
