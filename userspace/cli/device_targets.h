// How the verbs of devices name them: an id by itself, "uuid:BASE64" or "pk:BASE64" for a machine's uuid and public
// key, each with or without "device:" in front.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/context.h"
#include "policy/ban_target.h"

namespace gatehouse::cli {

// What is the word of another kind, an address or a network is a fault: it would be a ban of nothing.
Result<policy::BanTarget> parse_device(std::string_view text);
bool is_device_id(const policy::BanTarget& device);  // not a uuid or public key

struct MachineParts {
  bool uuid = false;
  bool pk = false;
};
// What the daemon knows of the machine of a device with this id. The exit code is the error, also where it does not
// know a part that is wanted; of what is no id there is nothing.
std::expected<std::vector<policy::BanTarget>, int> machine_of(const Context& context, const policy::BanTarget& device,
                                                              const MachineParts& parts);

}  // namespace gatehouse::cli
