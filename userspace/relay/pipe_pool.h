// Pipes for splice(2), lent to relays while bytes are under way and taken back empty; and the loop's one buffer for
// what is copied within one step. One pool an event loop, used by it alone.
//
// splice(2) has no MSG_NOSIGNAL: writing to a connection that the peer has reset raises SIGPIPE. Making a pool
// therefore sets SIGPIPE to "ignore" for the process where it still has its default action (a handler of the program's
// own is left alone).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/fd.h"

namespace gatehouse::relay {

struct Pipe {
  Fd read_end;
  Fd write_end;
  std::size_t capacity = 0;  // bytes, as the kernel granted it
};

class PipePool {
 public:
  // `keep`: how many empty pipes are kept open; `capacity_bytes` is asked for, the kernel may give less.
  explicit PipePool(std::size_t keep = 64, std::size_t capacity_bytes = std::size_t{256} * 1024);

  // nullopt: no descriptor left; the caller waits and tries again (a pipe comes back when any relay has drained its
  // own).
  std::optional<Pipe> borrow();
  void give_back(Pipe pipe);  // must be empty
  void discard(Pipe pipe);    // may hold bytes: closed

  // Its content lasts until the next await.
  [[nodiscard]] std::span<char> scratch() { return scratch_; }

  [[nodiscard]] std::size_t capacity_bytes() const { return capacity_bytes_; }
  [[nodiscard]] std::size_t idle() const { return idle_.size(); }
  [[nodiscard]] std::uint64_t failures() const { return failures_; }  // times that borrow() had none

 private:
  std::size_t keep_;
  std::size_t capacity_bytes_;
  std::vector<Pipe> idle_;
  std::vector<char> scratch_ = std::vector<char>(std::size_t{32} * 1024);
  std::uint64_t failures_ = 0;
};

}  // namespace gatehouse::relay
