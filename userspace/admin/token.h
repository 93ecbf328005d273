// Tokens of the API: what somebody shows who asks over TLS. A token is 32 random bytes, handed out once; what is kept
// is its SHA-256, from which nobody gets it back (it is no password: there is nothing to guess, so no slow hash is
// needed).
//
// Threads: any. A TokenTable never changes once it is made.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "admin/role.h"
#include "base/result.h"
#include "base/time.h"

namespace gatehouse::admin {

using TokenHash = std::array<std::uint8_t, 32>;

inline constexpr std::size_t longest_token_name = 64;

struct Token {
  std::string name;
  Role role = Role::viewer;
  TokenHash hash{};
  std::optional<WallTime> expires;  // nullopt: never
};

// "gatehouse_" and 43 characters of base64url (RFC 4648 section 5); the beginning lets scanners of secrets find it.
std::string make_token();
TokenHash hash_of(std::string_view token);

// Letters, digits, '.', '_' and '-'; it stands in authors and command lines.
Result<std::string> parse_token_name(std::string_view text);

class TokenTable {
 public:
  TokenTable() = default;
  explicit TokenTable(const std::vector<Token>& tokens);

  // Also of one that has run out: who asks looks at `expires`. nullptr: no such token.
  [[nodiscard]] const Token* find(std::string_view token) const;
  [[nodiscard]] const Token* find(const TokenHash& hash) const;

 private:
  std::unordered_map<std::string, Token> by_hash_;  // what is compared are hashes: its time tells nothing of a token
};

}  // namespace gatehouse::admin
