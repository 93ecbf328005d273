// The video's clock is that of its pictures, whatever lies between them and wherever fragments end.
extern "C" {
#include <libavformat/avformat.h>
}

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "rdp/worker/video_encoder.h"
#include "support/directories.h"

namespace gatehouse::rdp {
namespace {

constexpr std::uint32_t picture_width = 64;
constexpr std::uint32_t picture_height = 48;

// Milliseconds from the first picture, as a player sees them.
std::vector<std::int64_t> times_in(const std::string& path) {
  AVFormatContext* opened = nullptr;
  if (avformat_open_input(&opened, path.c_str(), nullptr, nullptr) < 0) throw std::runtime_error("no video");
  const std::unique_ptr<AVFormatContext*, void (*)(AVFormatContext**)> close(&opened, avformat_close_input);
  std::vector<std::int64_t> times;
  AVPacket packet{};
  while (av_read_frame(opened, &packet) >= 0) {
    times.push_back(av_rescale_q(packet.pts, opened->streams[0]->time_base, {1, 1000}));
    av_packet_unref(&packet);
  }
  for (auto at = times.rbegin(); at != times.rend(); ++at) *at -= times.front();
  return times;
}

TEST(VideoEncoderClock, IsThatOfThePicturesWhateverLiesBetweenThem) {
  std::vector<std::uint8_t> pixels(std::size_t{4} * picture_width * picture_height);
  const test::TemporaryDirectory place;
  for (unsigned seed = 1; seed <= 40; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&random](unsigned limit) {
      return std::uniform_int_distribution<unsigned>(0, limit - 1)(random);
    };
    auto encoder = VideoEncoder::open(picture_width, picture_height);
    ASSERT_TRUE(encoder) << encoder.error().text();
    std::string video;
    std::vector<std::int64_t> expected;
    const auto keep = [&video](Result<std::vector<std::uint8_t>> piece) {
      ASSERT_TRUE(piece) << piece.error().text();
      video.append(piece->begin(), piece->end());
    };
    const std::int64_t began = below(10'000);
    auto time = began;
    for (int picture = 0; picture < 60; ++picture) {
      for (auto& byte : pixels) byte = static_cast<std::uint8_t>(below(256));
      ASSERT_TRUE((*encoder)->add({pixels.data(), picture_width, picture_height, std::size_t{4} * picture_width}, time,
                                  picture == 0 || below(10) == 0));
      expected.push_back(time - began);
      time += below(4) == 0 ? 1 + below(3000) : 1 + below(200);
      if (below(3) == 0) keep((*encoder)->take_fragment());
    }
    keep((*encoder)->finish());
    const auto file = place.write(std::to_string(seed) + ".mp4", video);
    EXPECT_EQ(times_in(file), expected) << "seed " << seed;
  }
}

}  // namespace
}  // namespace gatehouse::rdp
