// A picture over that of the graphics pipeline: looked at by a client that keeps surfaces as the pipeline says.
#include "rdp/graphics_overlay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace gatehouse::rdp {
namespace {

using Pixels = std::vector<std::uint32_t>;

// MS-RDPEGFX, as much of it as these tests need; every pixel is a number.
class PipelineClient {
 public:
  struct Surface {
    std::uint16_t width = 0;
    std::uint16_t height = 0;
    Pixels pixels;
  };

  void take(Bytes data) {
    const auto messages = split_graphics(data);
    ASSERT_TRUE(messages) << messages.error().text();
    for (const auto& each : *messages) take(each);
  }
  // As it was when the last frame ended: what the user saw.
  std::uint32_t seen(std::uint16_t surface, std::size_t x, std::size_t y) const {
    const auto& shown = shown_.at(surface);
    return shown.pixels.at(y * shown.width + x);
  }
  const std::map<std::uint16_t, Surface>& surfaces() const { return surfaces_; }
  const std::vector<std::uint32_t>& frames() const { return frames_; }

 private:
  void take(const GraphicsMessage& message) {
    LittleEndianReader reader(message.body());
    switch (message.kind) {
      case GraphicsKind::create_surface: {
        const auto id = reader.u16();
        ASSERT_FALSE(surfaces_.contains(id)) << "made twice";
        Surface surface{.width = reader.u16(), .height = reader.u16(), .pixels = {}};
        surface.pixels.resize(std::size_t{surface.width} * surface.height);
        surfaces_[id] = std::move(surface);
        break;
      }
      case GraphicsKind::delete_surface:
        ASSERT_EQ(surfaces_.erase(reader.u16()), 1U) << "there is none";
        break;
      case GraphicsKind::start_frame:
        ASSERT_FALSE(in_frame_);
        in_frame_ = true;
        break;
      case GraphicsKind::end_frame:
        ASSERT_TRUE(in_frame_);
        in_frame_ = false;
        frames_.push_back(reader.u32());
        shown_ = surfaces_;
        break;
      case GraphicsKind::wire_to_surface_1: {
        ASSERT_TRUE(in_frame_);
        auto& surface = surfaces_.at(reader.u16());
        reader.skip(3);
        const std::size_t left = reader.u16();
        const std::size_t top = reader.u16();
        const std::size_t right = reader.u16();
        const std::size_t bottom = reader.u16();
        ASSERT_EQ(reader.u32(), (right - left) * (bottom - top) * 4);
        for (auto y = top; y < bottom; ++y) {
          for (auto x = left; x < right; ++x) surface.pixels.at(y * surface.width + x) = reader.u32();
        }
        break;
      }
      case GraphicsKind::surface_to_surface: {
        ASSERT_TRUE(in_frame_);
        const auto from = surfaces_.at(reader.u16());
        auto& to = surfaces_.at(reader.u16());
        const std::size_t left = reader.u16();
        const std::size_t top = reader.u16();
        const std::size_t right = reader.u16();
        const std::size_t bottom = reader.u16();
        ASSERT_EQ(reader.u16(), 1);
        const std::size_t x = reader.u16();
        const std::size_t y = reader.u16();
        for (auto row = top; row < bottom; ++row) {
          for (auto column = left; column < right; ++column) {
            to.pixels.at((y + row - top) * to.width + x + column - left) = from.pixels.at(row * from.width + column);
          }
        }
        break;
      }
      default:
        break;
    }
    ASSERT_TRUE(reader.whole());
  }

  std::map<std::uint16_t, Surface> surfaces_;
  std::map<std::uint16_t, Surface> shown_;
  bool in_frame_ = false;
  std::vector<std::uint32_t> frames_;
};

std::vector<std::uint8_t> reset(std::uint32_t width, std::uint32_t height,
                                const std::vector<std::array<std::uint32_t, 5>>& monitors = {}) {
  LittleEndianWriter body;
  body.u32(width).u32(height).u32(static_cast<std::uint32_t>(monitors.size()));
  for (const auto& monitor : monitors) {
    for (const auto value : monitor) body.u32(value);
  }
  const auto bytes = body.take();
  LittleEndianWriter message;
  message.u16(0xE).u16(0).u32(340).bytes(bytes);
  for (std::size_t i = 8 + bytes.size(); i < 340; ++i) message.u8(0);
  return message.take();
}
std::vector<std::uint8_t> map_to(std::uint16_t surface, std::uint32_t x, std::uint32_t y) {
  return LittleEndianWriter().u16(0xF).u16(0).u32(20).u16(surface).u16(0).u32(x).u32(y).take();
}

class Overlay : public testing::Test {
 protected:
  static constexpr std::uint16_t screen = 3;
  static constexpr std::uint8_t format = 0x20;

  void server(Bytes data) {
    const auto passed = overlay_.pass(data);
    ASSERT_TRUE(passed) << passed.error().text();
    client_.take(*passed);
  }
  void begin() {
    server(reset(100, 50));
    server(GraphicsWriter().create_surface(screen, 100, 50, format).take());
    server(map_to(screen, 0, 0));
    paint({0, 0, 100, 50}, 1);
  }
  static std::vector<std::uint8_t> colour(const Area& area, std::uint32_t value) {
    LittleEndianWriter pixels;
    for (std::size_t i = 0; i < std::size_t{area.width} * area.height; ++i) pixels.u32(value);
    return pixels.take();
  }
  void paint(const Area& area, std::uint32_t value) {
    ++frame_;
    server(GraphicsWriter()
               .start_frame(frame_)
               .pixels(screen, format, area, colour(area, value))
               .end_frame(frame_)
               .take());
  }
  static Banner banner() { return {.width = 20, .height = 4, .pixels = colour({0, 0, 20, 4}, 99)}; }
  std::uint32_t seen(std::size_t x, std::size_t y) const { return client_.seen(screen, x, y); }
  // Pixels of the whole screen that are not that.
  std::size_t others_than(std::uint32_t value) const {
    std::size_t count = 0;
    for (std::size_t y = 0; y < 50; ++y) {
      for (std::size_t x = 0; x < 100; ++x) count += seen(x, y) == value ? 0U : 1U;
    }
    return count;
  }

  GraphicsOverlay overlay_;
  PipelineClient client_;
  std::uint32_t frame_ = 0;
};

TEST_F(Overlay, WithoutItNotAByteIsChanged) {
  const auto data = GraphicsWriter().create_surface(1, 10, 10, format).start_frame(1).end_frame(1).take();
  EXPECT_EQ(overlay_.pass(data).value(), data);
  EXPECT_FALSE(overlay_.can_show()) << "there is nothing on the screen";
}

TEST_F(Overlay, IsAtTheTopInTheMiddleAndLeavesNoTrace) {
  begin();
  ASSERT_TRUE(overlay_.can_show());
  client_.take(overlay_.show(banner()));
  EXPECT_EQ(seen(40, 0), 99U);
  EXPECT_EQ(seen(59, 3), 99U);
  EXPECT_EQ(others_than(1), 80U);
  client_.take(overlay_.hide());
  EXPECT_EQ(others_than(1), 0U);
  EXPECT_EQ(client_.surfaces().size(), 1U) << "a surface of ours is left";
}

TEST_F(Overlay, WhatIsPaintedBeneathItIsThereWhenItGoes) {
  begin();
  client_.take(overlay_.show(banner()));
  paint({45, 2, 10, 10}, 7);
  EXPECT_EQ(seen(46, 2), 99U) << "it was painted over";
  EXPECT_EQ(seen(46, 5), 7U);
  client_.take(overlay_.hide());
  EXPECT_EQ(seen(46, 2), 7U);
  EXPECT_EQ(seen(44, 2), 1U);
}

TEST_F(Overlay, TheServerNeverCopiesIt) {
  begin();
  client_.take(overlay_.show(banner()));
  server(GraphicsWriter().start_frame(50).copy(screen, {40, 0, 20, 4}, screen, 0, 30).end_frame(50).take());
  EXPECT_EQ(others_than(1), 80U) << "a copy of it is elsewhere";
}

TEST_F(Overlay, AFrameMayComeInSeveralMessages) {
  begin();
  client_.take(overlay_.show(banner()));
  server(GraphicsWriter().start_frame(60).take());
  EXPECT_FALSE(overlay_.can_show());
  const Area area{40, 0, 20, 2};
  server(GraphicsWriter().pixels(screen, format, area, colour(area, 5)).take());
  server(GraphicsWriter().end_frame(60).take());
  EXPECT_EQ(seen(40, 0), 99U);
  client_.take(overlay_.hide());
  EXPECT_EQ(seen(40, 0), 5U);
}

TEST_F(Overlay, GoesWithTheSurfaceThatItIsOn) {
  begin();
  client_.take(overlay_.show(banner()));
  server(GraphicsWriter().delete_surface(screen).take());
  EXPECT_FALSE(overlay_.shows());
  EXPECT_TRUE(client_.surfaces().empty());
  server(reset(200, 100));
  server(GraphicsWriter().create_surface(4, 200, 100, format).take());
  server(map_to(4, 0, 0));
  ASSERT_TRUE(overlay_.can_show());
  EXPECT_EQ(overlay_.screen().width, 200U);
  client_.take(overlay_.show(banner()));
  EXPECT_EQ(client_.seen(4, 90, 0), 99U);
}

TEST_F(Overlay, MakesRoomForASurfaceOfTheServerWithItsNumber) {
  begin();
  client_.take(overlay_.show(banner()));
  server(GraphicsWriter().create_surface(0xFFFE, 10, 10, format).take());
  EXPECT_FALSE(overlay_.shows());
  EXPECT_EQ(client_.surfaces().at(0xFFFE).width, 10);
}

TEST_F(Overlay, IsOnTheFirstMonitor) {
  // One to the left of the first one; each has its surface.
  server(reset(300, 80,
               {{static_cast<std::uint32_t>(-100), 0, static_cast<std::uint32_t>(-1), 79, 0}, {0, 0, 199, 79, 1}}));
  server(GraphicsWriter().create_surface(1, 100, 80, format).create_surface(2, 200, 80, format).take());
  server(map_to(1, 0, 0));
  server(map_to(2, 100, 0));
  EXPECT_EQ(overlay_.screen().width, 200U);
  client_.take(overlay_.show(banner()));
  EXPECT_EQ(client_.seen(2, 90, 0), 99U);
}

TEST_F(Overlay, WhatTheClientAcknowledgesOfItNoServerSees) {
  begin();
  const auto acknowledge = [](std::uint32_t frame, std::uint32_t decoded) {
    return LittleEndianWriter().u16(0xD).u16(0).u32(20).u32(0).u32(frame).u32(decoded).take();
  };
  EXPECT_EQ(overlay_.filter_from_client(acknowledge(1, 1)), acknowledge(1, 1));
  client_.take(overlay_.show(banner()));
  const auto own = client_.frames().back();
  EXPECT_TRUE(overlay_.filter_from_client(acknowledge(own, 2)).empty());
  EXPECT_TRUE(
      overlay_.filter_from_client(LittleEndianWriter().u16(0x16).u16(0).u32(20).u32(own).u32(0).u32(0).take()).empty());
  EXPECT_EQ(overlay_.filter_from_client(acknowledge(2, 3)), acknowledge(2, 2)) << "frames that it never sent";
  auto both = acknowledge(own, 2);
  const auto next = acknowledge(2, 3);
  both.insert(both.end(), next.begin(), next.end());
  EXPECT_EQ(overlay_.filter_from_client(both), acknowledge(2, 2));
  const std::vector<std::uint8_t> strange{1, 2, 3};
  EXPECT_EQ(overlay_.filter_from_client(strange), strange);
}

TEST_F(Overlay, AStreamThatCannotBeIsAFault) {
  EXPECT_FALSE(overlay_.pass(std::vector<std::uint8_t>{1, 0, 0, 0, 7, 0, 0, 0}));
  EXPECT_FALSE(overlay_.pass(std::vector<std::uint8_t>{0xB, 0, 0, 0, 9, 0, 0, 0}));
  EXPECT_FALSE(overlay_.pass(LittleEndianWriter().u16(0x9).u16(0).u32(10).u16(1).take())) << "a surface without a size";
  EXPECT_FALSE(overlay_.pass(reset(100'000, 50)));
  EXPECT_TRUE(overlay_.pass(LittleEndianWriter().u16(0x7777).u16(0).u32(8).take())) << "what is new passes";
}

TEST(Segments, AreOneOrSeveralAndSayHowMuchTheyHold) {
  const std::vector<std::uint8_t> small(100, 7);
  const auto one = segments_of(small);
  EXPECT_EQ(one.size(), 102U);
  EXPECT_EQ(one[0], 0xE0);
  const std::vector<std::uint8_t> large(200'000, 7);
  const auto several = segments_of(large);
  EXPECT_EQ(several[0], 0xE1);
  EXPECT_EQ(several[1], 4);
  EXPECT_EQ(decompressed_size(several), 200'000U);
  EXPECT_EQ(several.size(), 7 + 4 * 5 + large.size());
  EXPECT_FALSE(decompressed_size(small));
  EXPECT_FALSE(decompressed_size({}));
}

}  // namespace
}  // namespace gatehouse::rdp
