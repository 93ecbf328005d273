#include "rustdesk/device_table.h"

#include <sodium.h>

#include <algorithm>
#include <stdexcept>

#include "rustdesk/device_names.h"
#include "rustdesk/wire.h"

namespace gatehouse::rustdesk {
namespace {

// The lists of ages: who makes room first, who then, who never.
constexpr std::uint8_t claims = 0;
constexpr std::uint8_t confirmed_ones = 1;
constexpr std::uint8_t staying = 2;
constexpr std::uint32_t most_sightings = 4;

std::string_view bytes_of_address(const Address& address) {
  return as_text(address.bytes);
}

}  // namespace

DeviceTable::DeviceTable(DeviceLimits limits)
    : limits_(limits),
      bans_(std::make_shared<policy::BanTable>()),
      heard_(limits.answers),
      registrations_(limits.answers / 16) {
  if (sodium_init() < 0) throw std::runtime_error("libsodium cannot be used");
  crypto_shorthash_keygen(hash_key_.data());
}

std::uint64_t DeviceTable::hash(std::string_view bytes, HashOf kind) const {
  std::uint64_t hash = 0;
  static_assert(crypto_shorthash_BYTES == sizeof(hash) && crypto_shorthash_KEYBYTES == sizeof(hash_key_));
  // NOLINTNEXTLINE: bytes into a number and out of a text
  crypto_shorthash(reinterpret_cast<unsigned char*>(&hash), as_bytes(bytes).data(), bytes.size(), hash_key_.data());
  return hash + static_cast<std::uint8_t>(kind);
}

void DeviceTable::look_ahead(const Address& address, std::string_view id) const {
  const auto of_place = hash(bytes_of_address(address), HashOf::address);
  const auto of_id = hash(id, HashOf::id);
  by_address_.prefetch(of_place);
  by_id_.prefetch(of_id);
  const auto there = by_address_.guess(of_place);
  const auto device = by_id_.guess(of_id);
  if (there != no_slot) places_.prefetch(there);
  if (device != no_slot) devices_.prefetch(device);
}

Slot DeviceTable::find(std::string_view id) const {
  return by_id_.find(hash(id, HashOf::id), [&](Slot slot) { return devices_[slot].id == id; });
}

const Device* DeviceTable::device(Slot slot, std::uint32_t life) const {
  return slot != no_slot && devices_[slot].life == life ? &devices_[slot] : nullptr;
}

const Place* DeviceTable::place(const Address& address) const {
  const auto slot = by_address_.find(hash(bytes_of_address(address), HashOf::address),
                                     [&](Slot at) { return places_[at].address == address; });
  return slot == no_slot ? nullptr : &places_[slot];
}

const Sighting* DeviceTable::sighting(Slot device, const Address& address) const {
  for (auto slot = devices_[device].first_sighting; slot != no_slot; slot = sightings_[slot].next_of_device) {
    if (places_[sightings_[slot].place].address == address) return &sightings_[slot];
  }
  return nullptr;
}

bool DeviceTable::is_elsewhere(Slot device, const Address& address, bool confirmed, WallTime now) const {
  for (auto slot = devices_[device].first_sighting; slot != no_slot; slot = sightings_[slot].next_of_device) {
    const auto& seen = sightings_[slot];
    const auto& other = places_[seen.place].address;
    if (other == address || other.is_v4() != address.is_v4() || !is_live(seen, now)) continue;
    if (seen.confirmed || !confirmed) return true;
  }
  return false;
}

Slot DeviceTable::heard_from(const Endpoint& endpoint) const {
  const auto& heard =
      heard_[(hash(bytes_of_address(endpoint.address), HashOf::address) + endpoint.port) % heard_.size()];
  return heard.from == endpoint && device(heard.device, heard.life) != nullptr ? heard.device : no_slot;
}

// ---- what is seen

Slot DeviceTable::heartbeat(const Endpoint& from, std::string_view id, WallTime now) {
  const auto slot = seen(from, id, now);
  if (slot == no_slot) return slot;
  auto& device = devices_[slot];
  device.last = from;
  auto& heard = heard_[(hash(bytes_of_address(from.address), HashOf::address) + from.port) % heard_.size()];
  const bool another = heard.from == from && heard.device != no_slot &&
                       (heard.device != slot || heard.life != device.life) && now - heard.at <= limits_.answer;
  const bool still = heard.from == from && heard.several && now - heard.at <= limits_.answer;
  heard = {from, slot, device.life, another || still, now};
  return slot;
}

Slot DeviceTable::online_request(const Endpoint& from, std::string_view id, WallTime now) {
  const auto slot = seen(from, id, now);
  if (slot == no_slot) return slot;
  const auto& device = devices_[slot];
  for (auto at = device.first_sighting; at != no_slot; at = sightings_[at].next_of_device) {
    auto& place = places_[sightings_[at].place];
    if (place.address != from.address) continue;
    sightings_[at].last_online_request = now;
    auto& askers = place.askers;
    if (askers[0].device != slot || askers[0].life != device.life) askers[1] = askers[0];
    askers[0] = {slot, device.life, now};
  }
  return slot;
}

void DeviceTable::heartbeat_answered(const Endpoint& to, bool request_pk, WallTime now) {
  auto& heard = heard_[(hash(bytes_of_address(to.address), HashOf::address) + to.port) % heard_.size()];
  if (heard.from != to || heard.several || now - heard.at > limits_.answer) return;
  if (device(heard.device, heard.life) == nullptr) return;
  for (auto at = devices_[heard.device].first_sighting; at != no_slot; at = sightings_[at].next_of_device) {
    if (places_[sightings_[at].place].address == to.address) sightings_[at].confirmed = !request_pk;
  }
  if (request_pk || devices_[heard.device].confirmed) return;
  devices_[heard.device].confirmed = true;
  set_age(heard.device);
  set_changed(heard.device);
}

Slot DeviceTable::seen(const Endpoint& from, std::string_view id, WallTime now) {
  auto slot = find(id);
  if (slot == no_slot) slot = add(id, now);
  if (slot == no_slot) return no_slot;
  auto& device = devices_[slot];
  Slot at = device.first_sighting;
  while (at != no_slot && places_[sightings_[at].place].address != from.address) at = sightings_[at].next_of_device;
  if (at == no_slot) {
    at = add_sighting(slot, from.address);
    if (device.confirmed) set_changed(slot);
  }
  if (device.last.port == 0) device.last = from;
  touch(at, now);
  if (device.confirmed && device.last_seen + limits_.changed_after <= now) set_changed(slot);
  device.last_seen = std::max(device.last_seen, now);
  // The newest of its age: those who make room are taken from the end.
  ages_[device.age].remove(devices_, &Device::by_age, slot);
  ages_[device.age].push_front(devices_, &Device::by_age, slot);
  return slot;
}

Slot DeviceTable::add(std::string_view id, WallTime now) {
  if (id.empty() || id.size() > longest_id || id == self_test_id) return no_slot;
  if (devices_.size() >= limits_.devices && !make_room()) {
    ++refused_;
    return no_slot;
  }
  const auto slot = devices_.add();
  auto& device = devices_[slot];
  device.id = id;
  device.life = ++lives_;
  device.first_seen = now;
  device.last_seen = now;
  device.id_banned = bans_->names().find(policy::Subject::device, id, WallTime::min()) != nullptr;
  device.listed = listed_.contains(device.id);
  by_id_.insert(hash(id, HashOf::id), slot);
  ages_[claims].push_front(devices_, &Device::by_age, slot);
  set_mark(slot);
  return slot;
}

bool DeviceTable::make_room() {
  for (const auto age : {claims, confirmed_ones}) {
    if (ages_[age].empty()) continue;
    remove(ages_[age].last);
    ++displaced_;
    return true;
  }
  return false;
}

void DeviceTable::remove(Slot slot) {
  auto& device = devices_[slot];
  leave(slot, false);
  leave(slot, true);
  while (device.first_sighting != no_slot) remove_sighting(slot, device.first_sighting);
  ages_[device.age].remove(devices_, &Device::by_age, slot);
  marked_.erase(slot);
  by_id_.erase(hash(device.id, HashOf::id), slot);
  devices_.remove(slot);
}

// ---- sightings

Slot DeviceTable::add_sighting(Slot slot, const Address& address) {
  auto& device = devices_[slot];
  // A fifth one takes the place of the oldest, of one that hbbs did not confirm if there is any: claims from elsewhere
  // shall not make us forget where a device really is.
  std::uint32_t count = 0;
  Slot victim = no_slot;
  for (auto at = device.first_sighting; at != no_slot; at = sightings_[at].next_of_device, ++count) {
    if (victim == no_slot || std::pair(sightings_[at].confirmed, sightings_[at].last_seen) <
                                 std::pair(sightings_[victim].confirmed, sightings_[victim].last_seen)) {
      victim = at;
    }
  }
  if (count >= most_sightings) remove_sighting(slot, victim);

  const auto key = hash(bytes_of_address(address), HashOf::address);
  auto place = by_address_.find(key, [&](Slot at) { return places_[at].address == address; });
  if (place == no_slot) {
    place = places_.add();
    places_[place].address = address;
    by_address_.insert(key, place);
  }
  const auto added = sightings_.add();
  auto& sighting = sightings_[added];
  sighting.device = slot;
  sighting.place = place;
  sighting.marked = device.marked;
  sighting.next_of_device = device.first_sighting;
  device.first_sighting = added;
  places_[place].sightings[sighting.marked ? 1 : 0].push_front(sightings_, &Sighting::by_place, added);
  ++places_[place].sighting_count;
  return added;
}

void DeviceTable::remove_sighting(Slot slot, Slot victim) {
  auto& device = devices_[slot];
  if (device.first_sighting == victim) {
    device.first_sighting = sightings_[victim].next_of_device;
  } else {
    auto at = device.first_sighting;
    while (sightings_[at].next_of_device != victim) at = sightings_[at].next_of_device;
    sightings_[at].next_of_device = sightings_[victim].next_of_device;
  }
  const auto place = sightings_[victim].place;
  places_[place].sightings[sightings_[victim].marked ? 1 : 0].remove(sightings_, &Sighting::by_place, victim);
  sightings_.remove(victim);
  if (--places_[place].sighting_count > 0) return;
  by_address_.erase(hash(bytes_of_address(places_[place].address), HashOf::address), place);
  places_.remove(place);
}

void DeviceTable::touch(Slot slot, WallTime now) {
  auto& sighting = sightings_[slot];
  sighting.last_seen = std::max(sighting.last_seen, now);
  auto& list = places_[sighting.place].sightings[sighting.marked ? 1 : 0];
  if (list.first == slot) return;
  list.remove(sightings_, &Sighting::by_place, slot);
  list.push_front(sightings_, &Sighting::by_place, slot);
}

// ---- what they are worth

void DeviceTable::set_age(Slot slot) {
  auto& device = devices_[slot];
  // One that is banned by a claim alone can be made at will, so it does not stay.
  const bool stays =
      device.id_banned || device.approved || device.listed || (device.marked && device.identity_confirmed);
  const bool known = device.confirmed || device.identity_confirmed;
  const auto age = stays ? staying : known ? confirmed_ones : claims;
  if (device.age == age) return;
  ages_[device.age].remove(devices_, &Device::by_age, slot);
  device.age = age;
  // In the order of their last times. Who is heard is near the beginning; what is neither there nor last may as well be
  // last, since thousands of old ones may come at once (a bulk of bans that ends).
  auto next = ages_[age].first;
  std::uint32_t looked = 0;
  while (next != no_slot && devices_[next].last_seen > device.last_seen) {
    next = ++looked < 64 ? devices_[next].by_age.next : no_slot;
  }
  ages_[age].insert(devices_, &Device::by_age, slot, next);
}

void DeviceTable::set_changed(Slot slot) {
  auto& device = devices_[slot];
  if (device.changed) return;
  device.changed = true;
  changed_.push_back(slot);
}

bool DeviceTable::approve(std::string_view id, bool approved, WallTime now) {
  auto slot = find(id);
  if (slot == no_slot && !approved) return true;
  if (slot == no_slot) slot = add(id, now);
  if (slot == no_slot) return false;
  devices_[slot].approved = approved;
  set_age(slot);
  set_changed(slot);
  return true;
}

void DeviceTable::approve_confirmed() {
  for (Slot slot = 0; slot < devices_.end(); ++slot) {
    auto& device = devices_[slot];
    if (device.id.empty() || device.approved || !device.confirmed) continue;
    device.approved = true;
    set_age(slot);
    set_changed(slot);
  }
}

void DeviceTable::set_listed(std::unordered_set<std::string> ids) {
  const auto old = std::exchange(listed_, std::move(ids));
  const auto update = [&](const std::string& id) {
    const auto slot = find(id);
    if (slot == no_slot) return;
    devices_[slot].listed = listed_.contains(id);
    set_mark(slot);
  };
  for (const auto& id : old) update(id);
  for (const auto& id : listed_) update(id);
}

}  // namespace gatehouse::rustdesk
