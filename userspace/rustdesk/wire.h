// Fields of protobuf ("Protocol Buffers, Encoding"), read as strictly as one can without refusing what encoders write:
// shortest varints, no groups (so that nothing nests in a field that is skipped), field numbers of 1 to 2^29-1.
#pragma once

#include <expected>
#include <string_view>

#include "rustdesk/bytes.h"
#include "rustdesk/decode_error.h"

namespace gatehouse::rustdesk {

enum class WireType : std::uint8_t { varint = 0, fixed64 = 1, length_delimited = 2, fixed32 = 5 };

struct WireField {
  std::uint32_t number = 0;
  WireType type = WireType::varint;
  std::uint64_t value = 0;  // of a varint
  Bytes content;            // of a length_delimited one
  Bytes whole;              // tag included
};

class WireReader {
 public:
  explicit WireReader(Bytes bytes) : rest_(bytes) {}

  [[nodiscard]] bool done() const { return rest_.empty(); }
  // The next field; not when done(). After an error the reader is of no more use.
  std::expected<WireField, DecodeError> next();

 private:
  std::expected<std::uint64_t, DecodeError> varint();

  Bytes rest_;
};

// An int32, bool or open enum as the number that came; negative ones come as the 64-bit number with the same value.
std::expected<std::int32_t, DecodeError> to_int32(std::uint64_t value);

void put_varint(Buffer& to, std::uint64_t value);
void put_number(Buffer& to, std::uint32_t field, std::int32_t value);
void put_bytes(Buffer& to, std::uint32_t field, Bytes content);

inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace gatehouse::rustdesk
