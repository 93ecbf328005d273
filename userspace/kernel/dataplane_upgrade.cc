// `gatehoused upgrade`: new programs behind the links of a former version. Each link is switched in one step, so that
// there is no packet that nobody judges; maps are kept, and with them bans and verdicts.
#include <spdlog/spdlog.h>

#include "kernel/kernel_dataplane.h"

namespace gatehouse::kernel {
namespace {

struct Switch {
  std::string pin;
  Fd link;
  int new_program = -1;
  int old_program = -1;  // to go back to
};

bool is_same(const Result<ProgramIdentity>& left, const Result<ProgramIdentity>& right) {
  return left && right && left->tag == right->tag;
}

}  // namespace

Result<void> KernelDataplane::upgrade_on_kernel(const DataplaneOptions& options) {
  route_libbpf_messages();
  auto pins = Pins::open(options.bpffs, options.instance, options.pin_group);
  if (!pins) return std::unexpected(pins.error());
  if (!pins->exist()) {
    spdlog::info("the instance {} has nothing in the kernel: nothing to upgrade", options.instance);
    return {};
  }
  auto maps = pinned_maps(*pins);
  if (!maps) return std::unexpected(maps.error());
  auto old_guard = pins->get(pin::guard_program);
  if (!old_guard) return std::unexpected(old_guard.error());
  auto old_steer = pins->get(pin::steer_program);
  if (!old_steer) return std::unexpected(old_steer.error());
  const bool with_steer = old_steer->has_value();
  auto programs = load_programs(*maps, with_steer);
  if (!programs) {
    if (programs.error().mend.empty()) programs.error().mend = removal_mend(*pins);
    return std::unexpected(programs.error());
  }
  const bool same_guard =
      *old_guard && is_same(program_identity((*old_guard)->get()), program_identity(programs->guard.get()));
  const bool same_steer =
      !with_steer || is_same(program_identity((*old_steer)->get()), program_identity(programs->steer.get()));
  if (same_guard && same_steer) return {};

  std::vector<Switch> switches;
  for (const auto& name : pins->names()) {
    const bool of_steer = name == pin::steer_link;
    if (!of_steer && !name.starts_with(pin::guard_link_start)) continue;
    if (of_steer && !with_steer) continue;
    auto link = pins->get(name);
    if (!link) return std::unexpected(link.error());
    if (!*link) continue;
    const auto state = link_state((*link)->get());
    if (!state) return std::unexpected(state.error());
    // What is attached to nothing any more is left to the next start, which attaches it anew.
    if (state->interface_index == 0 && state->network_namespace == 0) continue;
    const auto& old_program = of_steer ? *old_steer : *old_guard;
    switches.push_back({name, std::move(**link), of_steer ? programs->steer.get() : programs->guard.get(),
                        old_program ? old_program->get() : -1});
  }
  Undo undo;
  for (const auto& change : switches) {
    if (auto replaced = replace_program(change.link.get(), change.new_program); !replaced) {
      return failure(change.pin + ": " + replaced.error().what, "the former programs stay in place");
    }
    undo.add([&change] {
      if (change.old_program >= 0) static_cast<void>(replace_program(change.link.get(), change.old_program));
    });
  }
  if (auto pinned = pins->replace(programs->guard.get(), pin::guard_program); !pinned) return pinned;
  undo.add([&] {
    if (*old_guard) static_cast<void>(pins->replace((*old_guard)->get(), pin::guard_program));
  });
  if (with_steer) {
    if (auto pinned = pins->replace(programs->steer.get(), pin::steer_program); !pinned) return pinned;
  }
  undo.keep_all();
  return {};
}

}  // namespace gatehouse::kernel
