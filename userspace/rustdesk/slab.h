// Records in chunks that never move, named by numbers; and lists through them whose links are numbers in the records.
// A million of them grow without a pause and cost two loads each.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace gatehouse::rustdesk {

using Slot = std::uint32_t;
inline constexpr Slot no_slot = 0xFFFFFFFFU;

template <typename T>
class Slab {
 public:
  T& operator[](Slot slot) { return (*chunks_[slot / chunk_size])[slot % chunk_size]; }
  const T& operator[](Slot slot) const { return (*chunks_[slot / chunk_size])[slot % chunk_size]; }

  // A record as T{} is.
  Slot add() {
    ++size_;
    if (!free_.empty()) {
      const auto slot = free_.back();
      free_.pop_back();
      return slot;
    }
    if (end_ % chunk_size == 0) chunks_.push_back(std::make_unique<Chunk>());
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
  static constexpr std::size_t chunk_size = 1024;
  using Chunk = std::array<T, chunk_size>;

  std::vector<std::unique_ptr<Chunk>> chunks_;
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
