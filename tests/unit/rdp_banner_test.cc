// The picture of a warning, and data of dynamic channels.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "rdp/bitmap_font.h"
#include "rdp/dynamic_data.h"
#include "rdp/warning_banner.h"

namespace gatehouse::rdp {
namespace {

std::size_t white_pixels(const Banner& banner) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < banner.pixels.size(); i += 4)
    count += banner.pixels[i] == 0xFF && banner.pixels[i + 2] == 0xFF;
  return count;
}

TEST(WarningBanner, FitsOnEveryScreenAndIsLargerOnLargerOnes) {
  Banner former;
  for (const auto& [width, height] : std::initializer_list<std::pair<std::uint32_t, std::uint32_t>>{
           {320, 200}, {1024, 768}, {1920, 1080}, {3840, 2160}, {30'000, 30'000}}) {
    const auto banner = warning_banner(300, width, height);
    ASSERT_FALSE(banner.pixels.empty()) << width;
    EXPECT_LE(banner.width, width);
    EXPECT_LE(banner.height, height);
    EXPECT_EQ(banner.width % 4, 0U);
    EXPECT_EQ(banner.pixels.size(), std::size_t{4} * banner.width * banner.height);
    EXPECT_GE(banner.width, former.width);
    EXPECT_GT(white_pixels(banner), 100U);
    former = banner;
  }
}

TEST(WarningBanner, IsNotOnAScreenThatIsTooSmall) {
  EXPECT_TRUE(warning_banner(300, 100, 100).pixels.empty());
  EXPECT_TRUE(warning_banner(300, 0, 0).pixels.empty());
}

TEST(WarningBanner, SaysHowLong) {
  EXPECT_EQ(warning_banner(300, 1024, 768).pixels, warning_banner(299, 1024, 768).pixels);
  EXPECT_NE(warning_banner(300, 1024, 768).pixels, warning_banner(60, 1024, 768).pixels);
  EXPECT_NE(warning_banner(59, 1024, 768).pixels, warning_banner(60, 1024, 768).pixels);
}

TEST(BitmapFont, HasWhatEnglishNeedsAndABoxForTheRest) {
  const auto& box = glyph_of('\xC3');
  for (int each = 'a'; each <= 'z'; ++each) EXPECT_NE(glyph_of(static_cast<char>(each)), box) << char(each);
  for (int each = 'A'; each <= 'Z'; ++each) EXPECT_NE(glyph_of(static_cast<char>(each)), box) << char(each);
  for (int each = '0'; each <= '9'; ++each) EXPECT_NE(glyph_of(static_cast<char>(each)), box) << char(each);
}

TEST(DynamicData, IsReadAsItWasWritten) {
  for (const std::uint32_t channel : {7U, 300U, 70'000U}) {
    for (const std::size_t size : {0U, 1U, 1590U, 1600U, 5000U, 70'000U}) {
      std::vector<std::uint8_t> message(size);
      std::iota(message.begin(), message.end(), std::uint8_t{1});
      std::vector<std::uint8_t> together;
      const auto pieces = write_dynamic_data(channel, message);
      for (std::size_t i = 0; i < pieces.size(); ++i) {
        EXPECT_LE(pieces[i].size(), 1600U);
        const auto data = read_dynamic_data(pieces[i]);
        ASSERT_TRUE(data);
        EXPECT_EQ(data->channel, channel);
        const bool first = pieces.size() > 1 && i == 0;
        EXPECT_EQ(data->kind, first ? DynamicData::Kind::first : DynamicData::Kind::next);
        if (first) {
          EXPECT_EQ(data->length, size);
        }
        together.insert(together.end(), data->payload.begin(), data->payload.end());
      }
      EXPECT_EQ(together, message);
    }
  }
}

TEST(DynamicData, WhatIsNoneIsPassedOver) {
  EXPECT_FALSE(read_dynamic_data({}));
  EXPECT_FALSE(read_dynamic_data(std::vector<std::uint8_t>{0x10, 1}));
  EXPECT_FALSE(read_dynamic_data(std::vector<std::uint8_t>{0x33, 1, 1, 1, 1}));
  EXPECT_FALSE(read_dynamic_data(std::vector<std::uint8_t>{0x21, 1, 1})) << "its length is missing";
  EXPECT_EQ(read_dynamic_data(std::vector<std::uint8_t>{0x40, 9})->kind, DynamicData::Kind::close);
  EXPECT_EQ(read_dynamic_data(std::vector<std::uint8_t>{0x70, 9, 1})->kind, DynamicData::Kind::compressed);
}

}  // namespace
}  // namespace gatehouse::rdp
