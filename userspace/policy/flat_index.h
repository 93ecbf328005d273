// A hash table, filled once and then only read: open addressing, at most half full, keys and values side by side, so
// that a question costs one cache line as a rule. A value that converts to false means an empty slot and cannot be
// inserted.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <utility>
#include <vector>

namespace gatehouse::policy {

template <typename Key, typename Value, typename Hash = std::hash<Key>>
class FlatIndex {
 public:
  FlatIndex() : FlatIndex(0) {}
  explicit FlatIndex(std::size_t expected) : slots_(std::bit_ceil(expected * 2 + 8)), mask_(slots_.size() - 1) {}

  // A key that is there already gets the new value.
  void insert(const Key& key, const Value& value) {
    if (!value) throw std::logic_error("FlatIndex: this value means an empty slot");
    if ((size_ + 1) * 2 > slots_.size()) grow();
    Slot& slot = slots_[locate(key)];
    if (!slot.value) ++size_;
    slot = {key, value};
  }

  // nullptr: absent.
  [[nodiscard]] const Value* find(const Key& key) const {
    const Slot& slot = slots_[locate(key)];
    return slot.value ? &slot.value : nullptr;
  }

  // Starts to load what find(key) will read.
  void prefetch(const Key& key) const { __builtin_prefetch(&slots_[Hash{}(key)&mask_]); }

  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  struct Slot {
    Key key{};
    Value value{};
  };

  // The slot of this key, or the empty one where it would stand.
  [[nodiscard]] std::size_t locate(const Key& key) const {
    std::size_t at = Hash{}(key)&mask_;
    while (slots_[at].value && !(slots_[at].key == key)) at = (at + 1) & mask_;
    return at;
  }

  void grow() {
    FlatIndex larger(slots_.size());
    for (const auto& slot : slots_) {
      if (slot.value) larger.insert(slot.key, slot.value);
    }
    *this = std::move(larger);
  }

  std::vector<Slot> slots_;
  std::size_t mask_ = 0;
  std::size_t size_ = 0;
};

}  // namespace gatehouse::policy
