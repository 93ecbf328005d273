// Why bytes are no message of RustDesk, for counters: a decoder in the path must refuse whatever two decoders could
// read in two ways.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace gatehouse::rustdesk {

enum class DecodeError : std::uint8_t {
  too_long,         // the message is longer than the caller takes
  truncated,        // it ends within a field
  long_varint,      // a varint with more bytes than its number needs, or of more than 64 bits
  field_number,     // field number 0, or one of more than 29 bits
  wire_type,        // a wire type that does not exist, or not that of a field that we know
  group,            // start or end of a group: proto3 has none
  no_member,        // nothing in the union
  several_members,  // more than one member of a union
  duplicate_field,  // a field that is not repeated comes twice
  number_range,     // a number that its field cannot hold (a bool of 2, an int32 of 40 bits)
  text,             // a string that is not UTF-8
  name_too_long,    // an id, uuid or key longer than longest_name
};

inline constexpr std::size_t decode_error_count = 12;

// The word of the enumerator ("long_varint").
std::string_view to_text(DecodeError error);

}  // namespace gatehouse::rustdesk
