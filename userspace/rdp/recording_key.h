// The keys that sign recordings: Ed25519 (RFC 8032). The gateway has one of its own, in a file that the daemon alone
// reads (PKCS #8 in PEM, RFC 8410); each recording gets a pair that is made for it, whose secret half its worker has
// and nobody keeps. So a worker can sign nothing but its own session.
//
// Threads: any. Errors name the file. A secret is never part of one.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gatehouse::rdp {

using PublicKey = std::array<std::uint8_t, 32>;
using Signature = std::array<std::uint8_t, 64>;

class SigningKey {
 public:
  static SigningKey make();
  static Result<SigningKey> of_secret(std::string_view hexadecimal);
  // Of the file; where there is none it is made, readable by its owner alone. One that others can read is refused.
  static Result<SigningKey> open(const std::filesystem::path& file);
  SigningKey(SigningKey&& other) noexcept : secret_(other.secret_), public_(other.public_) { other.wipe(); }
  SigningKey& operator=(SigningKey&&) = delete;
  SigningKey(const SigningKey&) = delete;
  SigningKey& operator=(const SigningKey&) = delete;
  ~SigningKey() { wipe(); }

  [[nodiscard]] const PublicKey& public_key() const { return public_; }
  [[nodiscard]] Signature sign(std::span<const std::uint8_t> message) const;
  [[nodiscard]] std::string secret() const;  // 64 hexadecimal digits, for of_secret()

 private:
  explicit SigningKey(const std::array<std::uint8_t, 32>& secret);
  void wipe();

  std::array<std::uint8_t, 32> secret_;
  PublicKey public_{};
};

bool is_signed_by(const PublicKey& key, std::span<const std::uint8_t> message, const Signature& signature);

// As `openssl pkey -pubin` reads it.
std::string pem_of(const PublicKey& key);
Result<PublicKey> public_key_of(const std::string& pem);

std::string hexadecimal(std::span<const std::uint8_t> bytes);
bool read_hexadecimal(std::string_view text, std::span<std::uint8_t> bytes);  // of exactly that length, small letters
template <std::size_t size>
std::optional<std::array<std::uint8_t, size>> bytes_of_hexadecimal(std::string_view text) {
  std::array<std::uint8_t, size> bytes{};
  if (!read_hexadecimal(text, bytes)) return std::nullopt;
  return bytes;
}
inline std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace gatehouse::rdp
