// Words for tests of devices: moments, endpoints, bans.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "policy/bans.h"
#include "rustdesk/device_names.h"
#include "rustdesk/device_table.h"
#include "rustdesk/wire.h"

namespace gatehouse::rustdesk {

// Seconds after the tests' beginning of time.
inline WallTime at(double seconds) {
  return parse_time("2026-11-28").value() + Duration(static_cast<std::int64_t>(seconds * 1000));
}
inline Endpoint from(std::string_view text) {
  return Endpoint::parse(text).value();
}
inline Bytes bytes(std::string_view text) {
  return as_bytes(text);
}

struct NamedBan {
  std::string name;
  std::optional<WallTime> expires;
};
// The first one has the id 1.
inline std::shared_ptr<const policy::BanTable> bans_of(const std::vector<NamedBan>& names) {
  std::vector<policy::NameBan> bans;
  bans.reserve(names.size());
  for (const auto& [name, expires] : names) {
    bans.push_back({bans.size() + 1, policy::Subject::device, name, expires});
  }
  return policy::BanTable().with_names(policy::NameBans(bans));
}

// A device that registers as stock ones do, and is accepted by hbbs.
inline void registers(DeviceTable& table, std::string_view endpoint, std::string_view id, std::string_view uuid,
                      std::string_view pk, WallTime now) {
  table.heartbeat(from(endpoint), id, now);
  table.heartbeat_answered(from(endpoint), true, now);
  table.registration(from(endpoint), id, bytes(uuid), bytes(pk), true, now);
  table.registration_accepted(from(endpoint), now);
}
inline void beats(DeviceTable& table, std::string_view endpoint, std::string_view id, WallTime now) {
  table.heartbeat(from(endpoint), id, now);
  table.heartbeat_answered(from(endpoint), false, now);
}

}  // namespace gatehouse::rustdesk
