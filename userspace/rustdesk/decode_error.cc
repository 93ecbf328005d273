#include "rustdesk/decode_error.h"

namespace gatehouse::rustdesk {
namespace {

constexpr std::array<std::string_view, decode_error_count> words{
    "too_long",  "truncated",       "long_varint",     "field_number", "wire_type", "group",
    "no_member", "several_members", "duplicate_field", "number_range", "text",      "name_too_long"};

}  // namespace

std::string_view to_text(DecodeError error) {
  return words.at(static_cast<std::size_t>(error));
}

}  // namespace gatehouse::rustdesk
