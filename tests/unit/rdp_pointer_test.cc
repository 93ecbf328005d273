// The pointer in a recorded picture.
#include "rdp/pointer_picture.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace gatehouse::rdp {
namespace {

class Pointer : public testing::Test {
 protected:
  static PointerShape square(std::uint8_t colour, std::uint8_t alpha = 255) {
    PointerShape shape{.width = 2, .height = 2, .hot_x = 1, .hot_y = 1, .pixels = {}};
    for (int i = 0; i < 4; ++i) shape.pixels.insert(shape.pixels.end(), {colour, colour, colour, alpha});
    return shape;
  }
  Canvas canvas() { return {pixels_.data(), 8, 8}; }
  std::uint8_t at(std::size_t x, std::size_t y) const { return pixels_.at((y * 8 + x) * 4); }
  std::ptrdiff_t drawn() const { return 256 - std::count(pixels_.begin(), pixels_.end(), std::uint8_t{100}); }

  std::vector<std::uint8_t> pixels_ = std::vector<std::uint8_t>(256, 100);
  int changes_ = 0;
  PointerPicture pointer_{[this] { ++changes_; }};
};

TEST_F(Pointer, IsDrawnWhereItWasMovedWithItsHotSpotThere) {
  pointer_.set_shape(0, square(7));
  EXPECT_TRUE(pointer_.draw(canvas()).pixels.empty()) << "nobody knows where it is";
  pointer_.move_to(4, 4);
  const auto beneath = pointer_.draw(canvas());
  EXPECT_EQ(at(3, 3), 7);
  EXPECT_EQ(at(4, 4), 7);
  EXPECT_EQ(at(5, 5), 100);
  EXPECT_EQ(drawn(), 12);
  PointerPicture::restore(canvas(), beneath);
  EXPECT_EQ(drawn(), 0) << "what was beneath it is not back";
}

TEST_F(Pointer, IsCutOffAtEveryEdgeAndBeyond) {
  pointer_.set_shape(0, square(7));
  for (const auto& [x, y] : {std::pair{0, 0}, {8, 8}, {0, 8}, {100'000, 3}, {-5, -5}, {65'535, 65'535}}) {
    pointer_.move_to(x, y);
    PointerPicture::restore(canvas(), pointer_.draw(canvas()));
    EXPECT_EQ(drawn(), 0) << x << " " << y;
  }
}

TEST_F(Pointer, ItsShapesComeFromTheCacheOrAreHidden) {
  pointer_.move_to(4, 4);
  pointer_.set_shape(0, square(7));
  pointer_.set_shape(5, square(9));
  pointer_.use_slot(0);
  PointerPicture::restore(canvas(), pointer_.draw(canvas()));
  pointer_.use_slot(77);  // there is nothing
  static_cast<void>(pointer_.draw(canvas()));
  EXPECT_EQ(at(4, 4), 7);
  pointer_.hide();
  EXPECT_TRUE(pointer_.draw(canvas()).pixels.empty());
  pointer_.use_arrow();
  EXPECT_FALSE(pointer_.draw(canvas()).pixels.empty());
}

TEST_F(Pointer, IsMixedWithWhatIsBeneathIt) {
  pointer_.set_shape(0, square(200, 128));
  pointer_.move_to(4, 4);
  static_cast<void>(pointer_.draw(canvas()));
  EXPECT_NEAR(at(4, 4), 150, 1);
}

TEST_F(Pointer, TellsWhenItWouldLookOtherwise) {
  pointer_.move_to(1, 1);
  pointer_.move_to(1, 1);
  EXPECT_EQ(changes_, 1);
  pointer_.use_arrow();
  EXPECT_EQ(changes_, 1) << "it was the arrow before";
  pointer_.move_by(3, -9);
  EXPECT_EQ(changes_, 2);
}

TEST_F(Pointer, ShapesThatNoPointerHasAreNotTaken) {
  pointer_.move_to(4, 4);
  pointer_.hide();
  pointer_.set_shape(0, {.width = 4, .height = 4, .pixels = std::vector<std::uint8_t>(63)});
  pointer_.set_shape(PointerPicture::slots, square(7));
  pointer_.set_shape(0, {.width = 385, .height = 1, .pixels = std::vector<std::uint8_t>(385 * 4)});
  EXPECT_TRUE(pointer_.draw(canvas()).pixels.empty());
}

TEST_F(Pointer, ACacheOfLargeShapesIsBounded) {
  const std::vector<std::uint8_t> pixels(std::size_t{384} * 384 * 4, 7);
  pointer_.move_to(4, 4);
  for (std::uint32_t slot = 0; slot < PointerPicture::slots; ++slot) {
    pointer_.set_shape(slot, {.width = 384, .height = 384, .pixels = pixels});
  }
  pointer_.hide();
  pointer_.use_slot(PointerPicture::slots - 1);
  EXPECT_TRUE(pointer_.draw(canvas()).pixels.empty()) << "all were kept";
  pointer_.use_slot(0);
  EXPECT_FALSE(pointer_.draw(canvas()).pixels.empty());
  pointer_.set_shape(0, square(9));
  pointer_.set_shape(PointerPicture::slots - 1, square(8));
  pointer_.use_slot(0);
  pointer_.use_slot(PointerPicture::slots - 1);
  static_cast<void>(pointer_.draw(canvas()));
  EXPECT_EQ(at(4, 4), 8) << "what became free is not used";
}

}  // namespace
}  // namespace gatehouse::rdp
