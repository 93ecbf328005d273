#include "rustdesk/utf8.h"

#include <cstring>

namespace gatehouse::rustdesk {
namespace {

bool is_in(std::uint8_t byte, std::uint8_t first, std::uint8_t last) {
  return byte >= first && byte <= last;
}

// Length of the sequence of several bytes at the start of `bytes`; 0: there is none.
std::size_t sequence(Bytes bytes) {
  const auto lead = bytes[0];
  const std::size_t length = is_in(lead, 0xc2, 0xdf)   ? 2
                             : is_in(lead, 0xe0, 0xef) ? 3
                             : is_in(lead, 0xf0, 0xf4) ? 4
                                                       : 0;
  if (length == 0 || bytes.size() < length) return 0;
  const std::uint8_t first = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const std::uint8_t last = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (!is_in(bytes[1], first, last)) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (!is_in(bytes[i], 0x80, 0xbf)) return 0;
  }
  return length;
}

}  // namespace

bool is_utf8(Bytes bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    // Nearly all of it is ASCII: eight at once.
    std::uint64_t eight = 0;
    if (bytes.size() - at >= sizeof eight) {
      std::memcpy(&eight, bytes.data() + at, sizeof eight);
      if ((eight & 0x8080808080808080U) == 0) {
        at += sizeof eight;
        continue;
      }
    }
    const auto length = bytes[at] < 0x80 ? 1 : sequence(bytes.subspan(at));
    if (length == 0) return false;
    at += length;
  }
  return true;
}

}  // namespace gatehouse::rustdesk
