// The Unix socket of the API as a file: made so that at no moment anybody but its owner and its group can open it.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>

#include "base/fd.h"
#include "base/result.h"

namespace gatehouse::admin {

// Owns the descriptor and the file; the file is removed with it, unless another one has taken its place.
class ListeningSocket {
 public:
  // Replaces a socket that nobody listens on. Errors: a live one, something else in the way, no directory, no right,
  // path too long.
  static Result<ListeningSocket> open(const std::filesystem::path& path, std::optional<unsigned> group);
  ListeningSocket(ListeningSocket&&) noexcept = default;
  ListeningSocket& operator=(ListeningSocket&&) = delete;
  ListeningSocket(const ListeningSocket&) = delete;
  ListeningSocket& operator=(const ListeningSocket&) = delete;
  ~ListeningSocket();

  [[nodiscard]] const Fd& descriptor() const { return descriptor_; }

 private:
  ListeningSocket(Fd descriptor, std::filesystem::path path, dev_t device, ino_t inode)
      : descriptor_(std::move(descriptor)), path_(std::move(path)), device_(device), inode_(inode) {}

  Fd descriptor_;  // non-blocking, closed on exec
  std::filesystem::path path_;
  dev_t device_;
  ino_t inode_;
};

}  // namespace gatehouse::admin
