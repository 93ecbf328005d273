#include "rustdesk/frames.h"

#include <algorithm>
#include <stdexcept>

namespace gatehouse::rustdesk {
namespace {

// Many connections are open and few have just sent something large.
constexpr std::size_t kept_capacity = 1024;

struct Sizes {
  std::size_t header = 0;
  std::size_t payload = 0;
};

// nullopt: the header is not whole.
std::optional<Sizes> read_header(Bytes bytes) {
  if (bytes.empty()) return std::nullopt;
  const std::size_t size = (bytes[0] & 3U) + 1;
  if (bytes.size() < size) return std::nullopt;
  std::size_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value |= std::size_t{bytes[i]} << 8 * i;
  return Sizes{.header = size, .payload = value >> 2U};
}

void move_some(Buffer& to, Bytes& from, std::size_t count) {
  const auto some = from.first(std::min(count, from.size()));
  to.insert(to.end(), some.begin(), some.end());
  from = from.subspan(some.size());
}

}  // namespace

void FrameReader::forget() {
  returned_ = false;
  if (held_.capacity() > kept_capacity) held_ = Buffer();
  held_.clear();
}

std::expected<std::optional<Frame>, DecodeError> FrameReader::next(Bytes& input) {
  if (returned_) forget();
  if (!held_.empty()) {
    const std::size_t header = (held_[0] & 3U) + 1;
    if (held_.size() < header) move_some(held_, input, header - held_.size());
  }
  const auto sizes = read_header(held_.empty() ? input : Bytes(held_));
  if (sizes && sizes->payload > longest_) return std::unexpected(DecodeError::too_long);
  const auto total = sizes ? sizes->header + sizes->payload : 0;
  if (sizes && held_.empty() && input.size() >= total) {
    const auto whole = input.first(total);
    input = input.subspan(total);
    return Frame{.payload = whole.subspan(sizes->header), .whole = whole};
  }
  // Without a whole header the input is all of one.
  move_some(held_, input, sizes ? total - held_.size() : input.size());
  if (!sizes || held_.size() < total) return std::nullopt;
  returned_ = true;
  return Frame{.payload = Bytes(held_).subspan(sizes->header), .whole = held_};
}

FrameHeader frame_header(std::size_t length) {
  if (length > largest_frame_length) throw std::length_error("a frame of RustDesk cannot be so long");
  const std::uint8_t size = length <= 0x3f ? 1 : length <= 0x3fff ? 2 : length <= 0x3fffff ? 3 : 4;
  const auto value = length << 2U | (size - 1U);
  FrameHeader header{.bytes = {}, .size = size};
  for (std::size_t i = 0; i < size; ++i) header.bytes.at(i) = static_cast<std::uint8_t>(value >> 8 * i);
  return header;
}

void put_frame(Buffer& to, Bytes payload) {
  const auto header = frame_header(payload.size());
  to.insert(to.end(), header.bytes.begin(), header.bytes.begin() + header.size);
  to.insert(to.end(), payload.begin(), payload.end());
}

Buffer to_frame(Bytes payload) {
  Buffer frame;
  frame.reserve(payload.size() + 4);
  put_frame(frame, payload);
  return frame;
}

}  // namespace gatehouse::rustdesk
