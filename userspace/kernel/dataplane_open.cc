// Coming up: pins are taken over where this version's programs are behind them, or all is made anew; an error takes
// back what was begun.
#include <fmt/format.h>
#include <net/if.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "kernel/kernel_dataplane.h"

namespace gatehouse::kernel {
namespace {

constexpr std::size_t longest_instance = 32;

constexpr const char* map_names[] = {"services",       "listeners",    "banned_hosts", "banned_nets",
                                     "banned_devices", "denied_flows", "failsafe",     "mode",
                                     "deny_events",    "counters",     "event_rates"};

Result<void> check_options(const DataplaneOptions& options) {
  const bool named_well = !options.instance.empty() && options.instance.size() <= longest_instance &&
                          std::ranges::all_of(options.instance, [](char c) {
                            return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
                          });
  if (!named_well)
    return failure("'" + options.instance + "' is no name for an instance", "use 1 to 32 of a-z, 0-9 and -");
  if (options.xdp == XdpMode::off) return {};
  for (auto interface = options.interfaces.begin(); interface != options.interfaces.end(); ++interface) {
    if (::if_nametoindex(interface->c_str()) == 0) {
      return failure("the interface " + *interface + " does not exist",
                     "correct `interfaces`, or make the interface before the daemon starts");
    }
    if (std::find(options.interfaces.begin(), interface, *interface) != interface) {
      return failure("the interface " + *interface + " is listed twice", "list it once");
    }
  }
  return {};
}

Result<void> check_schema(const MapDescriptors& maps, const Pins& pins) {
  const auto schema = pinned_schema(maps.at("mode").get());
  if (!schema) return std::unexpected(schema.error());
  if (*schema == GATEHOUSE_SCHEMA) return {};
  return failure("the pins in " + pins.directory().string() + " have schema " + std::to_string(*schema) +
                     ", this version has " + std::to_string(GATEHOUSE_SCHEMA),
                 KernelDataplane::removal_mend(pins));
}

// Two instances in one network namespace would share the mark and the policy route: what one takes down, the other
// loses.
Result<void> refuse_another_instance(const DataplaneOptions& options) {
  const auto tables = instance_tables();
  if (!tables) return std::unexpected(tables.error());
  for (const auto& [table, instance] : *tables) {
    if (instance == options.instance) continue;
    return failure(fmt::format("the instance {} has this network namespace (table inet {})", instance, table),
                   "give this one a namespace of its own, or take the other one out of the kernel with its "
                   "configuration: `gatehoused --config FILE teardown`");
  }
  return {};
}

// The pinned program, if there is one and it is the same as the loaded one.
Result<std::optional<Fd>> is_of_this_version(const Pins& pins, const char* name, const Fd& loaded) {
  auto pinned = pins.get(name);
  if (!pinned) return std::unexpected(pinned.error());
  if (!*pinned) return std::nullopt;
  const auto ours = program_identity(loaded.get());
  if (!ours) return std::unexpected(ours.error());
  const auto theirs = program_identity((*pinned)->get());
  if (!theirs) return std::unexpected(theirs.error());
  if (ours->tag != theirs->tag) {
    return failure(
        "the program " + (pins.directory() / name).string() + " is of another version",
        "stop the daemon and run `gatehoused upgrade`: it replaces the programs and keeps bans and verdicts");
  }
  return std::move(*pinned);
}

}  // namespace

std::string KernelDataplane::removal_mend(const Pins& pins) {
  return "no version can take these over: stop the daemon and remove them with `rm -r " + pins.directory().string() +
         "`; the bans are put back from the store, verdicts are made anew";
}

Result<void> Dataplane::check(const DataplaneOptions& options) {
  return KernelDataplane::check_on_kernel(options);
}

Result<void> KernelDataplane::check_on_kernel(const DataplaneOptions& options) {
  route_libbpf_messages();
  if (auto good = check_options(options); !good) return good;
  const auto pins = Pins::look_at(options.bpffs, options.instance);
  // Who may not take them over is not the one who will.
  if (!pins.exist() || !pins.may_be_changed()) return {};
  return check_programs(pins);
}

Result<void> KernelDataplane::check_programs(const Pins& pins) {
  const auto maps = pinned_maps(pins);
  if (!maps) return std::unexpected(maps.error());
  const bool with_steer = pins.has(pin::steer_program);
  const auto programs = load_programs(*maps, with_steer);
  if (!programs) return std::unexpected(programs.error());
  if (auto same = is_of_this_version(pins, pin::guard_program, programs->guard); !same)
    return std::unexpected(same.error());
  if (!with_steer) return {};
  if (auto same = is_of_this_version(pins, pin::steer_program, programs->steer); !same)
    return std::unexpected(same.error());
  return {};
}

Result<std::unique_ptr<KernelDataplane>> KernelDataplane::open_on_kernel(const DataplaneOptions& options) {
  route_libbpf_messages();
  if (auto good = check_options(options); !good) return std::unexpected(good.error());
  std::unique_ptr<KernelDataplane> plane(new KernelDataplane(options));
  if (auto up = plane->come_up(); !up) return std::unexpected(up.error());
  return plane;
}

Result<void> KernelDataplane::come_up() {
  auto pins = Pins::open(options_.bpffs, options_.instance, options_.pin_group);
  if (!pins) return std::unexpected(pins.error());
  pins_ = std::move(*pins);
  if (auto alone = refuse_another_instance(options_); !alone) return alone;
  features_ = probe_features();
  if (auto chosen = choose_steering(); !chosen) return chosen;

  Undo undo;
  reused_pins_ = pins_->exist();
  if (!reused_pins_) undo.add([this] { pins_->abandon(); });
  if (auto made = reused_pins_ ? take_over(undo) : make_fresh(); !made) return made;
  if (auto attached = attach_all(undo); !attached) return attached;

  auto routed = policy_route_is_intact(policy_route());
  if (!routed) return std::unexpected(routed.error());
  if (!*routed) {
    undo.add([this] { static_cast<void>(remove_policy_route(policy_route())); });
    if (auto added = add_policy_route(policy_route()); !added) return added;
  }
  auto events = DenyEvents::open(maps_.deny_events.get());
  if (!events) return std::unexpected(events.error());
  events_ = std::move(*events);
  if (auto written = write_settings(); !written) return written;
  if (!reused_pins_) {
    if (auto committed = pins_->commit(); !committed) return committed;
  } else if (auto dropped = drop_surplus_pins(); !dropped) {
    return dropped;
  }
  undo.keep_all();
  return {};
}

Result<void> KernelDataplane::choose_steering() {
  if (options_.steering != SteeringMode::tproxy && features_.sk_lookup) {
    steering_ = STEERING_SK_LOOKUP;
    return {};
  }
  if (options_.steering == SteeringMode::sk_lookup) {
    return failure("this kernel has no sk_lookup, or does not let this process use it",
                   "run with CAP_BPF and CAP_NET_ADMIN on 5.10 or later, or set `steering: tproxy`");
  }
  if (!features_.nft_tproxy) {
    return failure("this kernel can steer neither by sk_lookup nor by nftables tproxy",
                   "run with CAP_BPF and CAP_NET_ADMIN, and `modprobe nft_tproxy`");
  }
  steering_ = STEERING_TPROXY;
  return {};
}

Result<void> KernelDataplane::make_fresh() {
  if (auto begun = pins_->begin(); !begun) return begun;
  auto programs = load_programs({}, steering_ == STEERING_SK_LOOKUP);
  if (!programs) return std::unexpected(programs.error());
  for (const auto& [name, descriptor] : programs->maps) {
    if (auto pinned = pins_->pin(descriptor.get(), name); !pinned) return pinned;
  }
  if (auto pinned = pins_->pin(programs->guard.get(), pin::guard_program); !pinned) return pinned;
  if (programs->steer) {
    if (auto pinned = pins_->pin(programs->steer.get(), pin::steer_program); !pinned) return pinned;
  }
  guard_program_ = std::move(programs->guard);
  steer_program_ = std::move(programs->steer);
  maps_ = KernelMaps::of(std::move(programs->maps));
  return {};
}

Result<MapDescriptors> KernelDataplane::pinned_maps(const Pins& pins) {
  MapDescriptors maps;
  for (const char* name : map_names) {
    auto descriptor = pins.get(name);
    if (!descriptor) return std::unexpected(descriptor.error());
    if (!*descriptor)
      return failure("the pin " + (pins.directory() / name).string() + " is missing", removal_mend(pins));
    maps.emplace(name, std::move(**descriptor));
  }
  if (auto fit = check_schema(maps, pins); !fit) return std::unexpected(fit.error());
  return maps;
}

Result<void> KernelDataplane::take_over(Undo& undo) {
  auto maps = pinned_maps(*pins_);
  if (!maps) return std::unexpected(maps.error());
  auto programs = load_programs(*maps, steering_ == STEERING_SK_LOOKUP);
  if (!programs) {
    if (programs.error().mend.empty()) programs.error().mend = removal_mend(*pins_);
    return std::unexpected(programs.error());
  }
  guard_program_ = std::move(programs->guard);
  steer_program_ = std::move(programs->steer);
  if (auto used = use_pinned_program(pin::guard_program, guard_program_, undo); !used) return used;
  if (steer_program_) {
    if (auto used = use_pinned_program(pin::steer_program, steer_program_, undo); !used) return used;
  }
  maps_ = KernelMaps::of(std::move(programs->maps));
  return {};
}

Result<void> KernelDataplane::use_pinned_program(const char* name, Fd& loaded, Undo& undo) {
  auto pinned = is_of_this_version(*pins_, name, loaded);
  if (!pinned) return std::unexpected(pinned.error());
  if (!*pinned) {
    undo.add([this, name] { static_cast<void>(pins_->unpin(name)); });
    return pins_->pin(loaded.get(), name);
  }
  loaded = std::move(**pinned);
  return {};
}

Result<void> KernelDataplane::write_settings() {
  // The operator's way in before anything that could close it.
  if (auto set = set_failsafe(options_.failsafe); !set) return set;
  auto cell = maps_.read_mode();
  if (!cell) return std::unexpected(cell.error());
  cell->schema = GATEHOUSE_SCHEMA;
  cell->mode = static_cast<__u32>(options_.enforcement);
  cell->steering = steering_;
  policy_version_ = cell->policy_version;
  return maps_.write_mode(*cell);
}

Result<void> KernelDataplane::drop_surplus_pins() {
  std::vector<std::string> guards;
  guards.reserve(guards_.size());
  for (const auto& guard : guards_) guards.push_back(guard_link_name(guard.name));
  for (const auto& name : pins_->names()) {
    const bool surplus_guard =
        name.starts_with(pin::guard_link_start) && std::ranges::find(guards, name) == guards.end();
    const bool surplus_steer =
        steering_ != STEERING_SK_LOOKUP && (name == pin::steer_link || name == pin::steer_program);
    if (!surplus_guard && !surplus_steer) continue;
    spdlog::info("the pin {} is no longer wanted and is removed", name);
    if (auto removed = pins_->unpin(name); !removed) return removed;
  }
  return {};
}

}  // namespace gatehouse::kernel
