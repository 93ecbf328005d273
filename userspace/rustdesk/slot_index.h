// From a hash to the numbers of records (slab.h): open addressing, at most half full, eight bytes an entry. What a key
// is, the caller compares in the record. Clients choose the keys: the hash must be a keyed one.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "rustdesk/huge_memory.h"
#include "rustdesk/slab.h"

namespace gatehouse::rustdesk {

class SlotIndex {
 public:
  // The slot with this hash of which same(slot) is true, or no_slot.
  template <typename Same>
  [[nodiscard]] Slot find(std::uint64_t hash, Same&& same) const {
    const auto tag = static_cast<std::uint32_t>(hash);
    for (auto at = tag & mask_; entries_[at].slot != no_slot; at = (at + 1) & mask_) {
      if (entries_[at].tag == tag && same(entries_[at].slot)) return entries_[at].slot;
    }
    return no_slot;
  }

  // Starts to load what find() will read first.
  void prefetch(std::uint64_t hash) const { __builtin_prefetch(&entries_[static_cast<std::uint32_t>(hash) & mask_]); }
  // The first slot with this hash, which is as a rule the one that find() would find.
  [[nodiscard]] Slot guess(std::uint64_t hash) const {
    return find(hash, [](Slot) { return true; });
  }

  // The slot must not be there.
  void insert(std::uint64_t hash, Slot slot) {
    if ((size_ + 1) * 2 > entries_.size()) grow();
    place({static_cast<std::uint32_t>(hash), slot});
    ++size_;
  }

  // The slot must be there with this hash.
  void erase(std::uint64_t hash, Slot slot) {
    auto hole = static_cast<std::uint32_t>(hash) & mask_;
    while (entries_[hole].slot != slot) hole = (hole + 1) & mask_;
    // What stands behind the hole moves into it, unless it would come before its own place.
    for (auto at = (hole + 1) & mask_; entries_[at].slot != no_slot; at = (at + 1) & mask_) {
      const auto home = entries_[at].tag & mask_;
      if (((at - home) & mask_) < ((at - hole) & mask_)) continue;
      entries_[hole] = entries_[at];
      hole = at;
    }
    entries_[hole] = {};
    --size_;
  }

  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  struct Entry {
    std::uint32_t tag = 0;
    Slot slot = no_slot;
  };

  using Entries = std::vector<Entry, HugeAllocator<Entry>>;

  void place(const Entry& entry) {
    auto at = entry.tag & mask_;
    while (entries_[at].slot != no_slot) at = (at + 1) & mask_;
    entries_[at] = entry;
  }
  void grow() {
    const auto old = std::exchange(entries_, Entries(entries_.size() * 2));
    mask_ = static_cast<std::uint32_t>(entries_.size() - 1);
    for (const auto& entry : old) {
      if (entry.slot != no_slot) place(entry);
    }
  }

  Entries entries_ = Entries(16);
  std::uint32_t mask_ = 15;
  std::size_t size_ = 0;
};

}  // namespace gatehouse::rustdesk
