#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <set>

#include "cli/ban_changes.h"
#include "cli/device_targets.h"
#include "cli/verbs.h"

namespace gatehouse::cli {
namespace {

struct DeviceBanOptions {
  std::vector<std::string> devices;  // "-" is the standard input
  std::vector<std::string> files;
  MachineParts machine;
  std::string reason;
  BanEnd end;
};

struct WantedDevices {
  std::vector<policy::BanTarget> targets;
  std::vector<std::string> files;
};

std::expected<WantedDevices, int> wanted_devices_of(const Context& context, const DeviceBanOptions& options) {
  WantedDevices wanted{.targets = {}, .files = options.files};
  for (const auto& text : options.devices) {
    if (text == "-") {
      wanted.files.push_back(text);
      continue;
    }
    auto device = parse_device(text);
    if (!device) return std::unexpected(context.fail(device.error(), exit_usage));
    wanted.targets.push_back(std::move(*device));
  }
  if (wanted.targets.empty() && wanted.files.empty()) {
    return std::unexpected(context.fail({"which devices?", "give their ids, - or --file"}, exit_usage));
  }
  return wanted;
}

// Puts uuids and keys that are wanted beside their devices, each once, with the same reason and end.
std::expected<void, int> add_machines(const Context& context, const MachineParts& parts,
                                      std::vector<policy::BanTarget>& targets, std::vector<BanLine>& lines) {
  std::set<policy::BanTarget> known(targets.begin(), targets.end());
  for (const auto& line : lines) known.insert(line.target);
  for (std::size_t i = 0, count = targets.size(); i < count; ++i) {
    auto machine = machine_of(context, targets[i], parts);
    if (!machine) return std::unexpected(machine.error());
    for (auto& target : *machine) {
      if (known.insert(target).second) targets.push_back(std::move(target));
    }
  }
  for (std::size_t i = 0, count = lines.size(); i < count; ++i) {
    auto machine = machine_of(context, lines[i].target, parts);
    if (!machine) return std::unexpected(machine.error());
    for (auto& target : *machine) {
      if (known.insert(target).second) lines.push_back({std::move(target), lines[i].reason, lines[i].expires});
    }
  }
  return {};
}

int ban(const Context& context, const DeviceBanOptions& options) {
  auto wanted = wanted_devices_of(context, options);
  if (!wanted) return wanted.error();
  if (options.reason.empty() && !wanted->targets.empty()) {
    return context.fail({"a ban needs a reason", "give --reason"}, exit_usage);
  }
  const auto end = end_of(context, options.end);
  if (!end) return end.error();
  auto lines = read_ban_lists(context, wanted->files, options.reason.empty(), parse_device);
  if (!lines) return lines.error();
  if (auto added = add_machines(context, options.machine, wanted->targets, *lines); !added) return added.error();
  return add_bans(context, wanted->targets, std::move(*lines), options.reason, *end);
}

int unban(const Context& context, const DeviceBanOptions& options) {
  auto wanted = wanted_devices_of(context, options);
  if (!wanted) return wanted.error();
  auto lines = read_ban_lists(context, wanted->files, false, parse_device);
  if (!lines) return lines.error();
  if (auto added = add_machines(context, options.machine, wanted->targets, *lines); !added) return added.error();
  return remove_bans(context, wanted->targets, *lines, {});
}

void add_which(CLI::App& verb, DeviceBanOptions& options) {
  verb.add_option("device", options.devices,
                  "Ids of devices; uuid:BASE64 or pk:BASE64 for a machine's uuid or public key; - for a list on the "
                  "standard input");
  verb.add_option("--file", options.files, "Read them from a file (- is the standard input): one a line")
      ->allow_extra_args(false);
  verb.add_flag("--uuid", options.machine.uuid, "Also the uuid of each, as `device show` has it: whatever id it takes");
  verb.add_flag("--pk", options.machine.pk, "Also the public key of each");
}

}  // namespace

void add_device_ban_verbs(CLI::App& device, Context& context) {
  auto banned = std::make_shared<DeviceBanOptions>();
  auto* ban_verb = device.add_subcommand("ban", "Ban devices, as targets and as initiators");
  add_which(*ban_verb, *banned);
  ban_verb->add_option("--reason", banned->reason, "Why; for lines of a file without their own");
  add_end_options(*ban_verb, banned->end);
  ban_verb->footer("Example: gatehouse device ban 123456789 --uuid --reason stolen");

  auto lifted = std::make_shared<DeviceBanOptions>();
  auto* unban_verb = device.add_subcommand("unban", "Lift bans of devices");
  add_which(*unban_verb, *lifted);
  unban_verb->footer("Example: gatehouse device unban 123456789 --uuid");

  context.actions[ban_verb] = [&context, banned] { return ban(context, *banned); };
  context.actions[unban_verb] = [&context, lifted] { return unban(context, *lifted); };
}

}  // namespace gatehouse::cli
