// Devices as operators see them. A list is read in pieces, in the order of the ids' bytes: devices that come or go
// meanwhile may be in it or not.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rustdesk/device_table.h"

namespace gatehouse::rustdesk {

struct DeviceView {
  std::string id;
  bool online = false;  // heard lately, known to hbbs, not banned
  bool pending = false;
  bool approved = false;
  bool confirmed = false;           // hbbs knew it at least once
  bool identity_confirmed = false;  // hbbs accepted its uuid and key
  std::optional<DeviceBan> ban;
  Endpoint last;  // port 0: never heard
  std::vector<Address> addresses;
  WallTime first_seen{};
  WallTime last_seen{};
  std::string uuid;  // base64; empty: not known
  std::string pk;
  std::vector<std::string> same_machine;  // other ids with the same uuid or key, a few of them
};

struct DeviceFilter {
  std::optional<bool> online;
  std::optional<bool> banned;
  std::optional<bool> pending;
};

struct DevicePage {
  std::vector<DeviceView> devices;
  std::optional<std::string> next;  // the id behind which to go on; nullopt: that was all
};

// `approval`: devices that are not approved are pending.
DeviceView view_of(const DeviceTable& table, Slot device, bool approval, WallTime now);
std::optional<DeviceView> view_of(const DeviceTable& table, std::string_view id, bool approval, WallTime now,
                                  const DeviceFilter& filter = {});
// Those behind the id `after`: at most that many, of at most 20,000 that are looked at closely.
DevicePage list_devices(const DeviceTable& table, const DeviceFilter& filter, std::string_view after,
                        std::size_t at_most, bool approval, WallTime now);

}  // namespace gatehouse::rustdesk
