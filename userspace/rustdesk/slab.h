// Records in chunks that never move, named by numbers; and lists through them whose links are numbers in the records.
// A million of them grow without a pause and cost two loads each.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "rustdesk/huge_memory.h"

namespace gatehouse::rustdesk {

using Slot = std::uint32_t;
inline constexpr Slot no_slot = 0xFFFFFFFFU;

template <typename T>
class Slab {
 public:
  Slab() = default;
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  ~Slab() {
    for (Slot slot = 0; slot < end_; ++slot) std::destroy_at(&(*this)[slot]);
    if (!chunks_.empty()) ::operator delete(chunks_.front());
    for (auto* block : blocks_) std::free(block);
  }

  T& operator[](Slot slot) { return chunks_[slot / chunk_size][slot % chunk_size]; }
  const T& operator[](Slot slot) const { return chunks_[slot / chunk_size][slot % chunk_size]; }

  // A record as T{} is.
  Slot add() {
    ++size_;
    if (!free_.empty()) {
      const auto slot = free_.back();
      free_.pop_back();
      return slot;
    }
    if (end_ % chunk_size == 0) add_chunk();
    std::construct_at(&(*this)[end_]);
    return end_++;
  }
  void remove(Slot slot) {
    (*this)[slot] = T{};
    free_.push_back(slot);
    --size_;
  }

  // Starts to load the record's beginning.
  void prefetch(Slot slot) const { __builtin_prefetch(&(*this)[slot]); }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] Slot end() const { return end_; }  // slots below it have been given out once

 private:
  static constexpr std::size_t chunk_size = std::bit_ceil(65536 / sizeof(T));
  static constexpr std::size_t chunks_of_block = 64;
  static_assert(alignof(T) <= alignof(std::max_align_t));

  // The first chunk by itself, since few records shall not cost a huge page; the others in blocks of huge pages.
  void add_chunk() {
    if (chunks_.empty()) {
      chunks_.push_back(static_cast<T*>(::operator new(chunk_size * sizeof(T))));
      return;
    }
    const auto place = (chunks_.size() - 1) % chunks_of_block;
    if (place == 0) blocks_.push_back(static_cast<T*>(allocate_huge(chunks_of_block * chunk_size * sizeof(T))));
    chunks_.push_back(blocks_.back() + place * chunk_size);
  }

  std::vector<T*> blocks_;
  std::vector<T*> chunks_;
  std::vector<Slot> free_;
  Slot end_ = 0;
  std::size_t size_ = 0;
};

struct Links {
  Slot previous = no_slot;
  Slot next = no_slot;
};

// A list whose links are the member `links` of the records.
struct List {
  Slot first = no_slot;
  Slot last = no_slot;

  [[nodiscard]] bool empty() const { return first == no_slot; }

  // Before the record `next`; no_slot: at the end.
  template <typename T>
  void insert(Slab<T>& slab, Links T::* links, Slot slot, Slot next) {
    const Slot previous = next == no_slot ? last : (slab[next].*links).previous;
    slab[slot].*links = {previous, next};
    (previous == no_slot ? first : (slab[previous].*links).next) = slot;
    (next == no_slot ? last : (slab[next].*links).previous) = slot;
  }
  template <typename T>
  void push_front(Slab<T>& slab, Links T::* links, Slot slot) {
    insert(slab, links, slot, first);
  }
  template <typename T>
  void remove(Slab<T>& slab, Links T::* links, Slot slot) {
    const auto [previous, next] = slab[slot].*links;
    (previous == no_slot ? first : (slab[previous].*links).next) = next;
    (next == no_slot ? last : (slab[next].*links).previous) = previous;
    slab[slot].*links = {};
  }
};

}  // namespace gatehouse::rustdesk
