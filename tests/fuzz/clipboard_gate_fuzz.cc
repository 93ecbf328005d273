// What two peers could say over the clipboard's channel: each end gets whole messages only, and where nothing may go in
// a direction, no data and no piece of a file does.
#include <array>
#include <cstdlib>

#include "chunk_input.h"
#include "rdp/clipboard_gate.h"

namespace rdp = gatehouse::rdp;
using gatehouse::policy::Channel;

namespace {

constexpr std::array to_server{Channel::clipboard_text_to_server, Channel::clipboard_images_to_server,
                               Channel::clipboard_files_to_server};
constexpr std::array to_client{Channel::clipboard_text_to_client, Channel::clipboard_images_to_client,
                               Channel::clipboard_files_to_client};

bool allows_nothing(gatehouse::policy::Channels allowed, rdp::Direction direction) {
  bool nothing = true;
  for (const auto word : direction == rdp::Direction::to_server ? to_server : to_client) {
    nothing = nothing && !gatehouse::policy::holds(allowed, word);
  }
  return nothing;
}

void check(gatehouse::policy::Channels allowed, rdp::Direction direction, const std::vector<std::uint8_t>& message) {
  const auto header = rdp::read_clipboard_header(message);
  if (!header || !allows_nothing(allowed, direction)) return;
  const bool good = (header->flags & rdp::clipboard_response_ok) != 0;
  const bool carries = header->type == rdp::ClipboardMessage::format_data_response ||
                       header->type == rdp::ClipboardMessage::file_contents_response;
  if (good && carries) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  gatehouse::fuzz::ChunkInput input({data, size});
  const auto choice = input.number();
  const auto allowed = gatehouse::policy::whole_channels(choice & gatehouse::policy::all_channels);
  const auto detail = static_cast<rdp::Detail>((choice >> 24U) % 3);
  std::array<gatehouse::fuzz::StrictEnd, 2> ends;
  rdp::ClipboardGate gate(
      allowed, detail,
      [&](rdp::Direction direction, const rdp::Chunk& chunk) {
        if (const auto message = ends.at(static_cast<std::size_t>(direction)).take(chunk)) {
          check(allowed, direction, *message);
        }
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
