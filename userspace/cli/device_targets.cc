#include "cli/device_targets.h"

#include "admin/query.h"
#include "cli/text.h"

namespace gatehouse::cli {
namespace {

constexpr std::string_view uuid_prefix = "uuid:";
constexpr std::string_view pk_prefix = "pk:";

}  // namespace

Result<policy::BanTarget> parse_device(std::string_view text) {
  auto name = text;
  if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    const auto kind = policy::ban_kind_of(text.substr(0, colon));
    if (kind && *kind != policy::BanKind::device) {
      return failure("'" + std::string(text) + "' is no device", "`gatehouse ban` is for all kinds of bans");
    }
    if (kind) name = text.substr(colon + 1);
  }
  if (parse_network(name)) {
    return failure("'" + std::string(text) + "' is an address, not a device",
                   "write the id that `gatehouse device list` shows; `gatehouse ban` takes addresses");
  }
  return policy::parse_ban_target(policy::BanKind::device, name);
}

bool is_device_id(const policy::BanTarget& device) {
  const auto name = policy::name_of(device);
  return !name.starts_with(uuid_prefix) && !name.starts_with(pk_prefix);
}

std::expected<std::vector<policy::BanTarget>, int> machine_of(const Context& context, const policy::BanTarget& device,
                                                              const MachineParts& parts) {
  std::vector<policy::BanTarget> targets;
  if ((!parts.uuid && !parts.pk) || !is_device_id(device)) return targets;
  const auto id = policy::name_of(device);
  const auto answer = context.ask("GET", "/v1/devices/" + admin::percent_encode(id));
  if (!answer) return std::unexpected(answer.error());
  const auto add = [&](const char* key, std::string_view prefix, const std::string& what) -> std::expected<void, int> {
    const auto found = answer->find(key);
    const auto bytes = found != answer->end() && found->is_string() ? found->get<std::string>() : std::string();
    if (bytes.empty()) {
      return std::unexpected(context.fail({"the " + what + " of device " + id + " is not known, nothing was changed",
                                           "leave it out; it becomes known when the device registers"}));
    }
    auto target = policy::parse_ban_target(policy::BanKind::device, std::string(prefix) + bytes);
    if (!target) return std::unexpected(context.fail(target.error()));
    targets.push_back(std::move(*target));
    return {};
  };
  if (parts.uuid) {
    if (auto added = add("uuid", uuid_prefix, "uuid"); !added) return std::unexpected(added.error());
  }
  if (parts.pk) {
    if (auto added = add("public_key", pk_prefix, "public key"); !added) return std::unexpected(added.error());
  }
  return targets;
}

}  // namespace gatehouse::cli
