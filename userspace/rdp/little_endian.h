// Numbers as the protocols of RDP write them: little-endian. Reading past the end gives zeros and is remembered, so
// that a parser reads its fields and asks once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace gatehouse::rdp {

using Bytes = std::span<const std::uint8_t>;

class LittleEndianReader {
 public:
  explicit LittleEndianReader(Bytes bytes) : rest_(bytes) {}

  std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
  std::uint64_t u64() { return number(8); }
  Bytes bytes(std::size_t count) {
    if (count > rest_.size()) {
      whole_ = false;
      count = rest_.size();
    }
    const auto taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  void skip(std::size_t count) { static_cast<void>(bytes(count)); }

  [[nodiscard]] Bytes rest() const { return rest_; }
  [[nodiscard]] bool whole() const { return whole_; }  // false: something was read past the end

 private:
  std::uint64_t number(std::size_t width) {
    std::uint64_t value = 0;
    const auto from = bytes(width);
    if (from.size() != width) return 0;
    for (std::size_t i = width; i-- > 0;) value = value << 8U | from[i];
    return value;
  }

  Bytes rest_;
  bool whole_ = true;
};

class LittleEndianWriter {
 public:
  LittleEndianWriter& u8(std::uint8_t value) { return number(value, 1); }
  LittleEndianWriter& u16(std::uint16_t value) { return number(value, 2); }
  LittleEndianWriter& u32(std::uint32_t value) { return number(value, 4); }
  LittleEndianWriter& bytes(Bytes value) {
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    return *this;
  }
  [[nodiscard]] std::vector<std::uint8_t> take() { return std::move(bytes_); }

 private:
  LittleEndianWriter& number(std::uint64_t value, unsigned width) {
    for (unsigned i = 0; i < width; ++i) bytes_.push_back(static_cast<std::uint8_t>(value >> 8U * i));
    return *this;
  }

  std::vector<std::uint8_t> bytes_;
};

}  // namespace gatehouse::rdp
