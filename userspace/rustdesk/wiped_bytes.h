// Bytes of a secret: wiped when done with, moved and never copied.
#pragma once

#include <array>

#include "rustdesk/bytes.h"

namespace gatehouse::rustdesk {

void wipe(std::span<std::uint8_t> bytes);

template <std::size_t N>
class WipedBytes {
 public:
  WipedBytes() = default;
  ~WipedBytes() { wipe(bytes_); }
  WipedBytes(const WipedBytes&) = delete;
  WipedBytes& operator=(const WipedBytes&) = delete;
  WipedBytes(WipedBytes&& other) noexcept : bytes_(other.bytes_) { wipe(other.bytes_); }
  WipedBytes& operator=(WipedBytes&& other) noexcept {
    if (this == &other) return *this;
    bytes_ = other.bytes_;
    wipe(other.bytes_);
    return *this;
  }

  [[nodiscard]] std::uint8_t* data() { return bytes_.data(); }
  [[nodiscard]] const std::uint8_t* data() const { return bytes_.data(); }
  static constexpr std::size_t size() { return N; }

 private:
  std::array<std::uint8_t, N> bytes_{};
};

}  // namespace gatehouse::rustdesk
