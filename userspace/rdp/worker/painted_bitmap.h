// A picture to paint over a client's graphics of before the pipeline: bitmaps of 32 bits (MS-RDPBCGR
// 2.2.9.1.1.3.1.2.2), each of a size that every client takes. It can be sent again and again.
//
// Threads: one. Ownership: the pixels are copied.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "rdp/graphics_messages.h"

using rdpContext = struct rdp_context;
using rdpSettings = struct rdp_settings;

namespace gatehouse::rdp {

class PaintedBitmap {
 public:
  // `pixels`: blue, green, red, one more; from top to bottom, `stride` bytes a line; of `area` alone.
  // As they are: for what was on the screen.
  static PaintedBitmap exact(const Area& area, const std::uint8_t* pixels, std::size_t stride);
  // Small (RDP 6.0 bitmap compression, MS-RDPEGDI 3.1.9): for what is sent often. Unpacked all the same where the
  // client may exchange red and blue: with an alpha plane and DRAW_ALLOW_DYNAMIC_COLOR_FIDELITY FreeRDP 2 does, and 3
  // does not.
  static PaintedBitmap packed(const Area& area, const std::uint8_t* pixels, std::size_t stride,
                              const rdpSettings& client);

  [[nodiscard]] const Area& area() const { return area_; }
  [[nodiscard]] bool is_touched_by(const Area& area) const;
  [[nodiscard]] std::size_t size() const;  // of what is sent, in bytes, without headers
  // False: the client is gone.
  bool send(rdpContext& client) const;

 private:
  struct Piece {
    std::uint32_t top;  // within the area
    std::uint32_t rows;
    bool packed;
    std::vector<std::uint8_t> bytes;
  };
  class Packer;
  explicit PaintedBitmap(const Area& area) : area_(area) {}
  void take(const std::uint8_t* pixels, std::size_t stride, std::uint32_t top, std::uint32_t rows, Packer* packer);

  Area area_;
  std::vector<Piece> pieces_;
};

}  // namespace gatehouse::rdp
