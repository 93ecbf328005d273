// Memory for tables that are read at random: asks the kernel for huge pages (transparent_hugepage is "madvise" or
// "always"), so that a question does not cost a walk through page tables for each record besides the record itself.
// Without them it is ordinary memory.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <new>

namespace gatehouse::rustdesk {

inline constexpr std::size_t huge_page = std::size_t{2} << 20U;

// Uninitialized; to be freed by std::free(). What is smaller than a huge page is aligned as malloc() has it.
inline void* allocate_huge(std::size_t bytes) {
  if (bytes < huge_page) {
    void* memory = std::malloc(bytes);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
  }
  const auto whole = (bytes + huge_page - 1) / huge_page * huge_page;
  void* memory = std::aligned_alloc(huge_page, whole);
  if (memory == nullptr) throw std::bad_alloc();
  static_cast<void>(::madvise(memory, whole, MADV_HUGEPAGE));  // a kernel without them has ordinary pages
  return memory;
}

// For containers.
template <typename T>
struct HugeAllocator {
  using value_type = T;

  HugeAllocator() = default;
  template <typename Other>
  // NOLINTNEXTLINE(google-explicit-constructor): as the standard wants it
  HugeAllocator(const HugeAllocator<Other>&) {}

  T* allocate(std::size_t count) { return static_cast<T*>(allocate_huge(count * sizeof(T))); }
  void deallocate(T* memory, std::size_t) { std::free(memory); }
  friend bool operator==(const HugeAllocator&, const HugeAllocator&) { return true; }
};

}  // namespace gatehouse::rustdesk
