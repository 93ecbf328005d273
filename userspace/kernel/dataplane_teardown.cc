// Taking an instance out of the kernel without loading anything: it works on what any version left, also where an
// interface is gone.
#include <spdlog/spdlog.h>

#include "kernel/kernel_dataplane.h"

namespace gatehouse::kernel {
namespace {

// Pins are the same in every network namespace of the machine; the table and the routes are not.
Result<void> refuse_from_elsewhere(const Pins& pins) {
  const auto link = pins.get(pin::steer_link);
  if (!link) return std::unexpected(link.error());
  if (!*link) return {};
  const auto state = link_state((*link)->get());
  if (!state) return std::unexpected(state.error());
  const auto own = own_network_namespace();
  if (!own) return std::unexpected(own.error());
  if (state->network_namespace == 0 || state->network_namespace == *own) return {};
  return failure("the pins in " + pins.directory().string() + " belong to another network namespace",
                 "run `gatehoused teardown` in that one");
}

}  // namespace

Result<void> Dataplane::tear_down(const DataplaneOptions& options) {
  route_libbpf_messages();
  auto pins = Pins::open(options.bpffs, options.instance, options.pin_group);
  if (!pins) return std::unexpected(pins.error());
  if (auto here = refuse_from_elsewhere(*pins); !here) return here;
  const auto tables = instance_tables();
  if (!tables) return std::unexpected(tables.error());
  // Each part is tried; the first that could not be taken away is the error.
  Result<void> result;
  const auto take = [&result](Result<void> done) {
    if (!done && result) result = std::move(done);
  };
  bool route_is_anothers = false;
  for (const auto& [table, instance] : *tables) {
    if (instance == options.instance) {
      take(remove_ruleset(table));
    } else {
      route_is_anothers = true;
    }
  }
  if (!route_is_anothers) {
    take(remove_policy_route({options.mark, options.route_table, options.rule_priority}));
  }
  take(pins->remove_all());
  return result;
}

}  // namespace gatehouse::kernel
