#include "rdp/warning_banner.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "rdp/bitmap_font.h"

namespace gatehouse::rdp {
namespace {

struct Colour {
  std::uint8_t blue;
  std::uint8_t green;
  std::uint8_t red;
};
constexpr Colour ground{0x28, 0x20, 0x20};
constexpr Colour frame{0x00, 0xA8, 0xFF};
constexpr Colour letters{0xFF, 0xFF, 0xFF};
constexpr std::uint32_t advance = glyph_width + 1;
constexpr std::uint32_t line_height = glyph_height + 4;
constexpr std::uint32_t margin = 6;
constexpr std::uint32_t largest_scale = 8;
// Of the screen's width, for each step of size.
constexpr std::uint32_t width_for_scale = 480;

std::string time_left(std::uint32_t seconds) {
  constexpr std::uint32_t minute = 60;
  const auto amount = seconds < minute ? seconds : (seconds + minute / 2) / minute;
  return std::to_string(amount) + (seconds < minute ? " second" : " minute") + (amount == 1 ? "" : "s");
}

void fill(Banner& banner, std::uint32_t left, std::uint32_t top, std::uint32_t width, std::uint32_t height,
          const Colour& colour) {
  for (std::uint32_t y = top; y < top + height; ++y) {
    for (std::uint32_t x = left; x < left + width; ++x) {
      auto* pixel = banner.pixels.data() + (std::size_t{y} * banner.width + x) * 4;
      pixel[0] = colour.blue;
      pixel[1] = colour.green;
      pixel[2] = colour.red;
      pixel[3] = 0xFF;
    }
  }
}

void write(Banner& banner, std::string_view text, std::uint32_t left, std::uint32_t top, std::uint32_t scale) {
  for (const char each : text) {
    const auto& glyph = glyph_of(each);
    for (std::uint32_t row = 0; row < glyph_height; ++row) {
      for (std::uint32_t column = 0; column < glyph_width; ++column) {
        if ((glyph.at(row) >> (glyph_width - 1 - column) & 1U) == 0) continue;
        fill(banner, left + column * scale, top + row * scale, scale, scale, letters);
      }
    }
    left += advance * scale;
  }
}

}  // namespace

Banner warning_banner(std::uint32_t seconds, std::uint32_t screen_width, std::uint32_t screen_height) {
  const std::array<std::string, 2> lines{"This session ends in " + time_left(seconds) + ".",
                                         "Save your work now: you will be disconnected."};
  const auto longest = static_cast<std::uint32_t>(std::max(lines[0].size(), lines[1].size()));
  const std::uint32_t unit_width = longest * advance + 2 * margin;
  const std::uint32_t unit_height = static_cast<std::uint32_t>(lines.size()) * line_height + 2 * margin;
  auto scale = std::clamp<std::uint32_t>(screen_width / width_for_scale, 1, largest_scale);
  scale = std::min({scale, screen_width / unit_width, screen_height / unit_height});
  if (scale == 0) return {};
  Banner banner{.width = unit_width * scale & ~3U, .height = unit_height * scale, .pixels = {}};
  banner.pixels.resize(std::size_t{4} * banner.width * banner.height);
  fill(banner, 0, 0, banner.width, banner.height, frame);
  fill(banner, scale, scale, banner.width - 2 * scale, banner.height - 2 * scale, ground);
  for (std::uint32_t i = 0; i < lines.size(); ++i) {
    const auto width = static_cast<std::uint32_t>(lines.at(i).size()) * advance * scale;
    write(banner, lines.at(i), (banner.width - width) / 2, (margin + i * line_height + 2) * scale, scale);
  }
  return banner;
}

}  // namespace gatehouse::rdp
