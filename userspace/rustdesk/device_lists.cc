#include "rustdesk/device_lists.h"

#include <algorithm>

#include "rustdesk/device_names.h"

namespace gatehouse::rustdesk {
namespace {

constexpr std::size_t most_in_a_piece = 20'000;
constexpr std::size_t most_of_machine = 16;

bool is_online(const DeviceTable& table, const Device& device, WallTime now) {
  return device.confirmed && table.is_live(device, now);
}

bool is_wanted(const DeviceTable& table, Slot slot, const DeviceFilter& filter, bool approval, WallTime now) {
  const auto& device = table.device(slot);
  if (filter.pending && *filter.pending != (approval && !device.approved)) return false;
  if (!filter.banned && !filter.online) return true;
  const bool banned = table.ban_of(slot, now).has_value();
  if (filter.banned && *filter.banned != banned) return false;
  return !filter.online || *filter.online == (!banned && is_online(table, device, now));
}

// The next ones behind this id.
std::vector<Slot> in_order(const DeviceTable& table, std::string_view after, std::size_t at_most) {
  std::vector<Slot> slots;
  for (Slot slot = 0; slot < table.end(); ++slot) {
    if (table.device(slot).id > after) slots.push_back(slot);  // not a free one, which has none
  }
  const auto by_id = [&table](Slot left, Slot right) { return table.device(left).id < table.device(right).id; };
  const auto count = std::min(slots.size(), at_most);
  std::ranges::partial_sort(slots, slots.begin() + static_cast<std::ptrdiff_t>(count), by_id);
  slots.resize(count);
  return slots;
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

std::optional<DeviceView> view_of(const DeviceTable& table, std::string_view id, bool approval, WallTime now,
                                  const DeviceFilter& filter) {
  const auto slot = table.find(id);
  if (slot == no_slot || !is_wanted(table, slot, filter, approval, now)) return std::nullopt;
  return view_of(table, slot, approval, now);
}

DevicePage list_devices(const DeviceTable& table, const DeviceFilter& filter, std::string_view after,
                        std::size_t at_most, bool approval, WallTime now) {
  DevicePage page;
  const auto slots = in_order(table, after, most_in_a_piece);
  std::size_t looked = 0;
  while (looked < slots.size() && page.devices.size() < at_most) {
    const auto slot = slots[looked++];
    if (is_wanted(table, slot, filter, approval, now)) page.devices.push_back(view_of(table, slot, approval, now));
  }
  const bool all = looked == slots.size() && slots.size() < most_in_a_piece;
  if (!all) page.next = table.device(slots[looked - 1]).id;
  return page;
}

}  // namespace gatehouse::rustdesk
