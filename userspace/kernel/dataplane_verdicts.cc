// Verdicts. Put by the gate's loops, on any thread; listed, erased and swept by the control thread.
#include <algorithm>

#include "kernel/boot_clock.h"
#include "kernel/kernel_dataplane.h"

namespace gatehouse::kernel {

Result<void> KernelDataplane::put_verdict(const Verdict& verdict) {
  const BootClock clock;
  // Over already: there is nothing to remember, and an entry could only take up room.
  if (verdict.expires <= clock.wall()) return {};
  verdict_value value{};
  value.expires_ns = clock.at(verdict.expires);
  value.audit_id = verdict.audit_id;
  value.reason = static_cast<__u32>(verdict.reason);
  return maps_.denied_flows.put(flow_key_of(verdict), value);
}

Result<std::vector<Verdict>> KernelDataplane::verdicts() {
  const BootClock clock;
  std::vector<Verdict> live;
  auto read = maps_.denied_flows.each([&](const flow_key& key, const verdict_value& value) {
    if (value.expires_ns != 0 && value.expires_ns <= clock.boot_ns()) return;
    Verdict verdict;
    verdict.source = address_of(key.source);
    verdict.destination = {address_of(key.destination), key.port};
    verdict.transport = static_cast<policy::Transport>(key.l4proto);
    verdict.expires = from_boot_time_ns(value.expires_ns);
    verdict.audit_id = value.audit_id;
    verdict.reason = static_cast<policy::Reason>(value.reason);
    verdict.hits = value.hits;
    live.push_back(verdict);
  });
  if (!read) return std::unexpected(read.error());
  live_verdicts_.store(live.size(), std::memory_order_relaxed);
  return live;
}

Result<void> KernelDataplane::erase_verdicts(std::span<const Verdict> verdicts) {
  std::vector<flow_key> keys;
  keys.reserve(verdicts.size());
  for (const auto& verdict : verdicts) keys.push_back(flow_key_of(verdict));
  const auto erased = maps_.denied_flows.erase(keys);
  if (!erased) return std::unexpected(erased.error());
  const auto live = live_verdicts_.load(std::memory_order_relaxed);
  live_verdicts_.store(live - std::min(live, *erased), std::memory_order_relaxed);
  return {};
}

Result<std::size_t> KernelDataplane::sweep_verdicts(std::uint64_t now_ns) {
  std::vector<flow_key> over;
  std::size_t live = 0;
  auto read = maps_.denied_flows.each([&](const flow_key& key, const verdict_value& value) {
    // Without an expiry it is none of ours: nothing may deny for ever.
    if (value.expires_ns <= now_ns) {
      over.push_back(key);
    } else {
      ++live;
    }
  });
  if (!read) return std::unexpected(read.error());
  live_verdicts_.store(live, std::memory_order_relaxed);
  // A verdict that was put anew between listing and erasing is lost; its next attempt is judged by the daemon instead.
  return maps_.denied_flows.erase(over);
}

}  // namespace gatehouse::kernel
