#include "drives.h"

#include <winpr/synch.h>
#include <winpr/wtsapi.h>

#include <algorithm>

#include "rdp/little_endian.h"

namespace drive_server {
namespace {

using gatehouse::rdp::LittleEndianReader;
using gatehouse::rdp::LittleEndianWriter;
using std::chrono::steady_clock;

constexpr auto patience_with_an_answer = std::chrono::seconds(20);

// 2.2.1.1: PacketId over RDPDR_CTYP_CORE
enum Packet : std::uint32_t {
  server_announce = 0x496E4472,
  client_name = 0x434E4472,
  server_capability = 0x53504472,
  client_confirm = 0x43434472,
  client_capability = 0x43504472,
  user_logged_on = 0x554C4472,
  device_list = 0x44414472,
  device_reply = 0x64724472,
  io_request = 0x49524472,
  io_completion = 0x49434472,
};
constexpr std::uint32_t type_of_drives = 8;
constexpr std::uint16_t version_minor = 12;
constexpr std::uint32_t client_id = 1;

// 2.2.1.4: MajorFunction
constexpr std::uint32_t function_create = 0;
constexpr std::uint32_t function_close = 2;
constexpr std::uint32_t function_read = 3;
constexpr std::uint32_t function_write = 4;
constexpr std::uint32_t function_set = 6;

// MS-SMB2 2.2.13
constexpr std::uint32_t access_read = 0x80000000;
constexpr std::uint32_t access_write = 0x40000000;
constexpr std::uint32_t access_delete = 0x00010000;
constexpr std::uint32_t what_is_there = 1;
constexpr std::uint32_t anew = 5;

// MS-FSCC 2.4
constexpr std::uint32_t information_rename = 10;
constexpr std::uint32_t information_disposition = 13;

std::vector<std::uint8_t> utf16(const std::string& ascii) {
  LittleEndianWriter writer;
  for (const char each : ascii) writer.u16(static_cast<std::uint8_t>(each));
  return writer.u16(0).take();
}

}  // namespace

Drives::Drives(HANDLE channels)
    : channel_(WTSVirtualChannelOpen(channels, WTS_CURRENT_SESSION, const_cast<char*>("rdpdr"))) {
  if (channel_ == nullptr) return;
  void* event = nullptr;
  DWORD length = 0;
  if (WTSVirtualChannelQuery(channel_, WTSVirtualEventHandle, &event, &length) && length == sizeof arrived_) {
    arrived_ = *static_cast<HANDLE*>(event);
  }
  WTSFreeMemory(event);
}

Drives::~Drives() {
  if (channel_ != nullptr) WTSVirtualChannelClose(channel_);
}

void Drives::send(const Body& message) {
  ULONG written = 0;
  WTSVirtualChannelWrite(channel_, reinterpret_cast<char*>(const_cast<std::uint8_t*>(message.data())),
                         static_cast<ULONG>(message.size()), &written);
}

std::optional<Drives::Body> Drives::receive(steady_clock::time_point until) {
  while (arrived_ != nullptr) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - steady_clock::now()).count();
    if (left <= 0 || WaitForSingleObject(arrived_, static_cast<DWORD>(left)) != WAIT_OBJECT_0) return std::nullopt;
    ULONG size = 0;
    WTSVirtualChannelRead(channel_, 0, nullptr, 0, &size);
    if (size == 0) continue;
    Body message(size);
    if (!WTSVirtualChannelRead(channel_, 0, reinterpret_cast<char*>(message.data()), size, &size)) return std::nullopt;
    message.resize(size);
    return message;
  }
  return std::nullopt;
}

// 1.3.1: what goes to and fro before there are devices.
void Drives::greet(const Body& message) {
  const auto packet = LittleEndianReader(message).u32();
  if (packet == client_name) {
    constexpr std::uint32_t kinds_of_requests = 0xFFFF;
    constexpr std::uint32_t can_log_on = 0x7;  // and removed devices, and names to display
    LittleEndianWriter capabilities;
    capabilities.u32(server_capability).u16(2).u16(0);
    capabilities.u16(1).u16(44).u32(2).u32(2).u32(0).u16(1).u16(version_minor).u32(kinds_of_requests).u32(0);
    capabilities.u32(can_log_on).u32(0).u32(0).u32(0);
    capabilities.u16(4).u16(8).u32(2);  // of drives
    send(capabilities.take());
    send(LittleEndianWriter().u32(client_confirm).u16(1).u16(version_minor).u32(client_id).take());
  } else if (packet == client_capability) {
    send(LittleEndianWriter().u32(user_logged_on).take());
  } else if (packet == device_list) {
    take_devices(message);
  }
}

void Drives::take_devices(const Body& message) {
  LittleEndianReader reader(message);
  reader.skip(4);
  for (auto count = reader.u32(); count > 0 && reader.whole(); --count) {
    const auto type = reader.u32();
    const auto id = reader.u32();
    std::string name;
    for (const auto each : reader.bytes(8)) {
      if (each != 0) name.push_back(static_cast<char>(each));
    }
    reader.skip(reader.u32());
    send(LittleEndianWriter().u32(device_reply).u32(id).u32(0).take());
    if (type != type_of_drives || drive_) continue;
    drive_ = id;
    name_ = name;
  }
}

std::optional<std::string> Drives::wait(std::chrono::milliseconds patience) {
  send(LittleEndianWriter().u32(server_announce).u16(1).u16(version_minor).u32(client_id).take());
  const auto until = steady_clock::now() + patience;
  while (!drive_) {
    const auto message = receive(until);
    if (!message) return std::nullopt;
    greet(*message);
  }
  return name_;
}

Drives::Answer Drives::ask(std::uint32_t function, std::uint32_t file, const Body& parameters) {
  const auto id = ++completion_;
  LittleEndianWriter request;
  request.u32(io_request).u32(*drive_).u32(file).u32(id).u32(function).u32(0);
  send(request.bytes(parameters).take());
  const auto until = steady_clock::now() + patience_with_an_answer;
  while (const auto message = receive(until)) {
    LittleEndianReader reader(*message);
    if (reader.u32() != io_completion) {
      greet(*message);
      continue;
    }
    reader.skip(4);
    if (reader.u32() != id) continue;
    Answer answer{.status = reader.u32(), .rest = {}};
    answer.rest.assign(reader.rest().begin(), reader.rest().end());
    return answer;
  }
  return {};
}

Drives::Answer Drives::open(const std::string& path, std::uint32_t access, std::uint32_t disposition,
                            std::uint32_t& file) {
  const auto name = utf16(path);
  LittleEndianWriter parameters;
  parameters.u32(access).u32(0).u32(0).u32(0).u32(7).u32(disposition).u32(0);
  auto answer = ask(function_create, 0, parameters.u32(static_cast<std::uint32_t>(name.size())).bytes(name).take());
  file = LittleEndianReader(answer.rest).u32();
  return answer;
}

std::uint32_t Drives::close(std::uint32_t file) {
  return ask(function_close, file, Body(32)).status;
}

std::uint32_t Drives::set(std::uint32_t file, std::uint32_t information, const Body& content) {
  LittleEndianWriter parameters;
  parameters.u32(information).u32(static_cast<std::uint32_t>(content.size())).bytes(Body(24)).bytes(content);
  return ask(function_set, file, parameters.take()).status;
}

std::uint32_t Drives::read(const std::string& path, std::string& content) {
  std::uint32_t file = 0;
  auto status = open(path, access_read, what_is_there, file).status;
  if (status != 0) return status;
  constexpr std::uint32_t piece = 65536;
  while (true) {
    LittleEndianWriter parameters;
    parameters.u32(piece).u32(static_cast<std::uint32_t>(content.size())).u32(0).bytes(Body(20));
    const auto answer = ask(function_read, file, parameters.take());
    status = answer.status;
    LittleEndianReader reader(answer.rest);
    const auto data = reader.bytes(reader.u32());
    if (status != 0 || data.empty()) break;
    content.append(data.begin(), data.end());
  }
  const auto closed = close(file);
  return status != 0 ? status : closed;
}

std::uint32_t Drives::write(const std::string& path, const std::string& content) {
  std::uint32_t file = 0;
  auto status = open(path, access_write, anew, file).status;
  if (status != 0) return status;
  constexpr std::size_t piece = 65536;
  for (std::size_t at = 0; at < content.size() && status == 0; at += piece) {
    const auto part = content.substr(at, piece);
    LittleEndianWriter parameters;
    parameters.u32(static_cast<std::uint32_t>(part.size())).u32(static_cast<std::uint32_t>(at)).u32(0).bytes(Body(20));
    status = ask(function_write, file, parameters.bytes(Body(part.begin(), part.end())).take()).status;
  }
  const auto closed = close(file);
  return status != 0 ? status : closed;
}

std::uint32_t Drives::remove(const std::string& path) {
  std::uint32_t file = 0;
  auto status = open(path, access_delete, what_is_there, file).status;
  if (status != 0) return status;
  status = set(file, information_disposition, {1});
  const auto closed = close(file);
  return status != 0 ? status : closed;
}

std::uint32_t Drives::rename(const std::string& from, const std::string& to) {
  std::uint32_t file = 0;
  auto status = open(from, access_delete, what_is_there, file).status;
  if (status != 0) return status;
  const auto name = utf16(to);
  LittleEndianWriter content;
  content.u8(0).u8(0).u32(static_cast<std::uint32_t>(name.size())).bytes(name);
  status = set(file, information_rename, content.take());
  const auto closed = close(file);
  return status != 0 ? status : closed;
}

}  // namespace drive_server
