#include "gate/reconnect_book.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

#include <array>
#include <stdexcept>
#include <utility>
#include <vector>

namespace gatehouse::gate {
namespace {

constexpr std::size_t random_bytes = 16;  // ArcRandomBits (MS-RDPBCGR 2.2.4.2)

std::string hexadecimal(const std::uint8_t* bytes, std::size_t count) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    text += digits[bytes[i] >> 4U];
    text += digits[bytes[i] & 15U];
  }
  return text;
}

std::array<std::uint8_t, random_bytes> bytes_of(const std::string& text) {
  const auto digit = [](char each) { return each <= '9' ? each - '0' : each - 'a' + 10; };
  std::array<std::uint8_t, random_bytes> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes.at(i) = static_cast<std::uint8_t>(digit(text.at(2 * i)) << 4 | digit(text.at(2 * i + 1)));
  }
  return bytes;
}

rdp::ReconnectCookie new_cookie(std::uint64_t session) {
  std::array<std::uint8_t, random_bytes> random{};
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    throw std::runtime_error("no random bytes for a reconnect cookie");
  }
  return {.logon_id = static_cast<std::uint32_t>(session), .random = hexadecimal(random.data(), random.size())};
}

// SecurityVerifier: HMAC-MD5 of the client's random, which with TLS is 32 zeroes (MS-RDPBCGR 5.5).
std::string verifier_of(const std::string& random) {
  const auto key = bytes_of(random);
  const std::array<std::uint8_t, 32> client_random{};
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  if (::HMAC(::EVP_md5(), key.data(), static_cast<int>(key.size()), client_random.data(), client_random.size(),
             digest.data(), &length) == nullptr) {
    return {};
  }
  return hexadecimal(digest.data(), length);
}

bool same_secret(const std::string& one, const std::string& other) {
  return !one.empty() && one.size() == other.size() && ::CRYPTO_memcmp(one.data(), other.data(), one.size()) == 0;
}

}  // namespace

ReconnectBook::Place ReconnectBook::begin(std::uint64_t session, Owner owner, std::function<void()> cut) {
  const std::lock_guard lock(mutex_);
  auto& entry = sessions_[session];
  entry = Entry{};
  entry.owner = std::move(owner);
  entry.place = {.session = session, .connection = 1, .cookie = new_cookie(session)};
  entry.cut = std::move(cut);
  return entry.place;
}

std::optional<ReconnectBook::Claim> ReconnectBook::claim(const rdp::ReconnectProof& proof, const Owner& owner) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [session, entry] : sessions_) {
    if (entry.place.cookie.logon_id != proof.logon_id) continue;
    if (entry.owner.user != owner.user || entry.owner.service != owner.service) continue;
    if (!same_secret(verifier_of(entry.place.cookie.random), proof.verifier)) continue;
    return Claim{session, entry.backend};
  }
  return std::nullopt;
}

void ReconnectBook::hand_over(Entry& entry, std::function<void()> cut) {
  ++entry.place.connection;
  entry.place.cookie = new_cookie(entry.place.session);
  entry.live = true;
  entry.cut = std::move(cut);
}

void ReconnectBook::take_over(std::uint64_t session, std::function<void()> cut, const Ready& ready) {
  std::function<void()> cut_former;
  std::optional<Place> place;
  bool waits = false;
  {
    const std::lock_guard lock(mutex_);
    const auto found = sessions_.find(session);
    if (found != sessions_.end() && !found->second.next) {
      auto& entry = found->second;
      if (entry.live) {
        entry.next_cut = std::move(cut);
        entry.next = ready;
        cut_former = entry.cut;
        waits = true;
      } else {
        hand_over(entry, std::move(cut));
        place = entry.place;
      }
    }
  }
  if (waits) return cut_former();
  ready(place);
}

void ReconnectBook::keep_backend_cookie(std::uint64_t session, const rdp::ReconnectCookie& cookie) {
  const std::lock_guard lock(mutex_);
  if (const auto found = sessions_.find(session); found != sessions_.end()) found->second.backend = cookie;
}

bool ReconnectBook::leave(std::uint64_t session, unsigned connection, std::uint64_t bytes_from_client,
                          std::uint64_t bytes_to_client, bool resumable) {
  Ready ready;
  std::optional<Place> place;
  {
    const std::lock_guard lock(mutex_);
    const auto found = sessions_.find(session);
    if (found == sessions_.end() || found->second.place.connection != connection) return true;
    auto& entry = found->second;
    entry.place.bytes_from_client += bytes_from_client;
    entry.place.bytes_to_client += bytes_to_client;
    ready = std::exchange(entry.next, nullptr);
    if (ready) {
      hand_over(entry, std::exchange(entry.next_cut, nullptr));
      place = entry.place;
    } else if (resumable) {
      entry.live = false;
      entry.cut = nullptr;
      ended_.push_back(session);
      forget_some();
    } else {
      sessions_.erase(found);
    }
  }
  if (!ready) return true;
  ready(place);
  return false;
}

void ReconnectBook::forget_some() {
  while (ended_.size() > most_ended) {
    const auto found = sessions_.find(ended_.front());
    ended_.pop_front();
    if (found != sessions_.end() && !found->second.live) sessions_.erase(found);
  }
}

}  // namespace gatehouse::gate
