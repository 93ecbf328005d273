// What a user sees of the warning that the session ends: a picture for the top of the screen, as large as that allows.
#pragma once

#include <cstdint>
#include <vector>

namespace gatehouse::rdp {

struct Banner {
  std::uint32_t width = 0;  // a multiple of 4
  std::uint32_t height = 0;
  std::vector<std::uint8_t> pixels;  // blue, green, red, 255; from top to bottom, lines without gaps
};

// Of a screen too small for it: nothing.
Banner warning_banner(std::uint32_t seconds, std::uint32_t screen_width, std::uint32_t screen_height);

}  // namespace gatehouse::rdp
