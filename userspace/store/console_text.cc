#include "store/console_text.h"

#include <algorithm>
#include <cstdint>

namespace gatehouse::store {
namespace {

// The length of the character that `bytes` begins with; 0: it is none (RFC 3629 section 4).
std::size_t character_at(std::string_view bytes) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  const auto lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xc2 && lead <= 0xdf   ? 2
                             : (lead & 0xf0U) == 0xe0       ? 3
                             : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                            : 0;
  if (length == 0 || length > bytes.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return 0;
  }
  const auto second = byte(1);
  const bool overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
  const bool outside = (lead == 0xed && second > 0x9f) || (lead == 0xf4 && second > 0x8f);
  return overlong || outside ? 0 : length;
}

bool is_control(std::string_view character) {
  const auto first = static_cast<std::uint8_t>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7f;
  return character.size() == 2 && first == 0xc2 && static_cast<std::uint8_t>(character[1]) < 0xa0;  // C1
}

}  // namespace

std::string as_line(std::string_view bytes, std::size_t most) {
  std::string line;
  while (!bytes.empty()) {
    const auto length = character_at(bytes);
    const auto character = bytes.substr(0, std::max<std::size_t>(length, 1));
    bytes.remove_prefix(character.size());
    const auto shown = length == 0 ? std::string_view("?") : is_control(character) ? std::string_view(" ") : character;
    if (line.empty() && shown == " ") continue;
    if (line.size() + shown.size() > most) break;
    line += shown;
  }
  line.erase(std::find_if(line.rbegin(), line.rend(), [](char c) { return c != ' '; }).base(), line.end());
  return line;
}

}  // namespace gatehouse::store
