// Bans of RustDesk devices by their ids. As with those of addresses, new entries go in before old ones come out.
#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "kernel/boot_clock.h"
#include "kernel/kernel_dataplane.h"

namespace gatehouse::kernel {
namespace {

using DeviceEntry = BpfMap<device_key, ban_value>::Entry;

bool fits(const std::string& id) {
  return !id.empty() && id.size() <= sizeof(device_key::id);
}

device_key key_of(const std::string& id) {
  device_key key{};
  std::copy(id.begin(), id.end(), key.id);
  return key;
}

std::string id_of(const device_key& key) {
  return {key.id, ::strnlen(key.id, sizeof key.id)};
}

DeviceEntry entry_of(const DeviceBan& ban, const BootClock& clock) {
  ban_value value{};
  value.expires_ns = clock.expiry(ban.expires);
  value.ban_id = ban.ban_id;
  value.reason = static_cast<__u32>(policy::Reason::banned_device);
  return {key_of(ban.id), value};
}

}  // namespace

Result<void> KernelDataplane::set_device_bans(std::span<const DeviceBan> bans) {
  device_bans_.clear();
  device_bans_.reserve(bans.size());
  for (const auto& ban : bans) {
    if (fits(ban.id)) device_bans_.insert_or_assign(ban.id, ban);
  }
  device_bans_known_ = true;
  // What a former daemon left is compared with what is wanted.
  auto mended = mend_device_bans();
  if (!mended) return note(std::unexpected(mended.error()));
  return {};
}

Result<void> KernelDataplane::change_device_bans(const DeviceBanChanges& changes) {
  const BootClock clock;
  const WallTime time = now();
  std::vector<DeviceEntry> changed;
  std::vector<device_key> surplus;
  const auto remove = [&](const std::string& id) {
    if (device_bans_.erase(id) != 0) surplus.push_back(key_of(id));
  };
  for (const auto& ban : changes.put) {
    if (!fits(ban.id)) continue;
    if (ban.expires && *ban.expires <= time) {
      remove(ban.id);
      continue;
    }
    device_bans_.insert_or_assign(ban.id, ban);
    changed.push_back(entry_of(ban, clock));
  }
  for (const auto& id : changes.gone) remove(id);
  if (auto put = note(maps_.banned_devices.put(changed)); !put) return put;
  if (auto erased = maps_.banned_devices.erase(surplus); !erased) return note(std::unexpected(erased.error()));
  return {};
}

Result<std::size_t> KernelDataplane::mend_device_bans() {
  const BootClock clock;
  const WallTime time = now();
  std::erase_if(device_bans_, [&](const auto& entry) { return entry.second.expires && *entry.second.expires <= time; });
  const auto present = maps_.banned_devices.entries();
  if (!present) return std::unexpected(present.error());
  std::unordered_map<std::string, ban_value> rest;
  rest.reserve(present->size());
  for (const auto& [key, value] : *present) rest.emplace(id_of(key), value);
  std::vector<DeviceEntry> missing;
  for (const auto& [id, ban] : device_bans_) {
    const auto entry = entry_of(ban, clock);
    const auto found = rest.find(id);
    if (found == rest.end() || !is_same(found->second, entry.second)) missing.push_back(entry);
    if (found != rest.end()) rest.erase(found);
  }
  if (auto put = maps_.banned_devices.put(missing); !put) return std::unexpected(put.error());
  std::vector<device_key> surplus;
  surplus.reserve(rest.size());
  for (const auto& [id, value] : rest) surplus.push_back(key_of(id));
  if (auto erased = maps_.banned_devices.erase(surplus); !erased) return erased;
  return missing.size() + surplus.size();
}

}  // namespace gatehouse::kernel
