#include "kernel/bpf_map.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace gatehouse::kernel {
namespace {

// Large enough that a million entries cost a few hundred calls, small enough that the kernel's copy is not a burden.
constexpr std::size_t chunk = 4096;
// The kernel's ENOTSUPP, which user space has no name for: the map's type has no such operation.
constexpr int no_such_operation = 524;
// Holds the position of any map's batch: 4 bytes for hash tables, a key for the others.
using Position = std::array<std::uint8_t, 64>;

bool has_no_batches(int error_number) {
  return error_number == no_such_operation || error_number == EOPNOTSUPP || error_number == EINVAL;
}

}  // namespace

std::unexpected<Error> RawMap::failed(const char* operation, int error_number) const {
  const std::string what = "the kernel map " + name_ + ": " + operation;
  switch (error_number) {
    case E2BIG:
      return failure(what + ": it is full", "remove entries of it; its size is fixed");
    case ENOMEM:
      return failure(what + ": no memory in the kernel", "free memory, or have fewer entries");
    case EPERM:
      return system_failure(what, error_number, "run with CAP_BPF and CAP_NET_ADMIN");
    default:
      return system_failure(what, error_number);
  }
}

Result<void> RawMap::put(const void* key, const void* value) const {
  if (::bpf_map_update_elem(descriptor_.get(), key, value, BPF_ANY) != 0) return failed("put", errno);
  return {};
}

Result<bool> RawMap::erase(const void* key) const {
  if (::bpf_map_delete_elem(descriptor_.get(), key) == 0) return true;
  // A socket map answers EINVAL for a slot that is empty.
  if (errno == ENOENT || errno == EINVAL) return false;
  return failed("erase", errno);
}

Result<bool> RawMap::get(const void* key, void* value) const {
  if (::bpf_map_lookup_elem(descriptor_.get(), key, value) == 0) return true;
  if (errno == ENOENT) return false;
  return failed("get", errno);
}

Result<void> RawMap::put_many(const std::uint8_t* keys, const std::uint8_t* values, std::size_t count) const {
  std::size_t done = 0;
  bool batches = true;
  while (done < count) {
    if (batches) {
      auto size = static_cast<std::uint32_t>(std::min(chunk, count - done));
      const int failed_call = ::bpf_map_update_batch(descriptor_.get(), keys + done * key_bytes_,
                                                     values + done * value_bytes_, &size, nullptr);
      if (failed_call == 0) {
        done += size;
        continue;
      }
      const int error_number = errno;
      if (!has_no_batches(error_number)) {
        return failed(("put, after " + std::to_string(done + size) + " of " + std::to_string(count)).c_str(),
                      error_number);
      }
      batches = false;
    }
    if (auto put_one = put(keys + done * key_bytes_, values + done * value_bytes_); !put_one) {
      return failure(put_one.error().what + ", after " + std::to_string(done) + " of " + std::to_string(count),
                     put_one.error().mend);
    }
    ++done;
  }
  return {};
}

Result<std::size_t> RawMap::erase_many(const std::uint8_t* keys, std::size_t count) const {
  std::size_t done = 0;
  std::size_t erased = 0;
  bool batches = true;
  while (done < count) {
    if (batches) {
      auto size = static_cast<std::uint32_t>(std::min(chunk, count - done));
      const int failed_call = ::bpf_map_delete_batch(descriptor_.get(), keys + done * key_bytes_, &size, nullptr);
      const int error_number = errno;
      if (failed_call == 0) {
        done += size;
        erased += size;
        continue;
      }
      if (has_no_batches(error_number)) {
        batches = false;
      } else if (error_number == ENOENT) {
        // The batch ends before a key that is not there; that one is left out.
        done += size + 1;
        erased += size;
        continue;
      } else {
        return failed(("erase, after " + std::to_string(done + size) + " of " + std::to_string(count)).c_str(),
                      error_number);
      }
    }
    const auto found = erase(keys + done * key_bytes_);
    if (!found) return std::unexpected(found.error());
    ++done;
    if (*found) ++erased;
  }
  return erased;
}

Result<void> RawMap::each(const std::function<void(const std::uint8_t*, const std::uint8_t*)>& visit) const {
  std::size_t room = chunk;
  std::vector<std::uint8_t> keys(room * key_bytes_);
  std::vector<std::uint8_t> values(room * value_bytes_);
  Position position{};
  Position next{};
  bool first = true;
  while (true) {
    auto count = static_cast<std::uint32_t>(room);
    const int failed_call = ::bpf_map_lookup_batch(descriptor_.get(), first ? nullptr : position.data(), next.data(),
                                                   keys.data(), values.data(), &count, nullptr);
    const int error_number = failed_call == 0 ? 0 : errno;
    if (error_number == ENOSPC) {
      // One bucket of the hash table holds more than there is room for.
      room *= 2;
      keys.resize(room * key_bytes_);
      values.resize(room * value_bytes_);
      continue;
    }
    if (first && has_no_batches(error_number)) return each_singly(visit);
    if (error_number != 0 && error_number != ENOENT) return failed("list", error_number);
    for (std::size_t i = 0; i < count; ++i) visit(keys.data() + i * key_bytes_, values.data() + i * value_bytes_);
    if (error_number == ENOENT) return {};
    position = next;
    first = false;
  }
}

Result<void> RawMap::each_singly(const std::function<void(const std::uint8_t*, const std::uint8_t*)>& visit) const {
  std::vector<std::uint8_t> key(key_bytes_);
  std::vector<std::uint8_t> next(key_bytes_);
  std::vector<std::uint8_t> value(value_bytes_);
  const std::uint8_t* at = nullptr;
  while (::bpf_map_get_next_key(descriptor_.get(), at, next.data()) == 0) {
    key = next;
    at = key.data();
    const auto found = get(key.data(), value.data());
    if (!found) return std::unexpected(found.error());
    if (*found) visit(key.data(), value.data());
  }
  if (errno != ENOENT) return failed("list", errno);
  return {};
}

}  // namespace gatehouse::kernel
