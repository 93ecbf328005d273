// Where an update of older graphics paints.
#pragma once

#include <freerdp/update.h>

#include <algorithm>
#include <cstdint>
#include <span>

#include "rdp/graphics_messages.h"

namespace gatehouse::rdp {

// destRight and destBottom do not count (MS-RDPBCGR 2.2.9.2.1).
inline Area painted_area(const SURFACE_BITS_COMMAND& command) {
  return {static_cast<std::uint16_t>(command.destLeft), static_cast<std::uint16_t>(command.destTop), command.bmp.width,
          command.bmp.height};
}

// Around all of its bitmaps, whose destRight and destBottom are within them (MS-RDPBCGR 2.2.9.1.1.3.1.2.2).
inline Area painted_area(const BITMAP_UPDATE& update) {
  std::uint32_t left = UINT16_MAX;
  std::uint32_t top = UINT16_MAX;
  std::uint32_t right = 0;
  std::uint32_t bottom = 0;
  for (const BITMAP_DATA& each : std::span(update.rectangles, update.number)) {
    left = std::min(left, each.destLeft);
    top = std::min(top, each.destTop);
    right = std::max(right, each.destRight + 1);
    bottom = std::max(bottom, each.destBottom + 1);
  }
  const auto length = [](std::uint32_t from, std::uint32_t to) {
    return static_cast<std::uint16_t>(to > from ? std::min<std::uint32_t>(to - from, UINT16_MAX) : 0);
  };
  return {static_cast<std::uint16_t>(left), static_cast<std::uint16_t>(top), length(left, right), length(top, bottom)};
}

}  // namespace gatehouse::rdp
