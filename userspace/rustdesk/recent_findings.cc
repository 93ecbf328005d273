#include "rustdesk/recent_findings.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>

namespace gatehouse::rustdesk {
namespace {

constexpr std::size_t places = 16384;
constexpr Duration of_registrations = std::chrono::hours(1);
constexpr Duration of_others = std::chrono::seconds(30);

}  // namespace

RecentFindings::RecentFindings() : told_(places) {
  crypto_shorthash_keygen(key_.data());
}

bool RecentFindings::is_new(const Finding& finding, WallTime now) {
  // Who, what, whom; not through which connection, and not with which uuid, which is another one each time.
  std::array<unsigned char, 19 + 256> said{};
  std::memcpy(said.data(), finding.source.address.bytes.data(), 16);
  said[16] = static_cast<unsigned char>(finding.check);
  said[17] = static_cast<unsigned char>(finding.code);
  said[18] = finding.denied ? 1 : 0;
  const auto size = std::min<std::size_t>(finding.target.size(), said.size() - 19);
  std::memcpy(said.data() + 19, finding.target.data(), size);
  std::uint64_t digest = 0;
  // NOLINTNEXTLINE: the digest's bytes
  crypto_shorthash(reinterpret_cast<unsigned char*>(&digest), said.data(), 19 + size, key_.data());
  auto& told = told_[digest % places];
  const auto window = finding.check == Check::registration ? of_registrations : of_others;
  if (told.digest == digest && now - told.at < window) return false;
  told = {digest, now};
  return true;
}

}  // namespace gatehouse::rustdesk
