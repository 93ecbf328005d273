// DeviceTable: what of it is kept over a restart.
#include <algorithm>

#include "rustdesk/device_table.h"
#include "rustdesk/wire.h"

namespace gatehouse::rustdesk {

void DeviceTable::import(std::vector<DeviceEntry> entries) {
  // The oldest first: so each one that follows is the newest wherever it comes into a list.
  std::ranges::sort(entries, {}, &DeviceEntry::last_seen);
  for (const auto& entry : entries) {
    auto slot = find(entry.id);
    if (slot == no_slot) slot = add(entry.id, entry.last_seen);
    if (slot == no_slot) continue;
    auto& device = devices_[slot];
    device.first_seen = std::min(device.first_seen, entry.first_seen);
    device.confirmed = entry.confirmed;
    device.approved = entry.approved;
    for (auto at = entry.addresses.rbegin(); at != entry.addresses.rend(); ++at) {
      if (sighting(slot, at->address) != nullptr) continue;
      const auto added = add_sighting(slot, at->address);
      touch(added, entry.last_seen);
      sightings_[added].confirmed = entry.confirmed;
      device.last = *at;
    }
    set_identity(slot, entry.uuid, entry.pk, entry.identity_confirmed, entry.identity_since);
    device.changed = false;
  }
  changed_.clear();
}

DeviceEntry DeviceTable::entry(Slot slot) const {
  const auto& device = devices_[slot];
  DeviceEntry entry{device.id,
                    std::string(as_text(uuid_of(device))),
                    std::string(as_text(pk_of(device))),
                    {},
                    device.first_seen,
                    device.last_seen,
                    device.identity_since,
                    device.confirmed,
                    device.identity_confirmed,
                    device.approved};
  if (device.last.port != 0) entry.addresses.push_back(device.last);
  for (auto at = device.first_sighting; at != no_slot; at = sightings_[at].next_of_device) {
    const auto& address = places_[sightings_[at].place].address;
    if (entry.addresses.empty() || entry.addresses.front().address != address) entry.addresses.push_back({address, 0});
  }
  return entry;
}

std::vector<DeviceEntry> DeviceTable::take_changed(std::size_t at_most) {
  std::vector<DeviceEntry> taken;
  while (!changed_.empty() && taken.size() < at_most) {
    const auto slot = changed_.back();
    changed_.pop_back();
    if (!devices_[slot].changed) continue;  // removed since, or another one in its place
    devices_[slot].changed = false;
    taken.push_back(entry(slot));
  }
  return taken;
}

}  // namespace gatehouse::rustdesk
