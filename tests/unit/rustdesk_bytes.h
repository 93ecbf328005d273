// Bytes as people write them, for the tests of RustDesk's protocol.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#include "rustdesk/bytes.h"
#include "rustdesk/wire.h"

namespace gatehouse::rustdesk {

// "3a 02 10 01"; spaces are for the reader.
inline Buffer hex(std::string_view text) {
  std::string digits(text);
  std::erase(digits, ' ');
  Buffer bytes;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoul(digits.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}
inline std::string to_hex(Bytes bytes) {
  std::string text;
  for (const auto byte : bytes) {
    text += "0123456789abcdef"[byte >> 4U];
    text += "0123456789abcdef"[byte & 15U];
  }
  return text;
}
inline Buffer joined(std::initializer_list<Buffer> parts) {
  Buffer all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}
// A length-delimited field.
inline Buffer member(std::uint32_t number, const Buffer& content) {
  Buffer bytes;
  put_bytes(bytes, number, content);
  return bytes;
}
inline Buffer text_field(std::uint32_t number, std::string_view text) {
  Buffer bytes;
  put_bytes(bytes, number, as_bytes(text));
  return bytes;
}

}  // namespace gatehouse::rustdesk
