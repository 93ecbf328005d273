#include "rdp/device_messages.h"

#include "rdp/utf16.h"

namespace gatehouse::rdp {

std::optional<std::vector<Device>> read_device_list(Bytes body) {
  LittleEndianReader reader(body);
  const auto count = reader.u32();
  std::vector<Device> devices;
  for (std::uint32_t i = 0; i < count && reader.whole(); ++i) {
    const auto from = reader.rest();
    Device device;
    device.type = static_cast<DeviceType>(reader.u32());
    device.id = reader.u32();
    for (const auto each : reader.bytes(8)) {
      if (each == 0) break;
      device.name.push_back(static_cast<char>(each));
    }
    reader.skip(reader.u32());
    device.entry = from.first(from.size() - reader.rest().size());
    devices.push_back(std::move(device));
  }
  if (!reader.whole()) return std::nullopt;
  return devices;
}

std::optional<IoRequest> read_io_request(Bytes body) {
  LittleEndianReader reader(body);
  IoRequest request;
  request.device = reader.u32();
  request.file = reader.u32();
  request.completion = reader.u32();
  request.function = static_cast<IoFunction>(reader.u32());
  reader.skip(4);  // MinorFunction
  request.rest = reader.rest();
  if (!reader.whole()) return std::nullopt;
  return request;
}

std::optional<CreateFile> read_create_file(Bytes rest) {
  LittleEndianReader reader(rest);
  CreateFile create;
  create.access = reader.u32();
  reader.skip(8 + 4 + 4);  // AllocationSize, FileAttributes, SharedAccess
  create.disposition = reader.u32();
  create.options = reader.u32();
  create.path = utf8_of_utf16(reader.bytes(reader.u32()));
  if (!reader.whole()) return std::nullopt;
  return create;
}

std::optional<IoCompletion> read_io_completion(Bytes body) {
  LittleEndianReader reader(body);
  IoCompletion completion;
  completion.device = reader.u32();
  completion.completion = reader.u32();
  completion.status = reader.u32();
  completion.rest = reader.rest();
  if (!reader.whole()) return std::nullopt;
  return completion;
}

std::vector<std::uint8_t> failed_completion(const IoRequest& request, std::uint32_t status) {
  LittleEndianWriter writer;
  writer.u32(static_cast<std::uint32_t>(DevicePacket::io_completion))
      .u32(request.device)
      .u32(request.completion)
      .u32(status)
      .u32(0);  // FileId, or Length
  // Information of a create (2.2.1.5.1), Padding of a write, a close and of what is set (2.2.1.5.4, 2.2.1.5.2,
  // 2.2.3.4.9)
  if (request.function == IoFunction::create || request.function == IoFunction::write ||
      request.function == IoFunction::close || request.function == IoFunction::set_information) {
    writer.u8(0);
  }
  return writer.take();
}

}  // namespace gatehouse::rdp
