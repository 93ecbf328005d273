#include "admin/browser_logins.h"

#include <algorithm>

#include "admin/header_text.h"

namespace gatehouse::admin {
namespace {

constexpr std::string_view cookie_attributes = "; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=";

}  // namespace

std::optional<std::string_view> cookie_of(std::string_view header, std::string_view name) {
  while (!header.empty()) {
    const auto end = header.find(';');
    const auto pair = trimmed(header.substr(0, end));
    header = end == std::string_view::npos ? std::string_view() : header.substr(end + 1);
    const auto equals = pair.find('=');
    if (equals != std::string_view::npos && pair.substr(0, equals) == name) return pair.substr(equals + 1);
  }
  return std::nullopt;
}

std::string set_cookie(std::string_view secret) {
  return std::string(login_cookie) + "=" + std::string(secret) + std::string(cookie_attributes) +
         std::to_string(std::chrono::seconds(login_lasts).count());
}

std::string drop_cookie() {
  return std::string(login_cookie) + "=" + std::string(cookie_attributes) + "0";
}

std::string BrowserLogins::open(const TokenHash& token, WallTime now) {
  std::erase_if(by_hash_, [now](const auto& entry) { return entry.second.expires <= now; });
  if (by_hash_.size() >= most) {
    by_hash_.erase(std::ranges::min_element(by_hash_, {}, [](const auto& entry) { return entry.second.number; }));
  }
  auto secret = make_token();
  by_hash_[hash_of(secret)] = {.number = ++last_number_, .token = token, .expires = now + login_lasts};
  return secret;
}

const BrowserLogins::Login* BrowserLogins::find(std::string_view secret, WallTime now) const {
  const auto found = by_hash_.find(hash_of(secret));
  return found == by_hash_.end() || found->second.expires <= now ? nullptr : &found->second;
}

void BrowserLogins::close(std::uint64_t number) {
  std::erase_if(by_hash_, [number](const auto& entry) { return entry.second.number == number; });
}

}  // namespace gatehouse::admin
