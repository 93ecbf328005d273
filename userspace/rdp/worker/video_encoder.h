// Pictures into H.264 in fragmented MP4: what comes out is whole pieces (a header, then fragments), each of which a
// player can take as soon as it is there. Times are milliseconds and may have any distance.
//
// Threads: one. Errors: what the encoder says.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "rdp/worker/frame_sink.h"

namespace gatehouse::rdp {

class VideoEncoder {
 public:
  static Result<std::unique_ptr<VideoEncoder>> open(std::uint32_t width, std::uint32_t height);
  ~VideoEncoder();
  VideoEncoder(const VideoEncoder&) = delete;
  VideoEncoder& operator=(const VideoEncoder&) = delete;

  // Of the size that it was opened with; `time` grows from call to call.
  Result<void> add(const Picture& picture, std::int64_t time, bool key_frame);
  // What was added since the last call, as a fragment.
  Result<std::vector<std::uint8_t>> take_fragment();
  Result<std::vector<std::uint8_t>> finish();

 private:
  class Impl;
  explicit VideoEncoder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gatehouse::rdp
