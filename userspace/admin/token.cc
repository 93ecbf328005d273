#include "admin/token.h"

#include <sodium.h>

#include <algorithm>

namespace gatehouse::admin {
namespace {

constexpr std::string_view token_prefix = "gatehouse_";
constexpr std::size_t random_bytes = 32;

std::string key_of(const TokenHash& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

}  // namespace

std::string make_token() {
  if (::sodium_init() < 0) throw std::runtime_error("libsodium cannot be used");
  std::array<std::uint8_t, random_bytes> secret{};
  ::randombytes_buf(secret.data(), secret.size());
  std::string text(sodium_base64_ENCODED_LEN(random_bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING), '\0');
  ::sodium_bin2base64(text.data(), text.size(), secret.data(), secret.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  ::sodium_memzero(secret.data(), secret.size());
  text.pop_back();  // the terminating zero
  return std::string(token_prefix) + text;
}

TokenHash hash_of(std::string_view token) {
  TokenHash hash{};
  ::crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(token.data()), token.size());
  return hash;
}

Result<std::string> parse_token_name(std::string_view text) {
  const auto usable = [](char each) {
    return (each >= 'a' && each <= 'z') || (each >= 'A' && each <= 'Z') || (each >= '0' && each <= '9') ||
           each == '.' || each == '_' || each == '-';
  };
  if (text.empty() || text.size() > longest_token_name || !std::ranges::all_of(text, usable)) {
    return failure("'" + std::string(text) + "' is not usable as a token's name",
                   "write up to " + std::to_string(longest_token_name) + " letters, digits, '.', '_' and '-'");
  }
  return std::string(text);
}

TokenTable::TokenTable(const std::vector<Token>& tokens) {
  for (const auto& token : tokens) by_hash_.emplace(key_of(token.hash), token);
}

const Token* TokenTable::find(std::string_view token) const {
  return find(hash_of(token));
}

const Token* TokenTable::find(const TokenHash& hash) const {
  const auto found = by_hash_.find(key_of(hash));
  return found == by_hash_.end() ? nullptr : &found->second;
}

}  // namespace gatehouse::admin
