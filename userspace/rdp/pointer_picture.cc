#include "rdp/pointer_picture.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

namespace gatehouse::rdp {
namespace {

constexpr std::size_t pixel = 4;

// 'x' is black, '.' white.
constexpr std::array<std::string_view, 19> arrow_rows{
    "x           ", "xx          ", "x.x         ", "x..x        ", "x...x       ", "x....x      ", "x.....x     ",
    "x......x    ", "x.......x   ", "x........x  ", "x.........x ", "x......xxxxx", "x...x..x    ", "x..xx..x    ",
    "x.x  x..x   ", "xx   x..x   ", "x     x..x  ", "      x..x  ", "       xx   "};

std::shared_ptr<const PointerShape> make_arrow() {
  auto arrow = std::make_shared<PointerShape>();
  arrow->width = arrow_rows[0].size();
  arrow->height = arrow_rows.size();
  for (const auto row : arrow_rows) {
    for (const char each : row) {
      const std::uint8_t colour = each == '.' ? 0xFF : 0;
      arrow->pixels.insert(arrow->pixels.end(), {colour, colour, colour, std::uint8_t(each == ' ' ? 0 : 0xFF)});
    }
  }
  return arrow;
}

std::shared_ptr<const PointerShape> arrow() {
  static const auto shape = make_arrow();
  return shape;
}

std::uint8_t blend(std::uint8_t above, std::uint8_t below, unsigned alpha) {
  return static_cast<std::uint8_t>((above * alpha + below * (255U - alpha)) / 255U);
}

}  // namespace

PointerPicture::PointerPicture(std::function<void()> changed) : changed_(std::move(changed)), shape_(arrow()) {}

void PointerPicture::move_to(std::int32_t x, std::int32_t y) {
  {
    const std::lock_guard lock(mutex_);
    if (place_ == Place{x, y}) return;
    place_ = Place{x, y};
  }
  changed_();
}

void PointerPicture::move_by(std::int32_t x, std::int32_t y) {
  constexpr std::int32_t far = (1 << 16) - 1;
  Place to;
  {
    const std::lock_guard lock(mutex_);
    to = place_.value_or(Place{});
  }
  move_to(std::clamp(to.x + x, 0, far), std::clamp(to.y + y, 0, far));
}

std::optional<PointerPicture::Place> PointerPicture::place() const {
  const std::lock_guard lock(mutex_);
  return place_;
}

void PointerPicture::show(std::shared_ptr<const PointerShape> shape) {
  {
    const std::lock_guard lock(mutex_);
    if (shape_ == shape) return;
    shape_ = std::move(shape);
  }
  changed_();
}

void PointerPicture::set_shape(std::uint32_t slot, PointerShape shape) {
  if (slot >= slots || shape.width > PointerShape::largest || shape.height > PointerShape::largest ||
      shape.pixels.size() != pixel * shape.width * shape.height) {
    return;
  }
  auto kept = std::make_shared<const PointerShape>(std::move(shape));
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = cache_.find(slot); found != cache_.end()) {
      kept_ -= found->second->pixels.size();
      cache_.erase(found);
    }
    if (kept_ + kept->pixels.size() <= most_kept) {
      kept_ += kept->pixels.size();
      cache_[slot] = kept;
    }
  }
  show(std::move(kept));
}

void PointerPicture::use_slot(std::uint32_t slot) {
  std::shared_ptr<const PointerShape> kept;
  {
    const std::lock_guard lock(mutex_);
    const auto found = cache_.find(slot);
    if (found == cache_.end()) return;
    kept = found->second;
  }
  show(std::move(kept));
}

void PointerPicture::use_arrow() {
  show(arrow());
}

void PointerPicture::hide() {
  show(nullptr);
}

PointerPicture::Beneath PointerPicture::draw(const Canvas& canvas) const {
  std::optional<Place> place;
  std::shared_ptr<const PointerShape> shape;
  {
    const std::lock_guard lock(mutex_);
    place = place_;
    shape = shape_;
  }
  if (!place || !shape) return {};
  const std::int64_t left = std::int64_t{place->x} - shape->hot_x;
  const std::int64_t top = std::int64_t{place->y} - shape->hot_y;
  const auto from_x = std::max<std::int64_t>(left, 0);
  const auto from_y = std::max<std::int64_t>(top, 0);
  const auto to_x = std::min<std::int64_t>(left + shape->width, canvas.width);
  const auto to_y = std::min<std::int64_t>(top + shape->height, canvas.height);
  if (from_x >= to_x || from_y >= to_y) return {};
  Beneath beneath{.x = static_cast<std::uint32_t>(from_x),
                  .y = static_cast<std::uint32_t>(from_y),
                  .width = static_cast<std::uint32_t>(to_x - from_x),
                  .height = static_cast<std::uint32_t>(to_y - from_y),
                  .pixels = {}};
  for (std::uint32_t row = 0; row < beneath.height; ++row) {
    auto* to = canvas.pixels + ((std::size_t{beneath.y} + row) * canvas.width + beneath.x) * pixel;
    beneath.pixels.insert(beneath.pixels.end(), to, to + beneath.width * pixel);
    const auto* from =
        shape->pixels.data() +
        (static_cast<std::size_t>(from_y - top + row) * shape->width + static_cast<std::size_t>(from_x - left)) * pixel;
    for (std::uint32_t column = 0; column < beneath.width; ++column, to += pixel, from += pixel) {
      for (std::size_t i = 0; i < 3; ++i) to[i] = blend(from[i], to[i], from[3]);
    }
  }
  return beneath;
}

void PointerPicture::restore(const Canvas& canvas, const Beneath& beneath) {
  for (std::uint32_t row = 0; row < beneath.height; ++row) {
    std::memcpy(canvas.pixels + ((std::size_t{beneath.y} + row) * canvas.width + beneath.x) * pixel,
                beneath.pixels.data() + std::size_t{row} * beneath.width * pixel, beneath.width * pixel);
  }
}

}  // namespace gatehouse::rdp
