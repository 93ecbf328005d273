#include "rustdesk/device_lists.h"

#include <algorithm>

#include "rustdesk/device_names.h"

namespace gatehouse::rustdesk {
namespace {

constexpr Slot most_in_a_piece = 20'000;
constexpr std::size_t most_of_machine = 16;

bool is_online(const DeviceTable& table, const Device& device, WallTime now) {
  return device.confirmed && table.is_live(device, now);
}

bool is_wanted(const DeviceTable& table, Slot slot, const DeviceFilter& filter, bool approval, WallTime now) {
  const auto& device = table.device(slot);
  if (device.id.empty() || !device.id.starts_with(filter.id_begins)) return false;
  if (filter.address && table.sighting(slot, *filter.address) == nullptr) return false;
  if (filter.pending && *filter.pending != (approval && !device.approved)) return false;
  if (!filter.banned && !filter.online) return true;
  const bool banned = table.ban_of(slot, now).has_value();
  if (filter.banned && *filter.banned != banned) return false;
  return !filter.online || *filter.online == (!banned && is_online(table, device, now));
}

}  // namespace

DeviceView view_of(const DeviceTable& table, Slot slot, bool approval, WallTime now) {
  const auto& device = table.device(slot);
  DeviceView view;
  view.id = device.id;
  view.ban = table.ban_of(slot, now);
  view.online = !view.ban && is_online(table, device, now);
  view.pending = approval && !device.approved;
  view.approved = device.approved;
  view.confirmed = device.confirmed;
  view.identity_confirmed = device.identity_confirmed;
  view.last = device.last;
  for (const auto& endpoint : table.entry(slot).addresses) view.addresses.push_back(endpoint.address);
  view.first_seen = device.first_seen;
  view.last_seen = device.last_seen;
  view.uuid = base64(table.uuid_of(device));
  view.pk = base64(table.pk_of(device));
  view.same_machine = table.same_machine(device, most_of_machine);
  return view;
}

std::optional<DeviceView> view_of(const DeviceTable& table, std::string_view id, bool approval, WallTime now) {
  const auto slot = table.find(id);
  if (slot == no_slot) return std::nullopt;
  return view_of(table, slot, approval, now);
}

DevicePage list_devices(const DeviceTable& table, const DeviceFilter& filter, Slot from, std::size_t at_most,
                        bool approval, WallTime now) {
  DevicePage page;
  const auto end = table.end();
  Slot slot = from;
  for (Slot looked = 0; slot < end && looked < most_in_a_piece && page.devices.size() < at_most; ++slot, ++looked) {
    if (is_wanted(table, slot, filter, approval, now)) page.devices.push_back(view_of(table, slot, approval, now));
  }
  if (slot < end) page.next = slot;
  return page;
}

std::vector<Slot> DeviceTable::in_order(std::string_view after, std::size_t at_most) const {
  std::vector<Slot> slots;
  for (Slot slot = 0; slot < devices_.end(); ++slot) {
    if (devices_[slot].id > after) slots.push_back(slot);
  }
  const auto by_id = [this](Slot left, Slot right) { return devices_[left].id < devices_[right].id; };
  const auto count = std::min(slots.size(), at_most);
  std::ranges::partial_sort(slots, slots.begin() + static_cast<std::ptrdiff_t>(count), by_id);
  slots.resize(count);
  return slots;
}

}  // namespace gatehouse::rustdesk
