#include "rdp/nt_hash.h"

#include <nettle/md4.h>
#include <sodium.h>

#include <array>
#include <cstdint>
#include <vector>

namespace gatehouse::rdp {
namespace {

constexpr std::size_t longest_password = 256;  // PWLEN, in units of UTF-16
constexpr char32_t none = 0xFFFFFFFF;

// RFC 3629. Takes the character off the front; `none` where there is none.
char32_t take_character(std::string_view& text) {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t length = first < 0x80        ? 1
                             : first >> 5U == 6  ? 2
                             : first >> 4U == 14 ? 3
                             : first >> 3U == 30 ? 4
                                                 : 0;
  if (length == 0 || text.size() < length) return none;
  char32_t value = length == 1 ? first : first & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xC0U) != 0x80) return none;
    value = value << 6U | (next & 0x3FU);
  }
  constexpr std::array<char32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
  if (value < least.at(length) || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) return none;
  text.remove_prefix(length);
  return value;
}

void append(std::vector<std::uint8_t>& bytes, std::uint32_t unit) {
  bytes.push_back(static_cast<std::uint8_t>(unit));
  bytes.push_back(static_cast<std::uint8_t>(unit >> 8U));
}

// Empty: no UTF-8. Its memory is taken once, so that nothing is left of it elsewhere.
std::vector<std::uint8_t> utf16_of(std::string_view text) {
  std::vector<std::uint8_t> bytes;
  bytes.reserve(text.size() * 4);
  while (!text.empty()) {
    const auto character = take_character(text);
    if (character == none) return {};
    if (character >= 0x10000) {
      append(bytes, 0xD800 + ((character - 0x10000) >> 10U));
      append(bytes, 0xDC00 + ((character - 0x10000) & 0x3FFU));
    } else {
      append(bytes, character);
    }
  }
  return bytes;
}

}  // namespace

Result<void> check_password(std::string_view password) {
  if (password.empty()) return failure("the password is empty", "give one");
  auto units = utf16_of(password);
  const bool fits = units.size() <= longest_password * 2;
  const bool read = !units.empty();
  ::sodium_memzero(units.data(), units.size());
  if (!read) return failure("the password is no UTF-8", "give it in UTF-8");
  if (!fits) return failure("the password is longer than 256 characters", "give a shorter one");
  for (const char c : password) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return failure("the password has a control character", "give it as it is typed, on one line");
    }
  }
  return {};
}

Secret nt_hash(std::string_view password) {
  auto units = utf16_of(password);
  md4_ctx context{};
  std::array<std::uint8_t, MD4_DIGEST_SIZE> digest{};
  ::nettle_md4_init(&context);
  ::nettle_md4_update(&context, units.size(), units.data());
  ::nettle_md4_digest(&context, digest.size(), digest.data());
  std::string text(digest.size() * 2 + 1, '\0');
  ::sodium_bin2hex(text.data(), text.size(), digest.data(), digest.size());
  text.pop_back();
  ::sodium_memzero(units.data(), units.size());
  ::sodium_memzero(&context, sizeof context);
  ::sodium_memzero(digest.data(), digest.size());
  Secret secret(std::move(text));
  return secret;
}

}  // namespace gatehouse::rdp
