// The messages of the channel of redirected devices, rdpdr (MS-RDPEFS 2.2), as far as rules need them. Reading: nullopt
// is a message that contradicts itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rdp/little_endian.h"

namespace gatehouse::rdp {

// 2.2.1.1: Component and PacketId, read as one number.
enum class DevicePacket : std::uint32_t {
  server_announce = 0x496E4472,
  client_confirm = 0x43434472,
  client_name = 0x434E4472,
  device_list = 0x44414472,
  device_reply = 0x64724472,
  device_remove = 0x444D4472,
  io_request = 0x49524472,
  io_completion = 0x49434472,
  server_capability = 0x53504472,
  client_capability = 0x43504472,
  user_logged_on = 0x554C4472,
};
inline constexpr std::uint16_t printer_component = 0x5052;

// 2.2.1.3: DeviceType
enum class DeviceType : std::uint32_t { serial = 1, parallel = 2, printer = 4, drive = 8, smartcard = 0x20 };

struct Device {
  DeviceType type{};
  std::uint32_t id = 0;
  std::string name;  // PreferredDosName
  Bytes entry;       // as it came
};
std::optional<std::vector<Device>> read_device_list(Bytes body);

// 2.2.1.4
enum class IoFunction : std::uint32_t {
  create = 0,
  close = 2,
  read = 3,
  write = 4,
  query_information = 5,
  set_information = 6,
  query_volume = 0xA,
  set_volume = 0xB,
  directory = 0xC,
  device_control = 0xE,
  lock = 0x11,
};
struct IoRequest {
  static constexpr std::size_t size = 20;  // after the header
  std::uint32_t device = 0;
  std::uint32_t file = 0;
  std::uint32_t completion = 0;
  IoFunction function{};
  Bytes rest;
};
std::optional<IoRequest> read_io_request(Bytes body);

// 2.2.1.4.1, and what it says about the intention (MS-SMB2 2.2.13).
struct CreateFile {
  static constexpr std::size_t disposition_offset = 20;  // in the rest of the request
  std::uint32_t access = 0;
  std::uint32_t disposition = 0;
  std::uint32_t options = 0;
  std::string path;
};
std::optional<CreateFile> read_create_file(Bytes rest);
inline constexpr std::uint32_t disposition_open = 1;     // only what is there
inline constexpr std::uint32_t disposition_open_if = 3;  // or makes it
inline constexpr std::uint32_t option_directory = 0x1;
inline constexpr std::uint32_t option_delete_on_close = 0x1000;
// FILE_WRITE_DATA, FILE_APPEND_DATA, GENERIC_WRITE, GENERIC_ALL
inline constexpr std::uint32_t access_to_write = 0x2U | 0x4U | 0x40000000U | 0x10000000U;

// 2.2.1.5
struct IoCompletion {
  std::uint32_t device = 0;
  std::uint32_t completion = 0;
  std::uint32_t status = 0;
  Bytes rest;
};
std::optional<IoCompletion> read_io_completion(Bytes body);

inline constexpr std::uint32_t status_access_denied = 0xC0000022;  // MS-ERREF 2.3.1
inline constexpr std::uint32_t status_no_such_device = 0xC000000E;
inline constexpr std::uint32_t status_insufficient_resources = 0xC000009A;
// What a client would answer that cannot do it: the whole message.
std::vector<std::uint8_t> failed_completion(const IoRequest& request, std::uint32_t status);

}  // namespace gatehouse::rdp
