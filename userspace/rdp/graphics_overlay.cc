#include "rdp/graphics_overlay.h"

#include <algorithm>

namespace gatehouse::rdp {
namespace {

// A server counts from below; this many of ours fit.
constexpr std::uint32_t first_own_frame = 0xFFFF'0000;
constexpr std::uint32_t primary_monitor = 0x1;  // MS-RDPBCGR 2.2.1.3.6.1
constexpr std::uint32_t most_monitors = 16;
constexpr std::uint32_t most_pixels = 32766;  // of a screen's side

bool is_own(std::uint32_t frame) {
  return frame >= first_own_frame;
}

}  // namespace

Result<std::vector<std::uint8_t>> GraphicsOverlay::pass(Bytes data) {
  auto messages = split_graphics(data);
  if (!messages) return std::unexpected(messages.error());
  GraphicsWriter writer;
  for (const auto& message : *messages) {
    if (shown_ && must_go(message)) remove(writer);
    if (shown_ && message.kind == GraphicsKind::end_frame && shown_->lifted) {
      shown_->lifted = false;
      cover(writer);
    }
    writer.message(message);
    if (auto followed = follow(message); !followed) return std::unexpected(followed.error());
    if (shown_ && message.kind == GraphicsKind::start_frame && !shown_->lifted) {
      shown_->lifted = true;
      uncover(writer);
    }
  }
  return writer.take();
}

// What would take away the ground that it stands on.
bool GraphicsOverlay::must_go(const GraphicsMessage& message) const {
  switch (message.kind) {
    case GraphicsKind::reset_graphics:
      return true;
    case GraphicsKind::create_surface:
    case GraphicsKind::delete_surface:
    case GraphicsKind::map_surface_to_output:
    case GraphicsKind::map_surface_to_window:
    case GraphicsKind::map_surface_to_scaled_output:
    case GraphicsKind::map_surface_to_scaled_window: {
      const auto surface = LittleEndianReader(message.body()).u16();
      return surface == shown_->surface || surface == shown_->covered || surface == shown_->picture;
    }
    default:
      return false;
  }
}

Result<void> GraphicsOverlay::follow(const GraphicsMessage& message) {
  LittleEndianReader reader(message.body());
  switch (message.kind) {
    case GraphicsKind::reset_graphics:
      return follow_reset(message.body());
    case GraphicsKind::create_surface: {
      const auto id = reader.u16();
      Surface surface;
      surface.width = reader.u16();
      surface.height = reader.u16();
      surface.format = reader.u8();
      if (surfaces_.size() >= most_surfaces && !surfaces_.contains(id)) return failure("there are too many surfaces");
      surfaces_[id] = surface;
      break;
    }
    case GraphicsKind::delete_surface:
      surfaces_.erase(reader.u16());
      break;
    case GraphicsKind::map_surface_to_output:
    case GraphicsKind::map_surface_to_scaled_output: {
      const auto found = surfaces_.find(reader.u16());
      reader.skip(2);
      const auto x = reader.u32();
      const auto y = reader.u32();
      if (found == surfaces_.end()) break;  // the client will say what it thinks of that
      found->second.on_screen = true;
      found->second.scaled = message.kind == GraphicsKind::map_surface_to_scaled_output;
      found->second.x = x;
      found->second.y = y;
      break;
    }
    case GraphicsKind::map_surface_to_window:
    case GraphicsKind::map_surface_to_scaled_window:
      if (const auto found = surfaces_.find(reader.u16()); found != surfaces_.end()) found->second.on_screen = false;
      break;
    case GraphicsKind::start_frame:
      in_frame_ = true;
      break;
    case GraphicsKind::end_frame:
      in_frame_ = false;
      break;
    default:
      break;
  }
  if (!reader.whole()) return failure("a message of the graphics pipeline ends before its fields do");
  return {};
}

Result<void> GraphicsOverlay::follow_reset(Bytes body) {
  LittleEndianReader reader(body);
  Monitor whole;
  whole.width = reader.u32();
  whole.height = reader.u32();
  const auto count = reader.u32();
  if (!reader.whole() || count > most_monitors || whole.width > most_pixels || whole.height > most_pixels) {
    return failure("the graphics pipeline is reset to what no client has");
  }
  monitor_ = whole;
  std::int64_t left_most = 0;
  std::int64_t top_most = 0;
  std::optional<Monitor> primary;
  std::int64_t primary_left = 0;
  std::int64_t primary_top = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::int64_t left = static_cast<std::int32_t>(reader.u32());
    const std::int64_t top = static_cast<std::int32_t>(reader.u32());
    const std::int64_t right = static_cast<std::int32_t>(reader.u32());
    const std::int64_t bottom = static_cast<std::int32_t>(reader.u32());
    const auto flags = reader.u32();
    left_most = i == 0 ? left : std::min(left_most, left);
    top_most = i == 0 ? top : std::min(top_most, top);
    if ((flags & primary_monitor) == 0 || right < left || bottom < top || right - left >= most_pixels ||
        bottom - top >= most_pixels) {
      continue;
    }
    primary_left = left;
    primary_top = top;
    primary = Monitor{.width = static_cast<std::uint32_t>(right - left + 1),
                      .height = static_cast<std::uint32_t>(bottom - top + 1)};
  }
  if (!reader.whole()) return failure("the graphics pipeline is reset with monitors that are not there");
  if (!primary) return {};
  primary->x = static_cast<std::uint32_t>(primary_left - left_most);
  primary->y = static_cast<std::uint32_t>(primary_top - top_most);
  if (std::uint64_t{primary->x} + primary->width <= whole.width &&
      std::uint64_t{primary->y} + primary->height <= whole.height) {
    monitor_ = *primary;
  }
  return {};
}

std::optional<GraphicsOverlay::Target> GraphicsOverlay::target() const {
  for (const auto& [id, surface] : surfaces_) {
    if (!surface.on_screen || surface.width == 0 || surface.height == 0) continue;
    // Where it is scaled, all of it is taken for one screen.
    if (surface.scaled) return Target{id, {0, 0, surface.width, surface.height}};
    if (surface.x > monitor_.x || surface.y > monitor_.y) continue;
    const std::uint64_t left = monitor_.x - surface.x;
    const std::uint64_t top = monitor_.y - surface.y;
    if (left >= surface.width || top >= surface.height) continue;
    const auto width = std::min<std::uint64_t>(surface.width - left, monitor_.width);
    const auto height = std::min<std::uint64_t>(surface.height - top, monitor_.height);
    if (width == 0 || height == 0) continue;
    return Target{id,
                  {static_cast<std::uint16_t>(left), static_cast<std::uint16_t>(top), static_cast<std::uint16_t>(width),
                   static_cast<std::uint16_t>(height)}};
  }
  return std::nullopt;
}

GraphicsOverlay::Size GraphicsOverlay::screen() const {
  const auto found = target();
  return found ? Size{found->area.width, found->area.height} : Size{};
}

bool GraphicsOverlay::can_show() const {
  return !in_frame_ && !shown_ && target().has_value();
}

std::optional<std::uint16_t> GraphicsOverlay::free_surface(std::uint16_t below) const {
  for (std::uint32_t id = below; id-- > 0;) {
    if (!surfaces_.contains(static_cast<std::uint16_t>(id))) return static_cast<std::uint16_t>(id);
  }
  return std::nullopt;
}

std::uint32_t GraphicsOverlay::next_frame() {
  return first_own_frame + (frames_++ & 0xFFFFU);
}

std::vector<std::uint8_t> GraphicsOverlay::show(const Banner& banner) {
  const auto place = target();
  if (!can_show() || banner.pixels.empty() || banner.width > place->area.width || banner.height > place->area.height) {
    return {};
  }
  const auto covered = free_surface(0xFFFF);
  const auto picture = covered ? free_surface(*covered) : std::nullopt;
  if (!picture) return {};
  const auto width = static_cast<std::uint16_t>(banner.width);
  const auto height = static_cast<std::uint16_t>(banner.height);
  const auto format = surfaces_.at(place->surface).format;
  shown_ = Shown{.surface = place->surface,
                 .covered = *covered,
                 .picture = *picture,
                 .area = {static_cast<std::uint16_t>(place->area.left + (place->area.width - width) / 2),
                          place->area.top, width, height}};
  GraphicsWriter writer;
  const auto frame = next_frame();
  writer.create_surface(shown_->covered, width, height, format)
      .create_surface(shown_->picture, width, height, format)
      .start_frame(frame)
      .pixels(shown_->picture, format, {0, 0, width, height}, banner.pixels);
  cover(writer);
  writer.end_frame(frame);
  return writer.take();
}

void GraphicsOverlay::cover(GraphicsWriter& writer) const {
  writer.copy(shown_->surface, shown_->area, shown_->covered, 0, 0)
      .copy(shown_->picture, {0, 0, shown_->area.width, shown_->area.height}, shown_->surface, shown_->area.left,
            shown_->area.top);
}

void GraphicsOverlay::uncover(GraphicsWriter& writer) const {
  writer.copy(shown_->covered, {0, 0, shown_->area.width, shown_->area.height}, shown_->surface, shown_->area.left,
              shown_->area.top);
}

void GraphicsOverlay::remove(GraphicsWriter& writer) {
  if (!shown_->lifted) {
    const bool own = !in_frame_;
    const auto frame = own ? next_frame() : 0;
    if (own) writer.start_frame(frame);
    uncover(writer);
    if (own) writer.end_frame(frame);
  }
  writer.delete_surface(shown_->covered).delete_surface(shown_->picture);
  shown_.reset();
}

std::vector<std::uint8_t> GraphicsOverlay::hide() {
  GraphicsWriter writer;
  if (shown_) remove(writer);
  return writer.take();
}

std::vector<std::uint8_t> GraphicsOverlay::filter_from_client(Bytes message) const {
  const auto messages = split_graphics(message);
  const auto own = frames_.load();
  if (!messages || own == 0) return {message.begin(), message.end()};
  LittleEndianWriter writer;
  for (const auto& each : *messages) {
    LittleEndianReader reader(each.body());
    if (each.kind == GraphicsKind::frame_acknowledge) {
      const auto queue = reader.u32();
      const auto frame = reader.u32();
      const auto decoded = reader.u32();
      if (reader.whole() && is_own(frame)) continue;
      if (reader.whole() && decoded >= own) {
        // Frames that a client counts and no server has sent.
        writer.bytes(each.whole.first(GraphicsMessage::header_size)).u32(queue).u32(frame).u32(decoded - own);
        writer.bytes(reader.rest());
        continue;
      }
    } else if (each.kind == GraphicsKind::qoe_frame_acknowledge && is_own(reader.u32())) {
      continue;
    }
    writer.bytes(each.whole);
  }
  return writer.take();
}

}  // namespace gatehouse::rdp
