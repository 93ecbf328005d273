// What keeps secrets in the store: sealed with a key that lies outside of it, in a file of the state directory. A copy
// of the database alone opens nothing.
//
// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) of libsodium, a random nonce each; what is sealed is bound to its
// context (whose it is), so that rows cannot be exchanged for each other.
//
// The key file holds 32 random bytes, made at the first use, mode 0600. One that others can read, that is no plain file
// or belongs to another user is refused.
//
// Threads: any, once opened. Errors name the file and the mend, never what was sealed.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gatehouse::rdp {

// Text that is wiped when it is done with. Moved, never copied.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  ~Secret() { wipe(); }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  void wipe();
  std::string text_;
};

class SecretBox {
 public:
  // Makes the key where there is none.
  static Result<SecretBox> open(const std::filesystem::path& key_file);
  ~SecretBox();
  SecretBox(const SecretBox&) = delete;
  SecretBox& operator=(const SecretBox&) = delete;
  SecretBox(SecretBox&& other) noexcept;
  SecretBox& operator=(SecretBox&&) = delete;

  [[nodiscard]] std::string seal(std::string_view secret, std::string_view context) const;
  // Error: it was sealed with another key or for another context, or is damaged.
  [[nodiscard]] Result<Secret> open_sealed(const std::string& sealed, std::string_view context) const;

 private:
  SecretBox() = default;
  std::array<std::uint8_t, 32> key_{};
  std::filesystem::path file_;
};

}  // namespace gatehouse::rdp
