// What is wanted against what is in the kernel: differences are mended and counted. All parts are tried; the first that
// could not be mended is the error.
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <unordered_map>

#include "kernel/kernel_dataplane.h"

namespace gatehouse::kernel {

Result<Drift> KernelDataplane::reconcile() {
  Drift drift;
  std::optional<Error> fault;
  auto take = [&fault](std::size_t& counter, Result<std::size_t> mended) {
    if (mended) {
      counter += *mended;
    } else if (!fault) {
      fault = mended.error();
    }
  };
  // The way in first, then what keeps traffic from leaking, then what denies.
  take(drift.rules, mend_settings());
  take(drift.rules, mend_pins());
  if (!stopped_) {
    take(drift.rules, mend_steer());
    take(drift.services, mend_services());
    take(drift.rules, mend_rules());
  }
  take(drift.guards, mend_guards());
  if (bans_known_) take(drift.bans, apply_ban_difference());
  if (device_bans_known_) take(drift.bans, mend_device_bans());
  if (fault) return std::unexpected(*fault);
  return drift;
}

Result<std::size_t> KernelDataplane::mend_services() {
  std::size_t mended = 0;
  for (const auto& listener : listeners_) {
    std::uint64_t cookie = 0;
    const auto present = maps_.listeners.get(listener.slot);
    if (!present) return std::unexpected(present.error());
    if (*present == listener.cookie) continue;
    // The descriptor is borrowed: it may be another socket's by now.
    socklen_t size = sizeof cookie;
    if (::getsockopt(listener.descriptor, SOL_SOCKET, SO_COOKIE, &cookie, &size) != 0 || cookie != listener.cookie) {
      return failure("the listening socket of slot " + std::to_string(listener.slot) + " is closed",
                     "restart the daemon");
    }
    if (auto put = put_listener(listener); !put) return std::unexpected(put.error());
    ++mended;
  }
  if (!services_known_) return mended;
  const auto present = maps_.services.entries();
  if (!present) return std::unexpected(present.error());
  std::unordered_map<service_key, service_value, ByBytes<service_key>, ByBytes<service_key>> rest(present->begin(),
                                                                                                  present->end());
  std::vector<ServiceMap::Entry> missing;
  for (const auto& service : services_) {
    const auto entry = service_entry_of(service);
    const auto found = rest.find(entry.first);
    if (found == rest.end() || std::memcmp(&found->second, &entry.second, sizeof entry.second) != 0)
      missing.push_back(entry);
    if (found != rest.end()) rest.erase(found);
  }
  if (auto put = maps_.services.put(missing); !put) return std::unexpected(put.error());
  std::vector<service_key> surplus;
  surplus.reserve(rest.size());
  for (const auto& [key, value] : rest) surplus.push_back(key);
  if (auto erased = maps_.services.erase(surplus); !erased) return erased;
  return mended + missing.size() + surplus.size();
}

Result<std::size_t> KernelDataplane::mend_rules() {
  std::size_t mended = 0;
  const auto routed = policy_route_is_intact(policy_route());
  if (!routed) return std::unexpected(routed.error());
  if (!*routed) {
    if (auto added = add_policy_route(policy_route()); !added) return std::unexpected(added.error());
    ++mended;
  }
  if (!services_known_) return mended;
  const auto spec = ruleset(true);
  const auto intact = ruleset_is_intact(spec);
  if (!intact) return std::unexpected(intact.error());
  if (!*intact) {
    if (auto applied = apply_ruleset(spec); !applied) return std::unexpected(applied.error());
    ++mended;
  }
  return mended;
}

Result<std::size_t> KernelDataplane::mend_settings() {
  const auto cell = maps_.read_mode();
  if (!cell) return std::unexpected(cell.error());
  const auto mended = apply_failsafe(options_.failsafe);
  if (!mended) return mended;
  mode_value wanted{};
  wanted.schema = GATEHOUSE_SCHEMA;
  wanted.mode = static_cast<__u32>(options_.enforcement);
  wanted.steering = steering_;
  wanted.failsafe_absent = failsafe_absent_of(options_.failsafe);
  wanted.policy_version = policy_version_;
  if (std::memcmp(&*cell, &wanted, sizeof wanted) == 0) return mended;
  if (auto written = maps_.write_mode(wanted); !written) return std::unexpected(written.error());
  return *mended + 1;
}

Result<std::size_t> KernelDataplane::mend_pins() {
  std::size_t mended = 0;
  Result<void> result;
  const bool gone = !pins_->exist();
  if (gone) {
    if (result = pins_->begin(); !result) return std::unexpected(result.error());
  }
  auto repin = [&](const std::string& name, int descriptor) {
    if (!result || descriptor < 0 || pins_->has(name)) return;
    result = pins_->pin(descriptor, name);
    ++mended;
  };
  maps_.each(repin);
  repin(pin::guard_program, guard_program_.get());
  repin(pin::steer_program, steer_program_.get());
  repin(pin::steer_link, steer_link_.get());
  for (const auto& guard : guards_) repin(guard_link_name(guard.name), guard.link.get());
  if (result && gone) result = pins_->commit();
  if (!result) {
    pins_->abandon();
    return std::unexpected(result.error());
  }
  return mended;
}

Result<std::size_t> KernelDataplane::mend_steer() {
  if (steering_ != STEERING_SK_LOOKUP) return 0;
  const auto own = own_network_namespace();
  if (!own) return std::unexpected(own.error());
  const auto state = link_state(steer_link_.get());
  if (!state) return std::unexpected(state.error());
  const auto program = program_identity(steer_program_.get());
  if (!program) return std::unexpected(program.error());
  if (state->network_namespace == *own) {
    if (state->program_id == program->id) return 0;
    if (auto replaced = replace_program(steer_link_.get(), steer_program_.get()); !replaced)
      return std::unexpected(replaced.error());
    return 1;
  }
  // Detached by force.
  auto link = attach_steer(steer_program_.get());
  if (!link) return std::unexpected(link.error());
  if (auto pinned = pins_->replace(link->get(), pin::steer_link); !pinned) return std::unexpected(pinned.error());
  steer_link_ = std::move(*link);
  return 1;
}

Result<std::size_t> KernelDataplane::mend_guards() {
  std::size_t mended = 0;
  std::optional<Error> fault;
  const auto program = program_identity(guard_program_.get());
  if (!program) return std::unexpected(program.error());
  for (auto& guard : guards_) {
    const unsigned index = ::if_nametoindex(guard.name.c_str());
    if (guard.link) {
      const auto state = link_state(guard.link.get());
      if (!state) return std::unexpected(state.error());
      if (state->interface_index != 0 && state->interface_index == index) {
        if (state->program_id == program->id) continue;
        if (auto replaced = replace_program(guard.link.get(), guard_program_.get()); !replaced)
          return std::unexpected(replaced.error());
        ++mended;
        continue;
      }
      // The interface went away, or its name is another's now.
      guard.link.reset();
      if (auto removed = pins_->unpin(guard_link_name(guard.name)); !removed) return std::unexpected(removed.error());
    }
    if (index == 0) {
      if (!fault)
        fault = Error{"the interface " + guard.name + " is gone: guard does not watch it",
                      "bring it back, or take it out of `interfaces`"};
      continue;
    }
    auto attached = attach_and_pin(guard.name, options_.xdp);
    if (!attached) {
      if (!fault) fault = attached.error();
      continue;
    }
    guard = std::move(*attached);
    ++mended;
  }
  if (fault) return std::unexpected(*fault);
  return mended;
}

}  // namespace gatehouse::kernel
