// A picture over older graphics, as the client takes it apart again.
#include "rdp/worker/painted_bitmap.h"

#include <freerdp/codec/color.h>
#include <freerdp/codec/planar.h>
#include <freerdp/freerdp.h>
#include <freerdp/settings.h>
#include <freerdp/update.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "rdp/warning_banner.h"
#include "rdp/worker/update_area.h"

namespace gatehouse::rdp {
namespace {

constexpr std::uint32_t screen_width = 1024;
constexpr std::uint32_t screen_height = 200;

// What a client makes of the updates.
struct ClientScreen {
  rdpContext base{};  // the first: FreeRDP hands it to the callback
  rdpUpdate update{};
  std::unique_ptr<rdpSettings, decltype(&freerdp_settings_free)> settings{freerdp_settings_new(0),
                                                                          freerdp_settings_free};
  std::vector<std::uint8_t> pixels = std::vector<std::uint8_t>(std::size_t{4} * screen_width * screen_height);
  std::size_t longest = 0;
  bool gone = false;

  ClientScreen() {
    update.BitmapUpdate = take;
    base.update = &update;
    base.settings = settings.get();
  }
  void announce(FreeRDP_Settings_Keys_Bool key, bool on) {
    ASSERT_TRUE(freerdp_settings_set_bool(settings.get(), key, on ? TRUE : FALSE));
  }
  static BOOL take(rdpContext* context, const BITMAP_UPDATE* update) {
    auto& screen = *reinterpret_cast<ClientScreen*>(context);
    if (screen.gone) return FALSE;
    for (UINT32 i = 0; i < update->number; ++i) screen.draw(update->rectangles[i]);
    return TRUE;
  }
  void draw(const BITMAP_DATA& data) {
    longest = std::max<std::size_t>(longest, data.bitmapLength);
    ASSERT_LE(data.destRight, screen_width - 1);
    ASSERT_LE(data.destBottom, screen_height - 1);
    std::vector<std::uint8_t> unpacked(std::size_t{4} * data.width * data.height);
    if ((data.flags & 1U) != 0) {
      auto* planar = freerdp_bitmap_planar_context_new(0, data.width, data.height);
      freerdp_planar_switch_bgr(planar,
                                freerdp_settings_get_bool(settings.get(), FreeRDP_DrawAllowDynamicColorFidelity));
      ASSERT_TRUE(planar_decompress(planar, data.bitmapDataStream, data.bitmapLength, data.width, data.height,
                                    unpacked.data(), PIXEL_FORMAT_BGRX32, 4 * data.width, 0, 0, data.width, data.height,
                                    TRUE));
      freerdp_bitmap_planar_context_free(planar);
    } else {
      ASSERT_EQ(data.bitmapLength, unpacked.size());
      for (UINT32 row = 0; row < data.height; ++row) {
        std::memcpy(unpacked.data() + std::size_t{4} * data.width * row,
                    data.bitmapDataStream + std::size_t{4} * data.width * (data.height - 1 - row),
                    std::size_t{4} * data.width);
      }
    }
    for (UINT32 row = 0; row < data.height; ++row) {
      std::memcpy(pixels.data() + std::size_t{4} * (screen_width * (data.destTop + row) + data.destLeft),
                  unpacked.data() + std::size_t{4} * data.width * row, std::size_t{4} * data.width);
    }
  }
  // Without what has no colour.
  std::vector<std::uint8_t> shown(const Area& area) const {
    std::vector<std::uint8_t> part;
    for (std::uint32_t y = area.top; y < area.top + area.height; ++y) {
      for (std::uint32_t x = area.left; x < area.left + area.width; ++x) {
        const auto* pixel = pixels.data() + std::size_t{4} * (screen_width * y + x);
        part.insert(part.end(), pixel, pixel + 3);
      }
    }
    return part;
  }
};

std::vector<std::uint8_t> colours_of(const Banner& banner) {
  std::vector<std::uint8_t> colours;
  for (std::size_t i = 0; i < banner.pixels.size(); i += 4) {
    colours.insert(colours.end(), banner.pixels.begin() + static_cast<std::ptrdiff_t>(i),
                   banner.pixels.begin() + static_cast<std::ptrdiff_t>(i) + 3);
  }
  return colours;
}

const Banner banner = warning_banner(300, screen_width, screen_height);
const Area area{230, 8, static_cast<std::uint16_t>(banner.width), static_cast<std::uint16_t>(banner.height)};

TEST(PaintedBitmap, IsWhatItWasGivenToEveryClientAndMostlySmall) {
  for (const bool skips_alpha : {false, true}) {
    for (const bool fidelity : {false, true}) {
      for (const bool no_header : {false, true}) {
        ClientScreen client;
        client.announce(FreeRDP_DrawAllowSkipAlpha, skips_alpha);
        client.announce(FreeRDP_DrawAllowDynamicColorFidelity, fidelity);
        client.announce(FreeRDP_NoBitmapCompressionHeader, no_header);
        const auto bitmap =
            PaintedBitmap::packed(area, banner.pixels.data(), std::size_t{4} * banner.width, *client.settings);
        EXPECT_TRUE(bitmap.send(client.base));
        EXPECT_EQ(client.shown(area), colours_of(banner)) << skips_alpha << fidelity << no_header;
        EXPECT_EQ(bitmap.size() * 10 < banner.pixels.size(), skips_alpha || !fidelity) << bitmap.size();
        EXPECT_LE(client.longest, 12'000U);
      }
    }
  }
}

TEST(PaintedBitmap, GoesInPiecesThatEveryClientTakes) {
  ClientScreen client;
  const auto bitmap = PaintedBitmap::exact(area, banner.pixels.data(), std::size_t{4} * banner.width);
  EXPECT_TRUE(bitmap.send(client.base));
  EXPECT_EQ(client.shown(area), colours_of(banner));
  EXPECT_EQ(bitmap.size(), banner.pixels.size());
  EXPECT_LE(client.longest, 12'000U);
}

TEST(PaintedBitmap, OfWhatCannotBePackedIsSentAsItIs) {
  Banner noise = banner;
  std::uint32_t state = 1;
  for (auto& each : noise.pixels)
    each = static_cast<std::uint8_t>((state = state * 1'664'525U + 1'013'904'223U) >> 24U);
  ClientScreen client;
  const auto bitmap = PaintedBitmap::packed(area, noise.pixels.data(), std::size_t{4} * noise.width, *client.settings);
  EXPECT_TRUE(bitmap.send(client.base));
  EXPECT_EQ(client.shown(area), colours_of(noise));
  EXPECT_LE(client.longest, 12'000U);
}

TEST(PaintedBitmap, SaysThatTheClientIsGone) {
  ClientScreen client;
  client.gone = true;
  EXPECT_FALSE(PaintedBitmap::exact(area, banner.pixels.data(), std::size_t{4} * banner.width).send(client.base));
}

TEST(PaintedBitmap, IsTouchedByWhatHasAPixelInCommon) {
  const std::vector<std::uint8_t> pixels(std::size_t{4} * 20 * 10);
  const auto bitmap = PaintedBitmap::exact({100, 50, 20, 10}, pixels.data(), 80);
  EXPECT_TRUE(bitmap.is_touched_by({0, 0, 1024, 768}));
  EXPECT_TRUE(bitmap.is_touched_by({119, 59, 1, 1}));
  EXPECT_TRUE(bitmap.is_touched_by({90, 40, 11, 11}));
  EXPECT_FALSE(bitmap.is_touched_by({120, 50, 10, 10}));
  EXPECT_FALSE(bitmap.is_touched_by({90, 50, 10, 10}));
  EXPECT_FALSE(bitmap.is_touched_by({100, 60, 20, 10}));
  EXPECT_FALSE(bitmap.is_touched_by({100, 40, 20, 10}));
  EXPECT_FALSE(bitmap.is_touched_by({110, 55, 0, 0}));
}

TEST(PaintedArea, IsAroundAllOfAnUpdate) {
  std::array<BITMAP_DATA, 2> bitmaps{};
  bitmaps[0].destLeft = 64;
  bitmaps[0].destTop = 10;
  bitmaps[0].destRight = 127;
  bitmaps[0].destBottom = 19;
  bitmaps[1].destLeft = 0;
  bitmaps[1].destTop = 20;
  bitmaps[1].destRight = 63;
  bitmaps[1].destBottom = 29;
  const BITMAP_UPDATE update{.number = 2, .rectangles = bitmaps.data(), .skipCompression = FALSE};
  const auto all = painted_area(update);
  EXPECT_EQ(all.left, 0);
  EXPECT_EQ(all.top, 10);
  EXPECT_EQ(all.width, 128);
  EXPECT_EQ(all.height, 20);
  const auto none = painted_area(BITMAP_UPDATE{});
  EXPECT_EQ(none.width, 0);
  EXPECT_EQ(none.height, 0);
}

}  // namespace
}  // namespace gatehouse::rdp
