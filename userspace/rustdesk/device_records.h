// What the device table (device_table.h) holds, as its readers see it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/time.h"
#include "rustdesk/bytes.h"
#include "rustdesk/slab.h"

namespace gatehouse::rustdesk {

// A uuid or a public key, and the devices that have it.
struct Identity {
  std::string bytes;
  bool is_pk = false;
  bool banned = false;             // there is a ban of it, in force or expired
  std::array<List, 2> devices;     // those whose id has no ban, and those whose id has one
  std::uint32_t device_count = 0;  // in both
};

// An id.
struct Device {
  // What most questions read stands together.
  std::string id;
  std::uint32_t life = 0;  // another one in the same slot has another number
  Slot first_sighting = no_slot;
  Slot uuid = no_slot;  // of Identity
  Slot pk = no_slot;
  bool marked = false;     // to be looked at closely: some ban may concern it, or an option names it
  bool id_banned = false;  // there is a ban of its id, in force or expired
  bool listed = false;     // an option names it
  bool approved = false;
  bool confirmed = false;           // hbbs knew it at the address that it spoke from, at least once
  bool identity_confirmed = false;  // hbbs accepted this uuid and key
  bool changed = false;             // since the store took it
  std::uint8_t age = 0;             // which list of ages, see device_table.cc
  WallTime last_seen{};
  WallTime first_seen{};
  WallTime identity_since{};  // when this uuid and key were first said (claim) or accepted (confirmed)
  WallTime identity_asked{};
  Endpoint last;  // of its last heartbeat, or of what else it was last seen by
  Links by_uuid;
  Links by_pk;
  Links by_age;
};

// That a device was seen at an address.
struct Sighting {
  Slot device = no_slot;
  Slot place = no_slot;
  Slot next_of_device = no_slot;
  bool marked = false;             // as the device: in which list of the place it is
  bool confirmed = false;          // hbbs knew it at this address
  WallTime last_seen{};            // by whatever
  WallTime last_online_request{};  // an OnlineRequest named it as the asker
  Links by_place;
};

struct Asker {
  Slot device = no_slot;
  std::uint32_t life = 0;
  WallTime at{};
};

// An address, and who was seen there, newest first.
struct Place {
  Address address;
  std::array<List, 2> sightings;  // of devices without and with a mark
  std::array<Asker, 2> askers;    // the last one that sent OnlineRequest from here, and the last before it
  std::uint32_t sighting_count = 0;
  // How many were asked for their uuid and key, and since when; hbbs limits RegisterPk by address.
  WallTime asking_since{};
  std::uint32_t asked = 0;
  WallTime day_since{};
  std::uint32_t asked_in_day = 0;
};

// A device as it is stored.
struct DeviceEntry {
  std::string id;
  std::string uuid;
  std::string pk;
  std::vector<Endpoint> addresses;  // newest first
  WallTime first_seen{};
  WallTime last_seen{};
  WallTime identity_since{};
  bool confirmed = false;
  bool identity_confirmed = false;
  bool approved = false;
  friend bool operator==(const DeviceEntry&, const DeviceEntry&) = default;
};

// The ban that is on a device.
struct DeviceBan {
  enum class By : std::uint8_t { id, uuid, pk, machine };
  std::uint64_t id = 0;  // the ban's
  std::optional<WallTime> expires;
  By by = By::id;
  std::string through;  // by machine: the banned id that has the same uuid or public key
  friend bool operator==(const DeviceBan&, const DeviceBan&) = default;
};

}  // namespace gatehouse::rustdesk
