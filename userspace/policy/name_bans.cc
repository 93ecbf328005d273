#include "policy/name_bans.h"

#include <algorithm>
#include <functional>

namespace gatehouse::policy {
namespace {

constexpr std::size_t places = 4096;

std::uint64_t key_of(Subject subject, std::string_view name) {
  return std::hash<std::string_view>{}(name) * 3 + static_cast<std::uint64_t>(subject);
}

// Its node and its shard there, as one number.
std::size_t place_of(std::uint64_t key) {
  return key % places;
}

template <typename Shard>
auto find_in(Shard& shard, std::uint64_t key, Subject subject, std::string_view name) {
  auto [at, end] = shard.equal_range(key);
  while (at != end && (at->second.subject != subject || at->second.name != name)) ++at;
  return at == end ? shard.end() : at;
}

}  // namespace

struct NameBans::Change {
  std::uint64_t key = 0;
  const NameBan* ban = nullptr;
  bool removes = false;

  static Change of(const NameBan& ban, bool removes) { return {key_of(ban.subject, ban.name), &ban, removes}; }
};

NameBans::NameBans(std::span<const NameBan> bans) {
  std::vector<Change> changes;
  changes.reserve(bans.size());
  for (const auto& ban : bans) changes.push_back(Change::of(ban, false));
  apply(std::move(changes));
}

NameBans NameBans::with(std::span<const NameBan> added, std::span<const NameBan> removed) const {
  std::vector<Change> changes;
  changes.reserve(added.size() + removed.size());
  for (const auto& ban : removed) changes.push_back(Change::of(ban, true));
  for (const auto& ban : added) changes.push_back(Change::of(ban, false));
  NameBans bans = *this;
  bans.apply(std::move(changes));
  return bans;
}

void NameBans::apply(std::vector<Change> changes) {
  std::ranges::stable_sort(changes, {}, [](const Change& change) { return place_of(change.key); });
  for (auto from = changes.begin(); from != changes.end();) {
    const auto place = place_of(from->key);
    const auto to =
        std::find_if(from, changes.end(), [&](const Change& change) { return place_of(change.key) != place; });
    auto& old_node = nodes_[place / fan_out];
    auto node = old_node ? std::make_shared<Node>(*old_node) : std::make_shared<Node>();
    auto& old_shard = (*node)[place % fan_out];
    auto shard = old_shard ? std::make_shared<Shard>(*old_shard) : std::make_shared<Shard>();
    apply_to(*shard, {from, to});
    old_shard = std::move(shard);
    old_node = std::move(node);
    from = to;
  }
}

void NameBans::apply_to(Shard& shard, std::span<const Change> changes) {
  for (const auto& change : changes) {
    const auto at = find_in(shard, change.key, change.ban->subject, change.ban->name);
    if (at != shard.end()) {
      shard.erase(at);
      --size_;
    }
    if (change.removes) continue;
    shard.emplace(change.key, *change.ban);
    ++size_;
  }
}

const NameBans::Shard* NameBans::shard_of(std::uint64_t key) const {
  const auto place = place_of(key);
  const auto& node = nodes_[place / fan_out];
  return node ? (*node)[place % fan_out].get() : nullptr;
}

std::vector<NameBan> NameBans::list() const {
  std::vector<NameBan> list;
  list.reserve(size_);
  for (const auto& node : nodes_) {
    if (!node) continue;
    for (const auto& shard : *node) {
      if (!shard) continue;
      for (const auto& [key, ban] : *shard) list.push_back(ban);
    }
  }
  return list;
}

std::vector<NameBan> NameBans::differing_from(const NameBans& old) const {
  static const Shard none;
  std::vector<NameBan> differing;
  for (std::size_t place = 0; place < places; ++place) {
    const auto& node = nodes_[place / fan_out];
    const auto& old_node = old.nodes_[place / fan_out];
    if (node == old_node) {
      place += fan_out - 1;
      continue;
    }
    const Shard* shard = node ? (*node)[place % fan_out].get() : nullptr;
    const Shard* old_shard = old_node ? (*old_node)[place % fan_out].get() : nullptr;
    if (shard == old_shard) continue;
    if (shard == nullptr) shard = &none;
    if (old_shard == nullptr) old_shard = &none;
    for (const auto& [key, ban] : *shard) {
      const auto at = find_in(*old_shard, key, ban.subject, ban.name);
      if (at == old_shard->end() || at->second != ban) differing.push_back(ban);
    }
    for (const auto& [key, ban] : *old_shard) {
      if (find_in(*shard, key, ban.subject, ban.name) == shard->end()) differing.push_back(ban);
    }
  }
  return differing;
}

const NameBan* NameBans::find(Subject subject, std::string_view name, WallTime time) const {
  if (empty()) return nullptr;
  const auto key = key_of(subject, name);
  const Shard* shard = shard_of(key);
  if (shard == nullptr) return nullptr;
  const auto at = find_in(*shard, key, subject, name);
  if (at == shard->end() || (at->second.expires && *at->second.expires <= time)) return nullptr;
  return &at->second;
}

}  // namespace gatehouse::policy
