#include "policy/bans.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

#include "policy/address_mask.h"

// A table is a tree of fixed shape: 64 nodes, 64 shards each, and each shard a small open-addressing hash table. A
// change copies the nodes and shards on its way (some 20 KiB at a million bans) and shares the rest.
//
// All networks of one class of prefix lengths that lie in the same network of the class's shortest length share a
// shard: 192.0.2.0/24 and what is inside it, for example. So an address finds every candidate of a class in one place,
// and the shard says which lengths it holds at all. No class can crowd a shard: at most 131,071 networks fit into one
// network of its shortest length, 511 with IPv4.

namespace gatehouse::policy {
namespace {

constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

struct LengthClass {
  std::uint8_t shortest;
  std::uint8_t longest;
  bool v4;
  bool v6;
};
// Longest first. Lengths count bits of the 16-byte form.
constexpr std::array<LengthClass, 13> classes{{
    {128, 128, true, true},
    {120, 127, true, false},
    {112, 119, true, false},
    {104, 111, true, false},
    {96, 103, true, false},
    {112, 127, false, true},
    {96, 111, false, true},
    {80, 95, false, true},
    {64, 79, false, true},
    {48, 63, false, true},
    {32, 47, false, true},
    {16, 31, false, true},
    {0, 15, false, true},
}};

std::size_t class_of(const Prefix& network) {
  const bool v4 = network.is_v4();
  std::size_t at = 0;
  while (network.length < classes[at].shortest || !(v4 ? classes[at].v4 : classes[at].v6)) ++at;
  return at;
}

bool is_wider_than_v4(const Prefix& network) {
  return network.length < 96 && network.contains(Address::from_v4(0));
}

// Its upper twelve bits choose node and shard.
std::size_t place_of(const Address& address, std::size_t class_index) {
  const Address region = masked(address, classes[class_index].shortest);
  return hash_bytes16(region.bytes, class_index + 1) >> 52U;
}

// Inside a shard: the next eight bits are the tag, the lowest choose the slot.
std::uint64_t slot_hash_of(const Address& network, std::uint8_t length) {
  return hash_bytes16(network.bytes, 256U + length);
}
std::uint8_t tag_of(std::uint64_t hash) {
  return static_cast<std::uint8_t>(hash >> 44U) | 1U;
}

}  // namespace

struct BanTable::Slot {
  Address network;
  std::uint8_t length = 0;
  std::uint64_t id = 0;
  std::int64_t expires = never;  // milliseconds, as WallTime counts

  [[nodiscard]] Ban ban() const {
    Ban ban{id, {network, length}, std::nullopt};
    if (expires != never) ban.expires = WallTime(Duration(expires));
    return ban;
  }
};

// One shard on its own, while it is being changed.
struct BanTable::Shard {
  explicit Shard(std::size_t expected) {
    const std::size_t capacity = expected == 0 ? 0 : std::bit_ceil(expected + expected / 2 + 1);
    tags.resize(capacity);
    slots.resize(capacity);
  }

  [[nodiscard]] std::size_t locate(const Address& network, std::uint8_t length) const {
    return find_slot(tags.data(), slots.data(), tags.size() - 1, network, length, slot_hash_of(network, length));
  }

  void put(const Slot& slot) {
    const std::size_t at = locate(slot.network, slot.length);
    tags[at] = tag_of(slot_hash_of(slot.network, slot.length));
    slots[at] = slot;
    const std::size_t class_index = class_of({slot.network, slot.length});
    lengths[class_index] =
        static_cast<std::uint16_t>(lengths[class_index] | 1U << (slot.length - classes[class_index].shortest));
  }

  // The slot of this network, or the free one where it would stand.
  static std::size_t find_slot(const std::uint8_t* tags, const Slot* slots, std::size_t mask, const Address& network,
                               std::uint8_t length, std::uint64_t hash) {
    const std::uint8_t tag = tag_of(hash);
    std::size_t at = hash & mask;
    while (tags[at] != 0 && (tags[at] != tag || slots[at].length != length || slots[at].network != network)) {
      at = (at + 1) & mask;
    }
    return at;
  }

  std::array<std::uint16_t, class_count> lengths{};  // of each class: bit n: there is one of its shortest length + n
  std::vector<std::uint8_t> tags;                    // 0: free. A power of two of them, never all taken; none: empty
  std::vector<Slot> slots;
};

// The tags of all shards of a node lie together: they are what most questions end at, so they should fill few pages.
struct BanTable::Node {
  struct Entry {
    std::uint32_t first_tag = 0;
    std::uint32_t capacity = 0;
    std::array<std::uint16_t, class_count> lengths{};
  };
  std::array<Entry, fan_out> entries;
  std::vector<std::uint8_t> tags;
  std::array<std::shared_ptr<const std::vector<Slot>>, fan_out> slots;

  [[nodiscard]] std::span<const std::uint8_t> tags_of(std::size_t shard) const {
    return {tags.data() + entries[shard].first_tag, entries[shard].capacity};
  }
};

struct BanTable::Change {
  std::size_t place = 0;
  Slot slot;
  bool removes = false;

  static Change of(const Prefix& network, std::uint64_t id, std::int64_t expires, bool removes) {
    const Prefix clean{masked(network.address, network.length), network.length};
    return {place_of(clean.address, class_of(clean)), {clean.address, clean.length, id, expires}, removes};
  }
};

BanTable::BanTable() : names_(std::make_shared<const NameBans>()) {}

BanTable::BanTable(std::span<const Ban> bans) : BanTable() {
  apply(bans, {});
}

std::size_t BanTable::size() const {
  return size_;
}

std::shared_ptr<const BanTable> BanTable::with(std::span<const Ban> added, std::span<const Prefix> removed) const {
  auto table = std::make_shared<BanTable>(*this);
  table->apply(added, removed);
  return table;
}

std::shared_ptr<const BanTable> BanTable::with_names(NameBans names) const {
  auto table = std::make_shared<BanTable>(*this);
  table->names_ = std::make_shared<const NameBans>(std::move(names));
  return table;
}

void BanTable::apply(std::span<const Ban> added, std::span<const Prefix> removed) {
  std::vector<Change> changes;
  changes.reserve(added.size() + removed.size());
  for (const auto& network : removed) changes.push_back(Change::of(network, 0, never, true));
  for (const auto& ban : added) {
    const std::int64_t expires = ban.expires ? ban.expires->time_since_epoch().count() : never;
    changes.push_back(Change::of(ban.network, ban.id, expires, false));
  }
  std::stable_sort(changes.begin(), changes.end(), [](const Change& a, const Change& b) { return a.place < b.place; });

  for (auto from = changes.begin(); from != changes.end();) {
    const std::size_t node = from->place / fan_out;
    const auto to =
        std::find_if(from, changes.end(), [&](const Change& change) { return change.place / fan_out != node; });
    nodes_.at(node) = changed_node(nodes_.at(node).get(), {from, to});
    from = to;
  }
  list_classes();
}

std::shared_ptr<const BanTable::Node> BanTable::changed_node(const Node* old, std::span<const Change> changes) {
  auto node = std::make_shared<Node>();
  if (old != nullptr) node->tags.reserve(old->tags.size() + 1024);
  auto from = changes.begin();
  for (std::size_t at = 0; at < fan_out; ++at) {
    auto& entry = node->entries.at(at);
    entry.first_tag = static_cast<std::uint32_t>(node->tags.size());
    const auto to =
        std::find_if(from, changes.end(), [&](const Change& change) { return change.place % fan_out != at; });
    if (from != to) {
      Shard shard = changed(old, at, {from, to});
      entry.lengths = shard.lengths;
      node->tags.insert(node->tags.end(), shard.tags.begin(), shard.tags.end());
      node->slots.at(at) = std::make_shared<const std::vector<Slot>>(std::move(shard.slots));
    } else if (old != nullptr) {
      const auto tags = old->tags_of(at);
      entry.lengths = old->entries.at(at).lengths;
      node->tags.insert(node->tags.end(), tags.begin(), tags.end());
      node->slots.at(at) = old->slots.at(at);
    }
    entry.capacity = static_cast<std::uint32_t>(node->tags.size() - entry.first_tag);
    from = to;
  }
  return node;
}

BanTable::Shard BanTable::changed(const Node* old, std::size_t at_shard, std::span<const Change> changes) {
  constexpr std::uint8_t gone = 255;  // as a length: no such prefix
  const auto old_tags = old == nullptr ? std::span<const std::uint8_t>() : old->tags_of(at_shard);
  Shard wide(old_tags.size() + changes.size());
  std::size_t taken = 0;
  for (std::size_t at = 0; at < old_tags.size(); ++at) {
    if (old_tags[at] == 0) continue;
    wide.put((*old->slots.at(at_shard))[at]);
    ++taken;
  }
  for (const auto& change : changes) {
    const Prefix network{change.slot.network, change.slot.length};
    const std::size_t at = wide.locate(network.address, network.length);
    const bool there = wide.tags[at] != 0;
    if (change.removes) {
      if (!there) continue;
      count(network, -1);
      --taken;
      // Only marked: freeing the slot would cut the probe sequences that run through it.
      wide.slots[at].length = gone;
    } else {
      if (!there) {
        count(network, 1);
        ++taken;
      }
      wide.put(change.slot);
    }
  }
  Shard shard(taken);
  for (std::size_t at = 0; at < wide.tags.size(); ++at) {
    if (wide.tags[at] != 0 && wide.slots[at].length != gone) shard.put(wide.slots[at]);
  }
  return shard;
}

void BanTable::count(const Prefix& network, int difference) {
  const auto step = static_cast<std::uint32_t>(difference);  // unsigned arithmetic wraps: -1 takes one away
  counts_.at(class_of(network)) += step;
  if (is_wider_than_v4(network)) wider_than_v4_ += step;
  size_ = difference < 0 ? size_ - 1 : size_ + 1;
}

void BanTable::list_classes() {
  static_assert(classes.size() == class_count);
  v4_classes_ = {};
  v6_classes_ = {};
  for (std::size_t at = 0; at < classes.size(); ++at) {
    if (counts_.at(at) == 0) continue;
    const auto index = static_cast<std::uint8_t>(at);
    if (classes.at(at).v6) v6_classes_.classes.at(v6_classes_.size++) = index;
    if (classes.at(at).v4 || (wider_than_v4_ > 0 && classes.at(at).longest < 96)) {
      v4_classes_.classes.at(v4_classes_.size++) = index;
    }
  }
}

// visit(slot) -> bool: true ends the search. Longest first.
template <typename Visit>
void BanTable::each_covering(const Address& address, WallTime time, Visit&& visit) const {
  const std::int64_t moment = time.time_since_epoch().count();
  const ClassList& list = address.is_v4() ? v4_classes_ : v6_classes_;
  // In two rounds, so that the cache misses of all candidates wait for memory together, not in turn.
  struct Candidate {
    const std::uint8_t* tags;
    const Slot* slots;
    std::size_t mask;
    std::uint64_t hash;
    std::uint8_t length;
  };
  std::array<Candidate, 129> candidates;  // not initialised: of its 5 KiB few bytes are used
  std::size_t count = 0;
  for (std::size_t i = 0; i < list.size; ++i) {
    const std::size_t class_index = list.classes[i];
    const std::size_t place = place_of(address, class_index);
    const Node* node = nodes_[place / fan_out].get();
    if (node == nullptr) continue;
    const auto& entry = node->entries[place % fan_out];
    for (unsigned lengths = entry.lengths[class_index]; lengths != 0;) {
      const unsigned highest = static_cast<unsigned>(std::bit_width(lengths)) - 1;
      lengths &= ~(1U << highest);
      const auto length = static_cast<std::uint8_t>(classes[class_index].shortest + highest);
      const std::uint64_t hash = slot_hash_of(masked(address, length), length);
      const std::uint8_t* tags = node->tags.data() + entry.first_tag;
      const std::size_t mask = entry.capacity - 1;
      __builtin_prefetch(tags + (hash & mask));
      candidates[count++] = {tags, node->slots[place % fan_out]->data(), mask, hash, length};
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    const auto& [tags, slots, mask, hash, length] = candidates[i];
    const std::size_t at = Shard::find_slot(tags, slots, mask, masked(address, length), length, hash);
    if (tags[at] != 0 && slots[at].expires > moment && visit(slots[at])) return;
  }
}

void BanTable::prefetch(const Address& address) const {
  const std::size_t place = place_of(address, 0);
  const Node* node = nodes_[place / fan_out].get();
  if (node == nullptr) return;
  const auto& entry = node->entries[place % fan_out];
  if (entry.lengths[0] == 0) return;
  __builtin_prefetch(node->tags.data() + entry.first_tag + (slot_hash_of(address, 128) & (entry.capacity - 1)));
}

std::optional<Ban> BanTable::find(const Address& address, WallTime time) const {
  std::optional<Ban> found;
  each_covering(address, time, [&](const Slot& slot) {
    found = slot.ban();
    return true;
  });
  return found;
}

std::optional<WallTime> BanTable::covered_until(const Address& address, WallTime time) const {
  std::int64_t until = time.time_since_epoch().count();
  each_covering(address, time, [&](const Slot& slot) {
    until = std::max(until, slot.expires);
    return until == never;
  });
  if (until == never) return std::nullopt;
  return WallTime(Duration(until));
}

std::vector<Ban> BanTable::list() const {
  std::vector<Ban> bans;
  bans.reserve(size_);
  for (const auto& node : nodes_) {
    for (std::size_t shard = 0; node && shard < fan_out; ++shard) {
      const auto tags = node->tags_of(shard);
      for (std::size_t at = 0; at < tags.size(); ++at) {
        if (tags[at] != 0) bans.push_back((*node->slots.at(shard))[at].ban());
      }
    }
  }
  return bans;
}

}  // namespace gatehouse::policy
