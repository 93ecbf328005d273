// What two peers could say over the channel of devices: each end gets whole messages only, and of drives no request
// passes that the grant denies.
#include <array>
#include <cstdlib>

#include "chunk_input.h"
#include "rdp/device_gate.h"

namespace rdp = gatehouse::rdp;
using gatehouse::policy::Channel;
using gatehouse::policy::Channels;

namespace {

// Of a gate that allows no device but drives.
void check(Channels allowed, rdp::Direction direction, const std::vector<std::uint8_t>& message) {
  rdp::LittleEndianReader reader(message);
  const auto packet = static_cast<rdp::DevicePacket>(reader.u32());
  if (direction != rdp::Direction::to_client || packet != rdp::DevicePacket::io_request) return;
  if ((allowed & gatehouse::policy::drives_parts) == 0) std::abort();
  const auto request = rdp::read_io_request(reader.rest());
  if (!request) std::abort();
  const auto may = [&](Channel channel) { return gatehouse::policy::holds(allowed, channel); };
  if (request->function == rdp::IoFunction::read && !may(Channel::drives_read)) std::abort();
  if (request->function == rdp::IoFunction::write && !may(Channel::drives_write)) std::abort();
  const auto information = rdp::LittleEndianReader(request->rest).u32();
  const bool sets = request->function == rdp::IoFunction::set_information;
  if (sets && information == 10 && !may(Channel::drives_rename)) std::abort();
  if (sets && information == 13 && !may(Channel::drives_delete)) std::abort();
  if (request->function != rdp::IoFunction::create || may(Channel::drives_write)) return;
  const auto create = rdp::read_create_file(request->rest);
  if (!create || create->disposition != rdp::disposition_open) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  gatehouse::fuzz::ChunkInput input({data, size});
  const auto choice = input.number();
  // Every fourth time with the other devices as well.
  const bool all = (choice >> 24U) % 4 == 0;
  const auto allowed = gatehouse::policy::whole_channels(
      choice & (all ? gatehouse::policy::all_channels : gatehouse::policy::drives_parts));
  std::array<gatehouse::fuzz::StrictEnd, 2> ends;
  rdp::DeviceGate gate(
      allowed,
      [&](rdp::Direction direction, const rdp::Chunk& chunk) {
        const auto message = ends.at(static_cast<std::size_t>(direction)).take(chunk);
        if (message && !all) check(allowed, direction, *message);
        return true;
      },
      [](const rdp::Message& notice) {
        if (!rdp::decode(rdp::encode(notice))) std::abort();
      });
  while (const auto next = input.next()) {
    const auto taken = gate.take(next->first, next->second);
    if (taken) continue;
    if (taken.error().what.empty()) std::abort();
    break;  // the session ends
  }
  gate.close();
  return 0;
}
