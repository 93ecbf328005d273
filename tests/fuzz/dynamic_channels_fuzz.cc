// What a server could send over drdynvc: however it cuts it, a client that puts together what passes finds no request
// to open a channel that the grant denies.
#include <cstdlib>
#include <string>

#include "chunk_input.h"
#include "rdp/dynamic_channels.h"

namespace rdp = gatehouse::rdp;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  gatehouse::fuzz::ChunkInput input({data, size});
  static_cast<void>(input.number());
  std::size_t refused = 0;
  rdp::DynamicChannelGate gate({"ECHO", "Microsoft::Windows::RDS::*"}, [&](const std::string& /*name*/, bool opened) {
    if (!opened) ++refused;
  });
  std::vector<std::uint8_t> at_client;
  while (const auto next = input.next()) {
    const auto& chunk = next->second;
    const auto before = refused;
    const auto passes = gate.take(chunk);
    if (!passes && passes.error().what.empty()) std::abort();
    if (!passes) break;
    if (gate.take_refusal().has_value() != (refused > before) || (*passes && refused > before)) std::abort();
    if (!*passes) continue;
    // As a client does that is not strict: what is first begins anew, whatever was open.
    if ((chunk.flags & rdp::chunk_first) != 0) at_client.clear();
    at_client.insert(at_client.end(), chunk.data, chunk.data + chunk.size);
    if ((chunk.flags & rdp::chunk_last) == 0) continue;
    const auto request = rdp::read_create_request(at_client);
    const bool allowed = !request || request->name == "ECHO" || request->name.starts_with("Microsoft::Windows::RDS::");
    if (!allowed) std::abort();
  }
  return 0;
}
