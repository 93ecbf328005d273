// Letters for what is drawn over a picture: five pixels wide, seven high, drawn for this program. What is not among
// them is an empty box.
#pragma once

#include <array>
#include <cstdint>

namespace gatehouse::rdp {

inline constexpr std::uint32_t glyph_width = 5;
inline constexpr std::uint32_t glyph_height = 7;

// From top to bottom; of a row, bit 4 is its leftmost pixel.
using Glyph = std::array<std::uint8_t, glyph_height>;
const Glyph& glyph_of(char character);

}  // namespace gatehouse::rdp
