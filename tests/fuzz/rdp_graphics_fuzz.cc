// What a server can send over the graphics pipeline, and a client answer, while something is drawn over it: every
// message of the server goes on as it is and in its order, and what comes out can be read.
//
// The input: pieces of one byte (what happens), two bytes (length) and as many bytes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "rdp/dynamic_data.h"
#include "rdp/graphics_messages.h"
#include "rdp/graphics_overlay.h"
#include "rdp/warning_banner.h"

namespace rdp = gatehouse::rdp;

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

// All of `part`, in its order, is in `whole`.
void check_contains(rdp::Bytes whole, rdp::Bytes part) {
  const auto all = rdp::split_graphics(whole);
  const auto wanted = rdp::split_graphics(part);
  check(all && wanted);
  auto at = all->begin();
  for (const auto& each : *wanted) {
    at = std::find_if(at, all->end(), [&](const auto& other) { return std::ranges::equal(other.whole, each.whole); });
    check(at != all->end());
    ++at;
  }
}

void check_channel_data(rdp::Bytes piece) {
  const auto data = rdp::read_dynamic_data(piece);
  if (!data) return;
  check(data->payload.size() < piece.size());
  std::size_t length = 0;
  for (const auto& each : rdp::write_dynamic_data(data->channel, data->payload)) {
    const auto again = rdp::read_dynamic_data(each);
    check(again && again->channel == data->channel);
    length += again->payload.size();
  }
  check(length == data->payload.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  rdp::LittleEndianReader reader({data, size});
  rdp::GraphicsOverlay overlay;
  bool drawn = false;
  while (!reader.rest().empty()) {
    const auto what = reader.u8() % 4;
    const auto piece = reader.bytes(std::min<std::size_t>(reader.u16(), reader.rest().size()));
    if (what == 0) {
      const auto passed = overlay.pass(piece);
      if (!passed) return 0;  // it is given up
      if (!drawn) check(std::ranges::equal(*passed, piece));
      check_contains(*passed, piece);
      check(rdp::segments_of(*passed).size() > passed->size());
    } else if (what == 1) {
      const auto screen = overlay.screen();
      const bool could = overlay.can_show();
      const auto shown = overlay.show(rdp::warning_banner(piece.empty() ? 60 : piece[0], screen.width, screen.height));
      check(could || shown.empty());
      check(rdp::split_graphics(shown).has_value());
      drawn = drawn || !shown.empty();
    } else if (what == 2) {
      if (!overlay.in_frame()) check(rdp::split_graphics(overlay.hide()).has_value() && !overlay.shows());
    } else {
      check(overlay.filter_from_client(piece).size() <= piece.size());
      check_channel_data(piece);
      if (const auto length = rdp::decompressed_size(piece)) check(*length <= 0xFFFFFFFFU);
    }
  }
  return 0;
}
