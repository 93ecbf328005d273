#include "rdp/utf16.h"

namespace gatehouse::rdp {
namespace {

constexpr std::uint32_t no_character = 0xFFFD;

bool is_high(std::uint32_t unit) {
  return unit >= 0xD800 && unit < 0xDC00;
}
bool is_low(std::uint32_t unit) {
  return unit >= 0xDC00 && unit < 0xE000;
}

void append(std::string& text, std::uint32_t character) {
  const auto add = [&](std::uint32_t byte) { text.push_back(static_cast<char>(byte)); };
  const auto tail = [&](unsigned shift) { add(0x80U | (character >> shift & 0x3FU)); };
  if (character < 0x80) {
    add(character);
  } else if (character < 0x800) {
    add(0xC0U | character >> 6U);
    tail(0);
  } else if (character < 0x10000) {
    add(0xE0U | character >> 12U);
    tail(6);
    tail(0);
  } else {
    add(0xF0U | character >> 18U);
    tail(12);
    tail(6);
    tail(0);
  }
}

}  // namespace

std::string utf8_of_utf16(Bytes text) {
  std::string result;
  result.reserve(text.size() / 2);
  const auto unit_at = [&](std::size_t at) {
    return static_cast<std::uint32_t>(text[at]) | static_cast<std::uint32_t>(text[at + 1]) << 8U;
  };
  for (std::size_t at = 0; at + 1 < text.size(); at += 2) {
    const auto unit = unit_at(at);
    if (unit == 0) break;
    if (is_high(unit) && at + 3 < text.size() && is_low(unit_at(at + 2))) {
      append(result, 0x10000 + ((unit - 0xD800) << 10U) + (unit_at(at + 2) - 0xDC00));
      at += 2;
    } else {
      append(result, is_high(unit) || is_low(unit) ? no_character : unit);
    }
  }
  return result;
}

}  // namespace gatehouse::rdp
