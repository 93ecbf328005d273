// One kernel map, typed by the contract: single and batch operations, with a fallback to single ones where the kernel
// has no batches for the map's type (tries before 5.16).
//
// Ownership: the descriptor closes on destruction; the map lives on while it is pinned or a program uses it. Threads:
// any; the kernel serialises. Errors name the map, the operation and the kernel's reason. Facts: bpf(2),
// https://docs.kernel.org/bpf/maps.html. A batch lookup ends with ENOENT and a valid count.
#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace gatehouse::kernel {

// The untyped part: keys and values as bytes.
class RawMap {
 public:
  RawMap() = default;
  RawMap(Fd descriptor, std::string name, std::size_t key_bytes, std::size_t value_bytes)
      : descriptor_(std::move(descriptor)), name_(std::move(name)), key_bytes_(key_bytes), value_bytes_(value_bytes) {}

  [[nodiscard]] int descriptor() const { return descriptor_.get(); }
  [[nodiscard]] const std::string& name() const { return name_; }

  Result<void> put(const void* key, const void* value) const;
  Result<bool> erase(const void* key) const;             // false: it was not there
  Result<bool> get(const void* key, void* value) const;  // false: it is not there
  Result<void> put_many(const std::uint8_t* keys, const std::uint8_t* values, std::size_t count) const;
  Result<std::size_t> erase_many(const std::uint8_t* keys, std::size_t count) const;  // how many were there
  // Every entry once; entries that come or go meanwhile may or may not be seen.
  Result<void> each(const std::function<void(const std::uint8_t* key, const std::uint8_t* value)>& visit) const;

 private:
  [[nodiscard]] std::unexpected<Error> failed(const char* operation, int error_number) const;
  Result<void> each_singly(const std::function<void(const std::uint8_t*, const std::uint8_t*)>& visit) const;

  Fd descriptor_;
  std::string name_;
  std::size_t key_bytes_ = 0;
  std::size_t value_bytes_ = 0;
};

template <typename Key, typename Value>
class BpfMap {
  static_assert(std::is_trivially_copyable_v<Key> && std::is_trivially_copyable_v<Value>);

 public:
  using Entry = std::pair<Key, Value>;

  BpfMap() = default;
  BpfMap(Fd descriptor, std::string name) : map_(std::move(descriptor), std::move(name), sizeof(Key), sizeof(Value)) {}

  [[nodiscard]] const RawMap& raw() const { return map_; }

  Result<void> put(const Key& key, const Value& value) const { return map_.put(&key, &value); }
  Result<bool> erase(const Key& key) const { return map_.erase(&key); }
  Result<std::optional<Value>> get(const Key& key) const {
    Value value{};
    const auto found = map_.get(&key, &value);
    if (!found) return std::unexpected(found.error());
    return *found ? std::optional(value) : std::nullopt;
  }

  Result<void> put(std::span<const Entry> entries) const {
    std::vector<std::uint8_t> keys(entries.size() * sizeof(Key));
    std::vector<std::uint8_t> values(entries.size() * sizeof(Value));
    for (std::size_t i = 0; i < entries.size(); ++i) {
      std::memcpy(keys.data() + i * sizeof(Key), &entries[i].first, sizeof(Key));
      std::memcpy(values.data() + i * sizeof(Value), &entries[i].second, sizeof(Value));
    }
    return map_.put_many(keys.data(), values.data(), entries.size());
  }
  Result<std::size_t> erase(std::span<const Key> keys) const {
    std::vector<std::uint8_t> bytes(keys.size() * sizeof(Key));
    for (std::size_t i = 0; i < keys.size(); ++i) std::memcpy(bytes.data() + i * sizeof(Key), &keys[i], sizeof(Key));
    return map_.erase_many(bytes.data(), keys.size());
  }

  template <typename Visit>
  Result<void> each(Visit&& visit) const {
    return map_.each([&visit](const std::uint8_t* key_bytes, const std::uint8_t* value_bytes) {
      Key key{};
      Value value{};
      std::memcpy(&key, key_bytes, sizeof(Key));
      std::memcpy(&value, value_bytes, sizeof(Value));
      visit(key, value);
    });
  }
  Result<std::vector<Entry>> entries() const {
    std::vector<Entry> all;
    auto read = each([&all](const Key& key, const Value& value) { all.emplace_back(key, value); });
    if (!read) return std::unexpected(read.error());
    return all;
  }

 private:
  RawMap map_;
};

}  // namespace gatehouse::kernel
