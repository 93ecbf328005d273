#include "rdp/device_gate.h"

namespace gatehouse::rdp {
namespace {

using policy::Channel;

constexpr std::size_t longest_packet = std::size_t{16} << 20U;
constexpr std::size_t most_pending = 8192;
constexpr std::size_t most_open = 8192;
constexpr std::size_t longest_path = 1024;  // that is told
constexpr std::size_t header_bytes = 4;

// MS-FSCC 2.4: FileInformationClass.
constexpr std::uint32_t basic_information = 4;
constexpr std::uint32_t standard_information = 5;
constexpr std::uint32_t rename_information = 10;
constexpr std::uint32_t disposition_information = 13;
constexpr std::uint32_t allocation_information = 19;
constexpr std::uint32_t end_of_file_information = 20;

constexpr Channel word_of(DeviceType type) {
  switch (type) {
    case DeviceType::serial:
    case DeviceType::parallel:
      return Channel::ports;
    case DeviceType::printer:
      return Channel::printers;
    case DeviceType::smartcard:
      return Channel::smartcards;
    default:
      return Channel::drives;
  }
}

bool is_known(DeviceType type) {
  return type == DeviceType::drive || word_of(type) != Channel::drives;
}

// MS-RDPEFS 2.2.3.3.9.1: of a rename, behind FsInformationClass, Length and Padding.
constexpr std::size_t replace_if_exists_offset = 4 + 4 + 24;

constexpr policy::Channels all_devices = policy::drives_parts | static_cast<policy::Channels>(Channel::printers) |
                                         static_cast<policy::Channels>(Channel::smartcards) |
                                         static_cast<policy::Channels>(Channel::ports);

}  // namespace

DeviceGate::DeviceGate(policy::Channels allowed, Send send, Tell tell, FileCopies* copies)
    : ChannelGate(std::move(send), longest_packet), allowed_(allowed), tell_(std::move(tell)), copies_(copies) {}

bool DeviceGate::allows(DeviceType type) const {
  if (!is_known(type)) return (allowed_ & all_devices) == all_devices;
  if (type == DeviceType::drive) return (allowed_ & policy::drives_parts) != 0;
  return may(word_of(type));
}

void DeviceGate::refuse(Channel channel) {
  const std::string word(policy::name(channel));
  if (refused_.insert(word).second) tell_(RefusalNotice{.channel = "devices", .what = word});
}

Handling DeviceGate::begin(Direction /*direction*/, Bytes /*head*/, std::size_t /*total*/) {
  return Handling::whole;
}
void DeviceGate::piece(Direction /*direction*/, Bytes /*piece*/) {}
void DeviceGate::end(Direction /*direction*/) {}

Result<void> DeviceGate::message(Direction direction, Bytes message) {
  LittleEndianReader reader(message);
  const auto packet = static_cast<DevicePacket>(reader.u32());
  if (!reader.whole()) return failure("a message about devices without its header");
  const bool from_client = direction == Direction::to_server;
  switch (packet) {
    case DevicePacket::device_list:
      if (from_client) return announce(message);
      break;
    case DevicePacket::io_request:
      if (!from_client) return request(message);
      break;
    case DevicePacket::device_remove:
      if (from_client) return remove(message);
      break;
    case DevicePacket::io_completion:
      if (from_client) return complete(message);
      break;
    case DevicePacket::server_announce:
    case DevicePacket::client_confirm:
    case DevicePacket::client_name:
    case DevicePacket::device_reply:
    case DevicePacket::server_capability:
    case DevicePacket::client_capability:
    case DevicePacket::user_logged_on:
      pass(direction, message);
      return {};
    default:
      if ((static_cast<std::uint32_t>(packet) & 0xFFFFU) == printer_component) {
        if (may(Channel::printers)) pass(direction, message);
        return {};
      }
  }
  // What nobody here knows passes only where nothing is denied.
  if ((allowed_ & all_devices) == all_devices) pass(direction, message);
  return {};
}

Result<void> DeviceGate::announce(Bytes message) {
  const auto devices = read_device_list(message.subspan(header_bytes));
  if (!devices) return failure("a list of devices that is broken off");
  LittleEndianWriter list;
  std::uint32_t count = 0;
  for (const auto& device : *devices) {
    const bool allowed = allows(device.type);
    tell_(
        ChannelNotice{.name = std::string(policy::name(word_of(device.type))) + ": " + device.name, .opened = allowed});
    if (!allowed) {
      devices_.erase(device.id);  // what had this number before is no more
      refuse(word_of(device.type));
      continue;
    }
    devices_[device.id] = {device.type, device.name};
    list.bytes(device.entry);
    ++count;
  }
  if (count == 0 && !devices->empty()) return {};
  send(Direction::to_server,
       LittleEndianWriter().bytes(message.first(header_bytes)).u32(count).bytes(list.take()).take());
  return {};
}

Result<void> DeviceGate::remove(Bytes message) {
  LittleEndianReader reader(message.subspan(header_bytes));
  for (auto count = reader.u32(); count > 0 && reader.whole(); --count) devices_.erase(reader.u32());
  if (!reader.whole()) return failure("a list of removed devices that is broken off");
  pass(Direction::to_server, message);
  return {};
}

Result<void> DeviceGate::request(Bytes message) {
  const auto request = read_io_request(message.subspan(header_bytes));
  if (!request) return failure("a request to a device that is broken off");
  const auto found = devices_.find(request->device);
  if (found == devices_.end()) {
    send(Direction::to_server, failed_completion(*request, status_no_such_device));
    return {};
  }
  const auto& device = found->second;
  if (device.type == DeviceType::drive) return request_of_drive(*request, message, device);
  if (device.type == DeviceType::printer) {
    if (request->function == IoFunction::create || request->function == IoFunction::close) {
      expect(*request, {.function = request->function, .file = request->file, .name = device.name}, message);
      return {};
    }
    if (request->function == IoFunction::write && !note_write(*request)) {
      return failure("a request to print that is broken off");
    }
  }
  pass(Direction::to_client, message);
  return {};
}

void DeviceGate::deny(const IoRequest& request, Channel channel) {
  refuse(channel);
  send(Direction::to_server, failed_completion(request, status_access_denied));
}

void DeviceGate::expect(const IoRequest& request, Pending pending, Bytes message) {
  if (pending_.size() >= most_pending || open_.size() >= most_open) {
    send(Direction::to_server, failed_completion(request, status_insufficient_resources));
    return;
  }
  pending_.insert_or_assign({request.device, request.completion}, std::move(pending));
  pass(Direction::to_client, message);
}

Result<void> DeviceGate::request_of_drive(const IoRequest& request, Bytes message, const Known& drive) {
  switch (request.function) {
    case IoFunction::create:
      return create(request, message, drive);
    case IoFunction::close:
      expect(request, {.function = request.function, .file = request.file, .name = {}}, message);
      return {};
    case IoFunction::read: {
      if (!may(Channel::drives_read)) break;
      LittleEndianReader reader(request.rest);
      Pending pending{.function = request.function, .file = request.file, .name = {}};
      reader.skip(4);  // Length
      pending.position = reader.u64();
      if (!reader.whole()) return failure("a request to read that is broken off");
      expect(request, std::move(pending), message);
      return {};
    }
    case IoFunction::write:
      if (!may(Channel::drives_write)) {
        deny(request, Channel::drives_write);
        return {};
      }
      if (!note_write(request)) return failure("a request to write that is broken off");
      pass(Direction::to_client, message);
      return {};
    case IoFunction::set_information: {
      const auto kind = LittleEndianReader(request.rest).u32();
      auto needed = Channel::drives;
      if (kind == rename_information) needed = Channel::drives_rename;
      if (kind == disposition_information) needed = Channel::drives_delete;
      if (kind == basic_information || kind == allocation_information || kind == end_of_file_information) {
        needed = Channel::drives_write;
      }
      if (kind == rename_information && may(needed) && !may(Channel::drives_write)) {
        // What takes another file's place writes over it: only where there is none.
        std::vector<std::uint8_t> passed(message.begin(), message.end());
        if (request.rest.size() <= replace_if_exists_offset) return failure("a request to rename that is broken off");
        passed[header_bytes + IoRequest::size + replace_if_exists_offset] = 0;
        pass(Direction::to_client, passed);
        return {};
      }
      if (may(needed)) {
        pass(Direction::to_client, message);
      } else {
        deny(request, needed);
      }
      return {};
    }
    case IoFunction::query_information:
      if (LittleEndianReader(request.rest).u32() != standard_information) {
        pass(Direction::to_client, message);
      } else {
        expect(request, {.function = request.function, .file = request.file, .name = {}}, message);
      }
      return {};
    case IoFunction::query_volume:
    case IoFunction::directory:
    case IoFunction::lock:
      pass(Direction::to_client, message);
      return {};
    default:
      if (may(Channel::drives)) {
        pass(Direction::to_client, message);
      } else {
        deny(request, Channel::drives);
      }
      return {};
  }
  deny(request, Channel::drives_read);
  return {};
}

Result<void> DeviceGate::create(const IoRequest& request, Bytes message, const Known& drive) {
  const auto create = read_create_file(request.rest);
  if (!create) return failure("a request to open a file that is broken off");
  std::vector<std::uint8_t> passed(message.begin(), message.end());
  if ((create->options & option_delete_on_close) != 0 && !may(Channel::drives_delete)) {
    deny(request, Channel::drives_delete);
    return {};
  }
  const bool makes = create->disposition != disposition_open && create->disposition != disposition_open_if;
  if (!may(Channel::drives_write)) {
    if (makes || (create->access & access_to_write) != 0) {
      deny(request, Channel::drives_write);
      return {};
    }
    // "Open it, or make it": only what is there.
    passed[header_bytes + IoRequest::size + CreateFile::disposition_offset] = disposition_open;
  }
  expect(request,
         {.function = request.function,
          .name = drive.name + create->path,
          .makes = makes,
          .directory = (create->options & option_directory) != 0},
         passed);
  return {};
}

// false: there is less than it says.
bool DeviceGate::note_write(const IoRequest& request) {
  LittleEndianReader reader(request.rest);
  const auto length = reader.u32();
  const auto position = reader.u64();
  reader.skip(20);  // Padding
  const auto data = reader.bytes(length);
  if (!reader.whole()) return false;
  if (const auto found = open_.find({request.device, request.file}); found != open_.end()) {
    auto& open = found->second;
    // To a printer all goes to its end, whatever the offset says.
    const auto known = devices_.find(request.device);
    const bool prints = known != devices_.end() && known->second.type == DeviceType::printer;
    open.is_written = true;
    open.written.add(prints ? open.written.in_order() : position, data);
  }
  return true;
}

Result<void> DeviceGate::complete(Bytes message) {
  const auto completion = read_io_completion(message.subspan(header_bytes));
  if (!completion) return failure("an answer of a device that is broken off");
  if (const auto found = pending_.find({completion->device, completion->completion}); found != pending_.end()) {
    const auto pending = std::move(found->second);
    pending_.erase(found);
    completed(pending, *completion);
  }
  pass(Direction::to_server, message);
  return {};
}

void DeviceGate::completed(const Pending& pending, const IoCompletion& completion) {
  const bool good = completion.status == 0;
  LittleEndianReader reader(completion.rest);
  if (pending.function == IoFunction::create) {
    if (!good || pending.directory) return;
    const auto file = reader.u32();
    if (!reader.whole()) return;
    const Key key{completion.device, file};
    if (const auto former = open_.find(key); former != open_.end()) tell_file(key, former->second);
    auto& open = open_[key];
    const auto copy = [this] { return copies_ == nullptr ? nullptr : copies_->begin(); };
    open = Open{.name = pending.name, .made = pending.makes, .read = FileDigest(copy()), .written = FileDigest(copy())};
    return;
  }
  const auto found = open_.find({completion.device, pending.file});
  if (found == open_.end()) return;
  auto& open = found->second;
  if (pending.function == IoFunction::close) {
    tell_file(found->first, open);
    open_.erase(found);
    return;
  }
  if (!good) return;
  const auto data = reader.bytes(reader.u32());
  if (pending.function == IoFunction::query_information) {
    LittleEndianReader information(data);
    information.skip(8);  // AllocationSize
    const auto size = information.u64();
    if (information.whole()) open.size = size;
    return;
  }
  open.is_read = open.is_read || !data.empty();
  open.read.add(pending.position, data);
}

void DeviceGate::tell_file(const Key& key, Open& open) {
  const auto known = devices_.find(key.first);
  const bool prints = known != devices_.end() && known->second.type == DeviceType::printer;
  const auto tell = [&](Direction direction, FileDigest& digest, bool whole) {
    tell_(FileNotice{.channel = prints ? "printer" : "drive",
                     .direction = direction,
                     .name = open.name.substr(0, longest_path),
                     .bytes = digest.in_order(),
                     .whole = whole && digest.in_order() == digest.reached(),
                     .sha256 = digest.sha256(),
                     .copy = digest.copy()});
  };
  if (open.is_read) tell(Direction::to_server, open.read, !open.size || open.read.in_order() >= *open.size);
  if (open.is_written || (open.made && !open.is_read)) {
    tell(Direction::to_client, open.written, !open.written.came_again());
  }
}

void DeviceGate::finish() {
  for (auto& [key, open] : open_) tell_file(key, open);
  open_.clear();
}

}  // namespace gatehouse::rdp
