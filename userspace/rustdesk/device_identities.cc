// DeviceTable: uuids and public keys, who has them, and how we come by them.
#include <algorithm>

#include "rustdesk/device_names.h"
#include "rustdesk/device_table.h"
#include "rustdesk/wire.h"

namespace gatehouse::rustdesk {
namespace {

constexpr std::uint32_t most_claims = 64;
// hbbs: the 33rd RegisterPk of an address with gaps of at most 60 s is refused, and new ids beyond 300 a day.
constexpr std::uint32_t asked_at_once = 8;
constexpr std::uint32_t asked_a_day = 200;
constexpr Duration asking_for = std::chrono::seconds(20);
constexpr Duration asking_again = std::chrono::seconds(90);
constexpr Duration device_again = std::chrono::minutes(10);

std::size_t registration_place(const Endpoint& endpoint, std::size_t places) {
  return std::hash<Endpoint>{}(endpoint) % places;
}

}  // namespace

Slot DeviceTable::registration(const Endpoint& from, std::string_view id, Bytes uuid, Bytes pk, bool forwarded,
                               WallTime now) {
  const auto slot = seen(from, id, now);
  if (slot == no_slot || uuid.size() > longest_identity || pk.size() > longest_identity) return slot;
  auto& device = devices_[slot];
  if (forwarded) {
    registrations_[registration_place(from, registrations_.size())] = {
        from, slot, device.life, now, std::string(as_text(uuid)), std::string(as_text(pk))};
  }
  const bool elsewhere = device.confirmed && !sighting(slot, from.address)->confirmed;
  if (!device.identity_confirmed && !elsewhere) set_identity(slot, as_text(uuid), as_text(pk), false, now);
  return slot;
}

void DeviceTable::registration_accepted(const Endpoint& to, WallTime now) {
  auto& registration = registrations_[registration_place(to, registrations_.size())];
  if (registration.from != to || now - registration.at > limits_.answer) return;
  if (device(registration.device, registration.life) == nullptr) return;
  const auto slot = registration.device;
  for (auto at = devices_[slot].first_sighting; at != no_slot; at = sightings_[at].next_of_device) {
    if (places_[sightings_[at].place].address == to.address) sightings_[at].confirmed = true;
  }
  devices_[slot].confirmed = true;
  set_identity(slot, registration.uuid, registration.pk, true, now);
  registration = {};
}

Slot DeviceTable::find_identity(std::string_view bytes, bool is_pk) const {
  return by_identity_.find(hash(bytes, is_pk ? HashOf::pk : HashOf::uuid), [&](Slot slot) {
    return identities_[slot].is_pk == is_pk && identities_[slot].bytes == bytes;
  });
}

void DeviceTable::set_identity(Slot slot, std::string_view uuid, std::string_view pk, bool confirmed, WallTime now) {
  auto& device = devices_[slot];
  const bool same = as_text(uuid_of(device)) == uuid && as_text(pk_of(device)) == pk;
  if (!same) {
    leave(slot, false);
    leave(slot, true);
    join(slot, uuid, false);
    join(slot, pk, true);
  }
  if (!same || (confirmed && !device.identity_confirmed)) {
    device.identity_since = now;
    device.identity_confirmed = confirmed || (same && device.identity_confirmed);
    if (confirmed) set_changed(slot);
    if (device.marked) ++bans_version_;
  }
  set_mark(slot);
  if (device.id_banned) {  // its machine is banned from now on, whatever its other ids are
    mark_all_of(device.uuid);
    mark_all_of(device.pk);
  }
}

void DeviceTable::join(Slot slot, std::string_view bytes, bool is_pk) {
  if (bytes.empty()) return;
  auto found = find_identity(bytes, is_pk);
  if (found == no_slot) {
    found = identities_.add();
    auto& identity = identities_[found];
    identity.bytes = bytes;
    identity.is_pk = is_pk;
    const auto name = is_pk ? pk_name(as_bytes(bytes)) : uuid_name(as_bytes(bytes));
    identity.banned = bans_->names().find(policy::Subject::device, name, WallTime::min()) != nullptr;
    by_identity_.insert(hash(bytes, is_pk ? HashOf::pk : HashOf::uuid), found);
  }
  auto& device = devices_[slot];
  (is_pk ? device.pk : device.uuid) = found;
  auto& identity = identities_[found];
  identity.devices[device.id_banned ? 1 : 0].push_front(devices_, is_pk ? &Device::by_pk : &Device::by_uuid, slot);
  ++identity.device_count;
  if (identity.device_count > most_claims) drop_oldest_claim(found, slot);
}

void DeviceTable::leave(Slot slot, bool is_pk) {
  auto& device = devices_[slot];
  auto& own = is_pk ? device.pk : device.uuid;
  if (own == no_slot) return;
  const auto left = std::exchange(own, no_slot);
  auto& identity = identities_[left];
  identity.devices[device.id_banned ? 1 : 0].remove(devices_, is_pk ? &Device::by_pk : &Device::by_uuid, slot);
  if (--identity.device_count > 0) {
    if (device.id_banned) mark_all_of(left);
    return;
  }
  by_identity_.erase(hash(identity.bytes, is_pk ? HashOf::pk : HashOf::uuid), left);
  identities_.remove(left);
}

// Only the last few are looked at: where they all are accepted ones, hbbs's own limits hold.
void DeviceTable::drop_oldest_claim(Slot identity, Slot but) {
  const bool is_pk = identities_[identity].is_pk;
  auto at = identities_[identity].devices[0].last;
  for (std::uint32_t looked = 0; at != no_slot && looked < most_claims; ++looked) {
    const auto& device = devices_[at];
    if (!device.identity_confirmed && at != but) {
      leave(at, is_pk);
      set_mark(at);
      return;
    }
    at = is_pk ? device.by_pk.previous : device.by_uuid.previous;
  }
}

bool DeviceTable::ask_identity(Slot slot, const Address& address, WallTime now) {
  auto& device = devices_[slot];
  if (now - device.identity_asked < device_again) return false;
  if (device.uuid != no_slot) {
    if (device.identity_confirmed || !device.marked) return false;
    const auto ban = ban_of(slot, now);
    if (!ban || ban->by == DeviceBan::By::id) return false;
  }
  const auto* seen = sighting(slot, address);
  if (seen == nullptr) return false;
  auto& place = places_[seen->place];
  if (now - place.day_since >= std::chrono::days(1)) {
    place.day_since = now;
    place.asked_in_day = 0;
  }
  if (now - place.asking_since >= asking_again) {
    place.asking_since = now;
    place.asked = 0;
  }
  if (now - place.asking_since >= asking_for || place.asked >= asked_at_once || place.asked_in_day >= asked_a_day) {
    return false;
  }
  ++place.asked;
  ++place.asked_in_day;
  device.identity_asked = now;
  return true;
}

Bytes DeviceTable::uuid_of(const Device& device) const {
  return device.uuid == no_slot ? Bytes() : as_bytes(identities_[device.uuid].bytes);
}
Bytes DeviceTable::pk_of(const Device& device) const {
  return device.pk == no_slot ? Bytes() : as_bytes(identities_[device.pk].bytes);
}

std::vector<std::string> DeviceTable::same_machine(const Device& device, std::size_t at_most) const {
  std::vector<std::string> ids;
  for (const bool is_pk : {false, true}) {
    const auto identity = is_pk ? device.pk : device.uuid;
    if (identity == no_slot) continue;
    for (const auto& list : identities_[identity].devices) {
      for (auto at = list.first; at != no_slot && ids.size() < at_most;) {
        const auto& other = devices_[at];
        if (&other != &device && std::ranges::find(ids, other.id) == ids.end()) ids.push_back(other.id);
        at = is_pk ? other.by_pk.next : other.by_uuid.next;
      }
    }
  }
  return ids;
}

}  // namespace gatehouse::rustdesk
