// Devices as people see them: in tables, and in the frames of `gatehouse device watch`. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/time.h"
#include "cli/table.h"
#include "cli/watch_frame.h"

namespace gatehouse::cli {

// One word of "banned", "pending", "approved", "confirmed", "claimed": the one that matters most.
std::string device_state(const nlohmann::json& device);
// "17, of its uuid"; "-" without one.
std::string ban_of_device(const nlohmann::json& device);
Table device_table(const std::vector<nlohmann::json>& devices);

struct DeviceReading {
  WallTime time;
  nlohmann::json pending;   // answers of /v1/devices; null: the daemon did not answer, and `fault` says why
  nlohmann::json banned;    // alike
  nlohmann::json refusals;  // rows of the audit, newest first
  nlohmann::json changes;   // of bans, newest first
  std::string fault;
};
std::vector<std::string> device_frame_of(const DeviceReading& reading, const FrameSize& size);

}  // namespace gatehouse::cli
