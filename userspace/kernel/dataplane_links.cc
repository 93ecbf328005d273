// Where the programs are attached: steer to the network namespace, guard to each interface. A link that is there
// already is kept.
#include <net/if.h>
#include <spdlog/spdlog.h>

#include "kernel/kernel_dataplane.h"

namespace gatehouse::kernel {
namespace {

bool is_mode_wanted(const std::string& mode, XdpMode wanted) {
  switch (wanted) {
    case XdpMode::native:
      return mode == "native";
    case XdpMode::generic:
      return mode == "generic";
    case XdpMode::automatic:
      return !mode.empty();
    case XdpMode::off:
      return false;
  }
  return false;
}

// After a crash in the middle of an upgrade a link may run a program that is not the pinned one.
Result<void> run_program(int link, std::uint32_t running, int program) {
  const auto wanted = program_identity(program);
  if (!wanted) return std::unexpected(wanted.error());
  if (wanted->id == running) return {};
  return replace_program(link, program);
}

}  // namespace

Result<void> KernelDataplane::attach_all(Undo& undo) {
  if (steering_ == STEERING_SK_LOOKUP) {
    if (auto held = hold_steer(undo); !held) return held;
  }
  if (options_.xdp == XdpMode::off) return {};
  for (const auto& interface : options_.interfaces) {
    auto guard = hold_guard(interface, undo);
    if (!guard) return std::unexpected(guard.error());
    guards_.push_back(std::move(*guard));
  }
  return {};
}

Result<void> KernelDataplane::hold_steer(Undo& undo) {
  const auto own = own_network_namespace();
  if (!own) return std::unexpected(own.error());
  auto pinned = pins_->get(pin::steer_link);
  if (!pinned) return std::unexpected(pinned.error());
  if (*pinned) {
    const auto state = link_state((*pinned)->get());
    if (!state) return std::unexpected(state.error());
    if (state->network_namespace == *own) {
      steer_link_ = std::move(**pinned);
      return run_program(steer_link_.get(), state->program_id, steer_program_.get());
    }
    if (state->network_namespace != 0) {
      return failure("the pins in " + pins_->directory().string() + " belong to another network namespace",
                     "give this instance another name, or take the other one out of the kernel with `gatehoused "
                     "teardown` in its namespace");
    }
    if (auto removed = pins_->unpin(pin::steer_link); !removed) return removed;
  }
  auto link = attach_steer(steer_program_.get());
  if (!link) return std::unexpected(link.error());
  undo.add([this] { static_cast<void>(pins_->unpin(pin::steer_link)); });
  if (auto done = pins_->pin(link->get(), pin::steer_link); !done) return done;
  steer_link_ = std::move(*link);
  return {};
}

Result<KernelDataplane::AttachedInterface> KernelDataplane::attach_and_pin(const std::string& interface, XdpMode mode) {
  auto attached = attach_guard(guard_program_.get(), interface, mode);
  if (!attached) return std::unexpected(attached.error());
  if (auto pinned = pins_->pin(attached->link.get(), guard_link_name(interface)); !pinned)
    return std::unexpected(pinned.error());
  return AttachedInterface{interface, std::move(attached->link), attached->mode};
}

Result<KernelDataplane::AttachedInterface> KernelDataplane::hold_guard(const std::string& interface, Undo& undo) {
  const auto name = guard_link_name(interface);
  auto pinned = pins_->get(name);
  if (!pinned) return std::unexpected(pinned.error());
  std::string former_mode;
  if (*pinned) {
    const auto state = link_state((*pinned)->get());
    if (!state) return std::unexpected(state.error());
    const bool is_attached =
        state->interface_index != 0 && state->interface_index == ::if_nametoindex(interface.c_str());
    if (is_attached) former_mode = guard_mode(state->interface_index);
    if (is_attached && is_mode_wanted(former_mode, options_.xdp)) {
      if (auto runs = run_program((*pinned)->get(), state->program_id, guard_program_.get()); !runs)
        return std::unexpected(runs.error());
      return AttachedInterface{interface, std::move(**pinned), former_mode};
    }
    if (auto removed = pins_->unpin(name); !removed) return std::unexpected(removed.error());
    pinned->reset();
  }
  auto guard = attach_and_pin(interface, options_.xdp);
  if (!guard) {
    // An interface takes one mode at a time, so the former one had to go first.
    if (!former_mode.empty())
      static_cast<void>(attach_and_pin(interface, former_mode == "native" ? XdpMode::native : XdpMode::generic));
    return guard;
  }
  if (former_mode.empty()) undo.add([this, name] { static_cast<void>(pins_->unpin(name)); });
  return guard;
}

}  // namespace gatehouse::kernel
