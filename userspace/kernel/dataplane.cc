#include "kernel/dataplane.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <unordered_set>

#include "kernel/kernel_dataplane.h"

namespace gatehouse::kernel {
namespace {

constexpr std::array<const char*, COUNTER_COUNT> counter_names{
    "steered",         "steer_no_listener",   "verdict_dropped",    "guard_passed",
    "failsafe_passed", "banned_host_dropped", "banned_net_dropped", "banned_device_dropped",
    "observed",        "malformed",           "events_sent",        "events_suppressed",
    "events_lost",
};
// std::array fills up with null: a counter without a name is found here, not by who reads the status.
static_assert(counter_names.back() != nullptr, "every counter of the contract has a name here");

}  // namespace

const char* counter_name(gatehouse_counter counter) {
  return counter < COUNTER_COUNT ? counter_names.at(counter) : "unknown";
}

const char* deny_event_name(deny_event_kind kind) {
  switch (kind) {
    case DENY_EVENT_VERDICT:
      return "verdict";
    case DENY_EVENT_BANNED_HOST:
      return "banned_host";
    case DENY_EVENT_BANNED_NET:
      return "banned_net";
    case DENY_EVENT_BANNED_DEVICE:
      return "banned_device";
    case DENY_EVENT_NO_LISTENER:
      return "no_listener";
  }
  return "unknown";
}

std::uint64_t Counters::of(gatehouse_counter counter) const {
  const auto index = static_cast<std::size_t>(counter);
  return index < values.size() ? values[index].second : 0;
}

Result<std::unique_ptr<Dataplane>> Dataplane::open(const DataplaneOptions& options) {
  auto plane = KernelDataplane::open_on_kernel(options);
  if (!plane) return std::unexpected(plane.error());
  return std::unique_ptr<Dataplane>(std::move(*plane));
}

Result<void> Dataplane::upgrade(const DataplaneOptions& options) {
  return KernelDataplane::upgrade_on_kernel(options);
}

Counters KernelDataplane::counters() const {
  Counters result;
  const int processors = libbpf_num_possible_cpus();
  std::vector<std::uint64_t> cells(processors > 0 ? static_cast<std::size_t>(processors) : 0);
  for (std::uint32_t i = 0; i < COUNTER_COUNT; ++i) {
    std::uint64_t sum = 0;
    if (!cells.empty() && ::bpf_map_lookup_elem(maps_.counters.get(), &i, cells.data()) == 0) {
      sum = std::accumulate(cells.begin(), cells.end(), std::uint64_t{0});
    }
    result.values.emplace_back(counter_names.at(i), sum);
  }
  return result;
}

DataplaneStatus KernelDataplane::status() const {
  DataplaneStatus status;
  status.steering = steering_ == STEERING_TPROXY ? "tproxy" : "sk_lookup";
  switch (options_.enforcement) {
    case Enforcement::off:
      status.enforcement = "off";
      break;
    case Enforcement::observe:
      status.enforcement = "observe";
      break;
    case Enforcement::enforce:
      status.enforcement = "enforce";
      break;
  }
  for (const auto& guard : guards_) {
    if (guard.link) status.guards.push_back({guard.name, guard.mode});
  }
  status.pins = pins_->directory();
  status.services = services_.size();
  status.banned_hosts = banned_hosts_;
  status.banned_nets = bans_.size() - banned_hosts_;
  status.verdicts = live_verdicts_.load(std::memory_order_relaxed);
  status.reused_pins = reused_pins_;
  status.bans_in_step = bans_in_step_;
  return status;
}

Result<void> KernelDataplane::set_enforcement(Enforcement mode) {
  auto cell = maps_.read_mode();
  if (!cell) return std::unexpected(cell.error());
  cell->mode = static_cast<__u32>(mode);
  if (auto written = maps_.write_mode(*cell); !written) return written;
  options_.enforcement = mode;
  return {};
}

Result<void> KernelDataplane::write_failsafe_absent(__u32 absent) const {
  auto cell = maps_.read_mode();
  if (!cell) return std::unexpected(cell.error());
  cell->failsafe_absent = absent;
  return maps_.write_mode(*cell);
}

Result<std::size_t> KernelDataplane::apply_failsafe(const Failsafe& failsafe) {
  const auto keys = failsafe_keys_of(failsafe);
  std::unordered_set<failsafe_key, ByBytes<failsafe_key>, ByBytes<failsafe_key>> wanted(keys.begin(), keys.end());
  if (wanted.size() > GATEHOUSE_MAX_FAILSAFE) {
    return failure("failsafe has " + std::to_string(wanted.size()) + " sources and ports",
                   "keep it to " + std::to_string(GATEHOUSE_MAX_FAILSAFE));
  }
  const auto present = maps_.failsafe.entries();
  if (!present) return std::unexpected(present.error());
  std::vector<failsafe_key> surplus;
  for (const auto& [key, value] : *present) {
    if (wanted.erase(key) == 0) surplus.push_back(key);
  }
  std::vector<FailsafeMap::Entry> missing;
  missing.reserve(wanted.size());
  for (const auto& key : wanted) missing.emplace_back(key, failsafe_value{});
  // Until all is in place guard looks at every entry.
  if (!missing.empty() || !surplus.empty()) {
    if (auto written = write_failsafe_absent(0); !written) return std::unexpected(written.error());
  }
  // A new way in opens before a former one is closed, unless there is no room for both.
  const bool has_room = present->size() + missing.size() <= GATEHOUSE_MAX_FAILSAFE;
  if (has_room) {
    if (auto put = maps_.failsafe.put(missing); !put) return std::unexpected(put.error());
  }
  if (auto erased = maps_.failsafe.erase(surplus); !erased) return erased;
  if (!has_room) {
    if (auto put = maps_.failsafe.put(missing); !put) return std::unexpected(put.error());
  }
  if (auto written = write_failsafe_absent(failsafe_absent_of(failsafe)); !written)
    return std::unexpected(written.error());
  return missing.size() + surplus.size();
}

Result<void> KernelDataplane::set_failsafe(const Failsafe& failsafe) {
  const auto applied = apply_failsafe(failsafe);
  if (!applied) return std::unexpected(applied.error());
  options_.failsafe = failsafe;
  return {};
}

Result<void> KernelDataplane::stop(bool keep_services) {
  if (stopped_ || keep_services) {
    stopped_ = true;
    return {};
  }
  stopped_ = true;
  if (options_.on_stop == OnStop::open) {
    Result<void> result = remove_ruleset(options_.table);
    if (auto removed = remove_policy_route(policy_route()); !removed && result) result = removed;
    if (auto removed = pins_->remove_all(); !removed && result) result = removed;
    guards_.clear();
    steer_link_.reset();
    return result;
  }
  // Without a table of ours there is nobody to reject what is no service: the services stay, and steer drops for want
  // of a listener.
  if (!services_known_) return {};
  if (auto rejecting = apply_ruleset(ruleset(false)); !rejecting) return rejecting;
  std::vector<service_key> keys;
  keys.reserve(services_.size());
  for (const auto& service : services_) keys.push_back(service_key_of(service));
  if (auto erased = maps_.services.erase(keys); !erased) return std::unexpected(erased.error());
  services_.clear();
  return {};
}

}  // namespace gatehouse::kernel
