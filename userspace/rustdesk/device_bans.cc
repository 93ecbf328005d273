// DeviceTable: which ban is on whom. A mark says that a ban may concern a device, whether it is in force or not; it is
// kept up with the bans and with what is learned, so that devices without one cost no question.
#include <algorithm>

#include "rustdesk/device_names.h"
#include "rustdesk/device_table.h"
#include "rustdesk/wire.h"

namespace gatehouse::rustdesk {

void DeviceTable::set_bans(std::shared_ptr<const policy::BanTable> bans) {
  const auto old = std::exchange(bans_, std::move(bans));
  ++bans_version_;
  for (const auto& ban : bans_->names().differing_from(old->names())) {
    if (ban.subject != policy::Subject::device) continue;
    const bool banned = bans_->names().find(policy::Subject::device, ban.name, WallTime::min()) != nullptr;
    if (const auto device = find(ban.name); device != no_slot) set_id_banned(device, banned);
    const auto name = parse_identity_name(ban.name);
    const auto identity = name ? find_identity(as_text(name->bytes), name->is_pk) : no_slot;
    if (identity == no_slot) continue;
    identities_[identity].banned = banned;
    mark_all_of(identity);
  }
}

void DeviceTable::set_id_banned(Slot slot, bool banned) {
  auto& device = devices_[slot];
  if (device.id_banned == banned) return;
  device.id_banned = banned;
  const auto move = [&](Slot identity, Links Device::* links) {
    if (identity == no_slot) return;
    identities_[identity].devices[banned ? 0 : 1].remove(devices_, links, slot);
    identities_[identity].devices[banned ? 1 : 0].push_front(devices_, links, slot);
    mark_all_of(identity);
  };
  move(device.uuid, &Device::by_uuid);
  move(device.pk, &Device::by_pk);
  set_mark(slot);
}

void DeviceTable::mark_all_of(Slot identity) {
  if (identity == no_slot) return;
  const auto links = identities_[identity].is_pk ? &Device::by_pk : &Device::by_uuid;
  for (const auto& list : identities_[identity].devices) {
    for (auto at = list.first; at != no_slot; at = (devices_[at].*links).next) set_mark(at);
  }
}

void DeviceTable::set_mark(Slot slot) {
  auto& device = devices_[slot];
  const auto touched = [&](Slot identity) {
    return identity != no_slot && (identities_[identity].banned || !identities_[identity].devices[1].empty());
  };
  const bool marked = device.id_banned || device.listed || touched(device.uuid) || touched(device.pk);
  if (marked != device.marked) {
    device.marked = marked;
    ++bans_version_;
    marked ? static_cast<void>(marked_.insert(slot)) : static_cast<void>(marked_.erase(slot));
    for (auto at = device.first_sighting; at != no_slot; at = sightings_[at].next_of_device) {
      auto& sighting = sightings_[at];
      auto& lists = places_[sighting.place].sightings;
      lists[sighting.marked ? 1 : 0].remove(sightings_, &Sighting::by_place, at);
      sighting.marked = marked;
      auto& list = lists[marked ? 1 : 0];
      const bool oldest = !list.empty() && sightings_[list.last].last_seen >= sighting.last_seen;
      auto next = oldest ? no_slot : list.first;
      while (next != no_slot && sightings_[next].last_seen > sighting.last_seen) next = sightings_[next].by_place.next;
      list.insert(sightings_, &Sighting::by_place, at, next);
    }
  }
  set_age(slot);
}

std::optional<DeviceBan> DeviceTable::named_ban(std::string_view name, DeviceBan::By by, WallTime now) const {
  const auto* ban = bans_->names().find(policy::Subject::device, name, now);
  if (ban == nullptr) return std::nullopt;
  return DeviceBan{ban->id, ban->expires, by, {}};
}

// That of another banned id with this uuid or key. `confirmed`, `since`: how and since when the asked device has it.
std::optional<DeviceBan> DeviceTable::machine_ban(Slot identity, Slot device, bool confirmed, WallTime since,
                                                  WallTime now) const {
  if (identity == no_slot) return std::nullopt;
  const auto links = identities_[identity].is_pk ? &Device::by_pk : &Device::by_uuid;
  for (auto at = identities_[identity].devices[1].first; at != no_slot; at = (devices_[at].*links).next) {
    const auto& other = devices_[at];
    if (at == device) continue;
    if (confirmed && !other.identity_confirmed && since < other.identity_since) continue;
    auto ban = named_ban(other.id, DeviceBan::By::machine, now);
    if (!ban) continue;
    ban->through = other.id;
    return ban;
  }
  return std::nullopt;
}

std::optional<DeviceBan> DeviceTable::ban_of(Slot slot, WallTime now) const {
  const auto& device = devices_[slot];
  if (!device.marked) return std::nullopt;
  if (device.id_banned) {
    if (auto ban = named_ban(device.id, DeviceBan::By::id, now)) return ban;
  }
  if (device.uuid != no_slot && identities_[device.uuid].banned) {
    if (auto ban = named_ban(uuid_name(uuid_of(device)), DeviceBan::By::uuid, now)) return ban;
  }
  if (device.pk != no_slot && identities_[device.pk].banned) {
    if (auto ban = named_ban(pk_name(pk_of(device)), DeviceBan::By::pk, now)) return ban;
  }
  for (const auto identity : {device.uuid, device.pk}) {
    if (auto ban = machine_ban(identity, slot, device.identity_confirmed, device.identity_since, now)) return ban;
  }
  return std::nullopt;
}

std::optional<DeviceBan> DeviceTable::ban_of(std::string_view id, WallTime now) const {
  const auto slot = find(id);
  return slot != no_slot ? ban_of(slot, now) : named_ban(id, DeviceBan::By::id, now);
}

std::optional<DeviceBan> DeviceTable::ban_of(std::string_view id, Bytes uuid, Bytes pk, WallTime now) const {
  if (auto ban = named_ban(id, DeviceBan::By::id, now)) return ban;
  if (auto ban = named_ban(uuid_name(uuid), DeviceBan::By::uuid, now); ban && !uuid.empty()) return ban;
  if (auto ban = named_ban(pk_name(pk), DeviceBan::By::pk, now); ban && !pk.empty()) return ban;
  const auto slot = find(id);
  for (const bool is_pk : {false, true}) {
    const auto identity = find_identity(as_text(is_pk ? pk : uuid), is_pk);
    const bool own =
        slot != no_slot && identity != no_slot && identity == (is_pk ? devices_[slot].pk : devices_[slot].uuid);
    const bool confirmed = own && devices_[slot].identity_confirmed;
    if (auto ban = machine_ban(identity, slot, confirmed, own ? devices_[slot].identity_since : now, now)) return ban;
  }
  return std::nullopt;
}

}  // namespace gatehouse::rustdesk
