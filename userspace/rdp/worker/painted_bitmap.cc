#include "rdp/worker/painted_bitmap.h"

#include <freerdp/codec/color.h>
#include <freerdp/codec/planar.h>
#include <freerdp/freerdp.h>
#include <freerdp/settings.h>
#include <freerdp/update.h>

#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

namespace gatehouse::rdp {
namespace {

constexpr std::size_t pixel_size = 4;
constexpr std::size_t longest_bitmap = 12000;    // bytes: every client takes that, also one that takes no fragments
constexpr std::size_t longest_unpacked = 65535;  // cbUncompressedSize, 2.2.9.1.1.3.1.2.3
// flags, 2.2.9.1.1.3.1.2.2
constexpr UINT32 bitmap_compression = 0x0001;
constexpr UINT32 no_bitmap_compression_header = 0x0400;

}  // namespace

class PaintedBitmap::Packer {
 public:
  Packer(const rdpSettings& client, const Area& area) {
    const bool skips_alpha = freerdp_settings_get_bool(&client, FreeRDP_DrawAllowSkipAlpha) == TRUE;
    const bool fidelity = freerdp_settings_get_bool(&client, FreeRDP_DrawAllowDynamicColorFidelity) == TRUE;
    if (fidelity && !skips_alpha) return;
    planar_ = freerdp_bitmap_planar_context_new(PLANAR_FORMAT_HEADER_RLE | (skips_alpha ? PLANAR_FORMAT_HEADER_NA : 0U),
                                                area.width, area.height);
  }
  ~Packer() { freerdp_bitmap_planar_context_free(planar_); }
  Packer(const Packer&) = delete;
  Packer& operator=(const Packer&) = delete;

  // nullopt: it cannot be packed, or not into so little.
  std::optional<std::vector<std::uint8_t>> packed(const std::uint8_t* pixels, std::size_t stride, std::uint32_t width,
                                                  std::uint32_t rows) {
    if (planar_ == nullptr || pixel_size * width * rows > longest_unpacked) return std::nullopt;
    UINT32 size = 0;
    BYTE* bytes = freerdp_bitmap_compress_planar(planar_, pixels, PIXEL_FORMAT_BGRA32, width, rows,
                                                 static_cast<UINT32>(stride), nullptr, &size);
    if (bytes == nullptr) return std::nullopt;
    std::vector<std::uint8_t> copy(bytes, bytes + size);
    std::free(bytes);
    if (copy.size() > longest_bitmap) return std::nullopt;
    return copy;
  }

 private:
  BITMAP_PLANAR_CONTEXT* planar_ = nullptr;
};

PaintedBitmap PaintedBitmap::exact(const Area& area, const std::uint8_t* pixels, std::size_t stride) {
  PaintedBitmap bitmap(area);
  bitmap.take(pixels, stride, 0, area.height, nullptr);
  return bitmap;
}

PaintedBitmap PaintedBitmap::packed(const Area& area, const std::uint8_t* pixels, std::size_t stride,
                                    const rdpSettings& client) {
  PaintedBitmap bitmap(area);
  Packer packer(client, area);
  bitmap.take(pixels, stride, 0, area.height, &packer);
  return bitmap;
}

// What does not fit is halved.
void PaintedBitmap::take(const std::uint8_t* pixels, std::size_t stride, std::uint32_t top, std::uint32_t rows,
                         Packer* packer) {
  if (rows == 0) return;
  const auto* first = pixels + stride * top;
  if (packer != nullptr) {
    if (auto bytes = packer->packed(first, stride, area_.width, rows)) {
      pieces_.push_back({.top = top, .rows = rows, .packed = true, .bytes = std::move(*bytes)});
      return;
    }
  }
  const std::size_t line = pixel_size * area_.width;
  if (line * rows > longest_bitmap && rows > 1) {
    take(pixels, stride, top, rows / 2, packer);
    take(pixels, stride, top + rows / 2, rows - rows / 2, packer);
    return;
  }
  Piece piece{.top = top, .rows = rows, .packed = false, .bytes = {}};
  piece.bytes.resize(line * rows);
  // From the bottom line to the top one.
  for (std::uint32_t row = 0; row < rows; ++row) {
    std::memcpy(piece.bytes.data() + line * (rows - 1 - row), first + stride * row, line);
  }
  pieces_.push_back(std::move(piece));
}

bool PaintedBitmap::is_touched_by(const Area& area) const {
  return area.width != 0 && area.height != 0 && area.left < area_.left + area_.width &&
         area_.left < area.left + area.width && area.top < area_.top + area_.height &&
         area_.top < area.top + area.height;
}

std::size_t PaintedBitmap::size() const {
  std::size_t bytes = 0;
  for (const auto& piece : pieces_) bytes += piece.bytes.size();
  return bytes;
}

bool PaintedBitmap::send(rdpContext& client) const {
  const bool no_header = freerdp_settings_get_bool(client.settings, FreeRDP_NoBitmapCompressionHeader) == TRUE;
  for (const auto& piece : pieces_) {
    auto bytes = piece.bytes;  // FreeRDP's type wants to be able to write
    BITMAP_DATA data{};
    data.destLeft = area_.left;
    data.destTop = area_.top + piece.top;
    data.destRight = area_.left + area_.width - 1U;
    data.destBottom = data.destTop + piece.rows - 1;
    data.width = area_.width;
    data.height = piece.rows;
    data.bitsPerPixel = 32;
    data.bitmapLength = static_cast<UINT32>(bytes.size());
    data.bitmapDataStream = bytes.data();
    if (piece.packed) {
      data.compressed = TRUE;
      data.flags = bitmap_compression | (no_header ? no_bitmap_compression_header : 0U);
      data.cbCompMainBodySize = data.bitmapLength;
      data.cbScanWidth = pixel_size * area_.width;
      data.cbUncompressedSize = data.cbScanWidth * piece.rows;
    }
    const BITMAP_UPDATE update{.number = 1, .rectangles = &data, .skipCompression = TRUE};
    if (!client.update->BitmapUpdate(&client, &update)) return false;
  }
  return true;
}

}  // namespace gatehouse::rdp
