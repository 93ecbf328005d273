#include "rdp/worker/pointer_shapes.h"

#include <freerdp/codec/color.h>
#include <freerdp/freerdp.h>
#include <freerdp/gdi/gdi.h>

namespace gatehouse::rdp {
namespace {

template <typename Update>
std::optional<PointerShape> decoded(const rdpContext& context, const Update& pointer, UINT32 depth) {
  if (pointer.width == 0 || pointer.height == 0 || pointer.width > PointerShape::largest ||
      pointer.height > PointerShape::largest) {
    return std::nullopt;
  }
  PointerShape shape{.width = pointer.width,
                     .height = pointer.height,
                     .hot_x = pointer.hotSpotX,
                     .hot_y = pointer.hotSpotY,
                     .pixels = {}};
  shape.pixels.resize(std::size_t{4} * shape.width * shape.height);
  const gdiPalette* palette = context.gdi == nullptr ? nullptr : &context.gdi->palette;
  if (!freerdp_image_copy_from_pointer_data(shape.pixels.data(), PIXEL_FORMAT_BGRA32, 0, 0, 0, shape.width,
                                            shape.height, pointer.xorMaskData, pointer.lengthXorMask,
                                            pointer.andMaskData, pointer.lengthAndMask, depth, palette)) {
    return std::nullopt;
  }
  return shape;
}

}  // namespace

std::optional<PointerShape> shape_of(const rdpContext& context, const POINTER_COLOR_UPDATE& pointer, UINT32 depth) {
  return decoded(context, pointer, depth);
}

std::optional<PointerShape> shape_of(const rdpContext& context, const POINTER_LARGE_UPDATE& pointer) {
  return decoded(context, pointer, pointer.xorBpp);
}

}  // namespace gatehouse::rdp
