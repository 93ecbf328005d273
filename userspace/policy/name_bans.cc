#include "policy/name_bans.h"

#include <functional>

namespace gatehouse::policy {
namespace {

std::uint64_t key_of(Subject subject, std::string_view name) {
  return std::hash<std::string_view>{}(name) * 3 + static_cast<std::uint64_t>(subject);
}

template <typename Bans>
auto place_of(Bans& bans, Subject subject, std::string_view name) {
  auto [at, end] = bans.equal_range(key_of(subject, name));
  while (at != end && (at->second.subject != subject || at->second.name != name)) ++at;
  return at == end ? bans.end() : at;
}

}  // namespace

NameBans::NameBans(std::span<const NameBan> bans) {
  bans_.reserve(bans.size());
  for (const auto& ban : bans) put(ban);
}

void NameBans::put(const NameBan& ban) {
  take_out(ban.subject, ban.name);
  bans_.emplace(key_of(ban.subject, ban.name), ban);
}

void NameBans::take_out(Subject subject, std::string_view name) {
  if (const auto at = place_of(bans_, subject, name); at != bans_.end()) bans_.erase(at);
}

std::vector<NameBan> NameBans::list() const {
  std::vector<NameBan> list;
  list.reserve(bans_.size());
  for (const auto& [key, ban] : bans_) list.push_back(ban);
  return list;
}

const NameBan* NameBans::find(Subject subject, std::string_view name, WallTime time) const {
  if (bans_.empty()) return nullptr;
  const auto at = place_of(bans_, subject, name);
  if (at == bans_.end() || (at->second.expires && *at->second.expires <= time)) return nullptr;
  return &at->second;
}

NameBans NameBans::with(std::span<const NameBan> added, std::span<const NameBan> removed) const {
  NameBans bans = *this;
  for (const auto& ban : removed) bans.take_out(ban.subject, ban.name);
  for (const auto& ban : added) bans.put(ban);
  return bans;
}

}  // namespace gatehouse::policy
