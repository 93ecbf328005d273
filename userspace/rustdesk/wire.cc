#include "rustdesk/wire.h"

#include <limits>

namespace gatehouse::rustdesk {
namespace {

constexpr unsigned longest_varint = 10;
constexpr std::uint64_t largest_field_number = (1U << 29U) - 1;

void put_tag(Buffer& to, std::uint32_t field, WireType type) {
  put_varint(to, std::uint64_t{field} << 3U | static_cast<std::uint8_t>(type));
}

}  // namespace

std::expected<std::uint64_t, DecodeError> WireReader::varint() {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < rest_.size(); ++i) {
    const std::uint64_t byte = rest_[i];
    // Of the tenth byte one bit is left.
    if (i == longest_varint - 1 && byte > 1) return std::unexpected(DecodeError::long_varint);
    value |= (byte & 0x7fU) << 7 * i;
    if ((byte & 0x80U) != 0) continue;
    if (byte == 0 && i > 0) return std::unexpected(DecodeError::long_varint);
    rest_ = rest_.subspan(i + 1);
    return value;
  }
  return std::unexpected(DecodeError::truncated);
}

std::expected<WireField, DecodeError> WireReader::next() {
  const auto from = rest_;
  const auto tag = varint();
  if (!tag) return std::unexpected(tag.error());
  const auto number = *tag >> 3U;
  if (number == 0 || number > largest_field_number) return std::unexpected(DecodeError::field_number);
  WireField field;
  field.number = static_cast<std::uint32_t>(number);
  field.type = static_cast<WireType>(*tag & 7U);
  std::size_t size = 0;
  switch (*tag & 7U) {
    case 0: {
      const auto value = varint();
      if (!value) return std::unexpected(value.error());
      field.value = *value;
      break;
    }
    case 1:
      size = 8;
      break;
    case 2: {
      const auto length = varint();
      if (!length) return std::unexpected(length.error());
      if (*length > rest_.size()) return std::unexpected(DecodeError::truncated);
      size = *length;
      field.content = rest_.first(size);
      break;
    }
    case 3:
    case 4:
      return std::unexpected(DecodeError::group);
    case 5:
      size = 4;
      break;
    default:
      return std::unexpected(DecodeError::wire_type);
  }
  if (size > rest_.size()) return std::unexpected(DecodeError::truncated);
  rest_ = rest_.subspan(size);
  field.whole = from.first(from.size() - rest_.size());
  return field;
}

std::expected<std::int32_t, DecodeError> to_int32(std::uint64_t value) {
  const auto number = static_cast<std::int64_t>(value);
  if (number < std::numeric_limits<std::int32_t>::min() || number > std::numeric_limits<std::int32_t>::max()) {
    return std::unexpected(DecodeError::number_range);
  }
  return static_cast<std::int32_t>(number);
}

void put_varint(Buffer& to, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U) to.push_back(static_cast<std::uint8_t>(value | 0x80U));
  to.push_back(static_cast<std::uint8_t>(value));
}

void put_number(Buffer& to, std::uint32_t field, std::int32_t value) {
  put_tag(to, field, WireType::varint);
  put_varint(to, static_cast<std::uint64_t>(std::int64_t{value}));
}

void put_bytes(Buffer& to, std::uint32_t field, Bytes content) {
  put_tag(to, field, WireType::length_delimited);
  put_varint(to, content.size());
  to.insert(to.end(), content.begin(), content.end());
}

}  // namespace gatehouse::rustdesk
