// Logins of browsers: a browser cannot send a token with a page's own requests, so it sends the token once and gets a
// cookie for it. The cookie is 32 random bytes; what is kept of it is its SHA-256, in memory only, so that a restart
// ends all logins. A login ends after eight hours, or with its token; it is no more than its token is, and less: it
// opens recordings only (admin/tls_server.h).
//
// The cookie (RFC 6265): no script sees it (HttpOnly), it goes over TLS only (Secure), with no request that another
// site has caused (SameSite=Strict), and to this host only ("__Host-", RFC 6265bis section 4.1.3.2).
//
// Threads: one. Time comes from the caller.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "admin/token.h"
#include "base/time.h"

namespace gatehouse::admin {

inline constexpr std::string_view login_cookie = "__Host-gatehouse";
inline constexpr std::chrono::hours login_lasts{8};

// The value of a cookie in a Cookie header (RFC 6265 section 4.2.1); of several of that name the first.
std::optional<std::string_view> cookie_of(std::string_view header, std::string_view name);

// Set-Cookie headers: of a new login, and to forget it.
std::string set_cookie(std::string_view secret);
std::string drop_cookie();

class BrowserLogins {
 public:
  static constexpr std::size_t most = 1024;  // then the oldest gives way

  struct Login {
    std::uint64_t number = 0;  // of this daemon's life, from 1
    TokenHash token{};
    WallTime expires;
  };

  // The cookie's value, told once.
  std::string open(const TokenHash& token, WallTime now);
  // nullptr: there is none, or it is over.
  [[nodiscard]] const Login* find(std::string_view secret, WallTime now) const;
  void close(std::uint64_t number);
  [[nodiscard]] std::size_t size() const { return by_hash_.size(); }

 private:
  std::map<TokenHash, Login> by_hash_;
  std::uint64_t last_number_ = 0;
};

}  // namespace gatehouse::admin
