// The frames of RustDesk over TCP (BytesCodec of hbb_common): the low two bits of the first byte are the number of
// header bytes less one, the rest of the little-endian header is the length of the payload. Headers longer than need be
// are taken, as hbbs takes them.
//
// An empty frame is a keep-alive, and a frame like any other. After the frames that the reader was asked for its input
// is untouched: on hbbr raw bytes follow the first one.
#pragma once

#include <array>
#include <expected>
#include <optional>

#include "rustdesk/bytes.h"
#include "rustdesk/decode_error.h"

namespace gatehouse::rustdesk {

inline constexpr std::size_t longest_frame = 65536;  // bytes of payload; far more than any message needs
inline constexpr std::size_t largest_frame_length = (std::size_t{1} << 30U) - 1;  // that a header can say

struct Frame {
  Bytes payload;
  Bytes whole;  // with the header as it came
};

// Reads frames from pieces as they come. It holds no more than what has come of one frame, whatever its header
// announces. Not for several threads at once.
class FrameReader {
 public:
  explicit FrameReader(std::size_t longest = longest_frame) : longest_(longest) {}

  // Takes the next frame from the front of `input`. nullopt: it is not whole yet, and all of `input` was taken. What is
  // returned lives until the next call, and as long as the bytes of `input`.
  // Error: too_long, as soon as the header says so; the stream is of no more use.
  std::expected<std::optional<Frame>, DecodeError> next(Bytes& input);

  [[nodiscard]] std::size_t held() const { return returned_ ? 0 : held_.size(); }  // bytes of a frame not yet whole

 private:
  void forget();

  std::size_t longest_;
  Buffer held_;
  bool returned_ = false;  // held_ is what the last call returned
};

struct FrameHeader {
  std::array<std::uint8_t, 4> bytes{};
  std::uint8_t size = 0;
};

// The shortest header. `length`: at most largest_frame_length, or std::length_error.
FrameHeader frame_header(std::size_t length);
void put_frame(Buffer& to, Bytes payload);
Buffer to_frame(Bytes payload);

}  // namespace gatehouse::rustdesk
