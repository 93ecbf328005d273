#include "relay/pipe_pool.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <csignal>
#include <utility>

namespace gatehouse::relay {

namespace {

void ignore_broken_pipe_signal() {
  struct sigaction current{};
  if (::sigaction(SIGPIPE, nullptr, &current) != 0 || (current.sa_flags & SA_SIGINFO) != 0) return;
  if (current.sa_handler != SIG_DFL) return;
  current.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &current, nullptr);
}

}  // namespace

PipePool::PipePool(std::size_t keep, std::size_t capacity_bytes)
    : keep_(keep), capacity_bytes_(std::clamp<std::size_t>(capacity_bytes, PIPE_BUF, INT_MAX)) {
  // Reserved now, so that giving a pipe back never needs memory.
  idle_.reserve(keep_);
  ignore_broken_pipe_signal();
}

std::optional<Pipe> PipePool::borrow() {
  if (!idle_.empty()) {
    // The one used last: its pages are the likeliest to be in the cache.
    Pipe pipe = std::move(idle_.back());
    idle_.pop_back();
    return pipe;
  }
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    ++failures_;
    return std::nullopt;
  }
  Pipe pipe{Fd(ends[0]), Fd(ends[1]), 0};
  int granted = ::fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(capacity_bytes_));
  // Refused beyond /proc/sys/fs/pipe-max-size or the user's share (pipe-user-pages-soft): the pipe works at the size it
  // has.
  if (granted < 0) granted = ::fcntl(ends[1], F_GETPIPE_SZ);
  pipe.capacity = granted > 0 ? static_cast<std::size_t>(granted) : PIPE_BUF;
  return pipe;
}

void PipePool::give_back(Pipe pipe) {
  if (idle_.size() < keep_) idle_.push_back(std::move(pipe));
}

void PipePool::discard(Pipe pipe) {
  // Taken by value: closed here.
  pipe.read_end.reset();
  pipe.write_end.reset();
}

}  // namespace gatehouse::relay
