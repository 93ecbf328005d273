#include "relay/pump.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <cerrno>
#include <chrono>
#include <optional>
#include <span>
#include <utility>

namespace gatehouse::relay {

namespace {

using std::chrono::milliseconds;

constexpr unsigned splice_flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;
constexpr std::size_t burst_bytes = std::size_t{1024} * 1024;
// A read that brought less has most likely emptied the socket: waiting costs less than finding out.
constexpr std::size_t worth_another_read = std::size_t{64} * 1024;
constexpr milliseconds pipe_retry{10};
// The kernel may call a socket writable and yet take nothing, while it is short of memory for sockets.
constexpr int fruitless_writes = 3;
constexpr milliseconds write_retry{2};

Task<void> pause(LoopExecutor executor, milliseconds length) {
  Timer timer(executor, length);
  boost::system::error_code error;
  co_await timer.async_wait(boost::asio::redirect_error(awaiting, error));
}

ssize_t splice_bytes(int from, int to, std::size_t most) {
  for (;;) {
    const ssize_t moved = ::splice(from, nullptr, to, nullptr, most, splice_flags);
    if (moved >= 0 || errno != EINTR) return moved;
  }
}

ssize_t receive(int from, std::span<char> into) {
  for (;;) {
    const ssize_t count = ::recv(from, into.data(), into.size(), MSG_DONTWAIT);
    if (count >= 0 || errno != EINTR) return count;
  }
}

ssize_t send_bytes(int to, std::span<const char> bytes) {
  for (;;) {
    const ssize_t count = ::send(to, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count >= 0 || errno != EINTR) return count;
  }
}

// Into an empty pipe, which has room for a page. With SO_OOBINLINE an urgent byte is read like any other.
ssize_t copy_bytes(int from, int to) {
  std::array<char, 4096> bytes{};
  const ssize_t count = receive(from, bytes);
  if (count <= 0) return count;
  const ssize_t written = ::write(to, bytes.data(), static_cast<std::size_t>(count));
  if (written == count) return count;
  errno = EIO;  // the bytes are lost: the connection must not go on
  return -1;
}

PumpEnd failed(PumpEnd::Kind side, int error_number) {
  const bool ours = error_number == ENOMEM || error_number == EINVAL || error_number == EBADF || error_number == EIO;
  return {ours ? PumpEnd::Kind::out_of_service : side, error_number};
}

}  // namespace

ssize_t Pump::take(const Pipe& pipe, bool known_readable) {
  const int source = source_.native_handle();
  const ssize_t taken = splice_bytes(source, pipe.write_end.get(), pipes_.capacity_bytes());
  // Nothing, or the end: both are also what splice(2) says in front of an urgent byte.
  const bool in_doubt = taken == 0 || (taken < 0 && errno == EAGAIN);
  if (!in_doubt) return taken;
  if (known_readable) return copy_bytes(source, pipe.write_end.get());
  errno = EAGAIN;
  return -1;
}

Task<PumpEnd> Pump::run() {
  for (;;) {
    const auto end = streaming_ ? co_await splice_stream() : co_await copy_piece();
    if (end) co_return *end;
  }
}

Task<std::optional<PumpEnd>> Pump::copy_piece() {
  boost::system::error_code error;
  waits_for_data_ = true;
  const std::size_t first =
      co_await source_.async_receive(boost::asio::buffer(probe_), boost::asio::redirect_error(awaiting, error));
  waits_for_data_ = false;
  if (!source_.is_open()) co_return PumpEnd{};
  if (error == boost::asio::error::eof) co_return PumpEnd{PumpEnd::Kind::end_of_stream, 0};
  if (error) co_return failed(PumpEnd::Kind::source_failed, error.value());

  Piece piece = pass_on(first);
  if (piece.sink_error != 0) co_return failed(PumpEnd::Kind::sink_failed, piece.sink_error);
  if (!piece.undelivered.empty()) {
    if (const auto end = co_await deliver(std::move(piece.undelivered))) co_return end;
  }
  if (piece.source_error != 0) co_return failed(PumpEnd::Kind::source_failed, piece.source_error);
  co_return std::nullopt;
}

Pump::Piece Pump::pass_on(std::size_t first) {
  const std::span<char> bytes = pipes_.scratch();
  std::copy_n(probe_.begin(), first, bytes.begin());
  std::size_t size = first;
  Piece piece;
  if (first == probe_.size()) {
    const ssize_t more = receive(source_.native_handle(), bytes.subspan(size));
    if (more > 0) size += static_cast<std::size_t>(more);
    // The end of the stream is found again by the next read; an error is told only once.
    if (more < 0 && errno != EAGAIN) piece.source_error = errno;
  }
  taken_ += size;
  streaming_ = size == bytes.size();
  const ssize_t sent = send_bytes(sink_.native_handle(), bytes.first(size));
  if (sent < 0 && errno != EAGAIN) {
    piece.sink_error = errno;
    return piece;
  }
  const auto done = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
  delivered_ += done;
  piece.undelivered.assign(bytes.begin() + static_cast<std::ptrdiff_t>(done),
                           bytes.begin() + static_cast<std::ptrdiff_t>(size));
  return piece;
}

Task<std::optional<PumpEnd>> Pump::deliver(std::vector<char> bytes) {
  boost::system::error_code error;
  std::size_t done = 0;
  for (int fruitless = 0;;) {
    if (sink_.is_open()) co_await sink_.async_wait(Socket::wait_write, boost::asio::redirect_error(awaiting, error));
    if (!sink_.is_open()) co_return PumpEnd{};
    if (error) co_return failed(PumpEnd::Kind::sink_failed, error.value());
    const ssize_t sent = send_bytes(sink_.native_handle(), std::span<const char>(bytes).subspan(done));
    if (sent > 0) {
      done += static_cast<std::size_t>(sent);
      delivered_ += static_cast<std::size_t>(sent);
      fruitless = 0;
      if (done == bytes.size()) co_return std::nullopt;
    } else if (sent < 0 && errno != EAGAIN) {
      co_return failed(PumpEnd::Kind::sink_failed, errno);
    } else if (++fruitless > fruitless_writes) {
      co_await pause(sink_.get_executor(), write_retry);
    }
  }
}

// Until what comes is worth no pipe any more.
Task<std::optional<PumpEnd>> Pump::splice_stream() {
  boost::system::error_code error;
  bool read_at_once = true;
  std::size_t burst = 0;
  while (streaming_) {
    const bool known_readable = !read_at_once;
    if (!read_at_once) {
      // A peek instead of async_wait(): it looks before it waits and needs no epoll_ctl, where async_wait() arms epoll
      // anew each time.
      waits_for_data_ = true;
      co_await source_.async_receive(boost::asio::buffer(probe_, 1), Socket::message_peek,
                                     boost::asio::redirect_error(awaiting, error));
      waits_for_data_ = false;
      if (!source_.is_open()) co_return PumpEnd{};
      if (error == boost::asio::error::eof) co_return PumpEnd{PumpEnd::Kind::end_of_stream, 0};
      if (error) co_return failed(PumpEnd::Kind::source_failed, error.value());
    }

    std::optional<Pipe> pipe = pipes_.borrow();
    while (!pipe) {
      co_await pause(source_.get_executor(), pipe_retry);
      if (!source_.is_open()) co_return PumpEnd{};
      pipe = pipes_.borrow();
    }
    const ssize_t taken = take(*pipe, known_readable);
    if (taken <= 0) {
      const int error_number = errno;
      pipes_.give_back(std::move(*pipe));
      if (taken == 0) co_return PumpEnd{PumpEnd::Kind::end_of_stream, 0};
      if (error_number != EAGAIN) co_return failed(PumpEnd::Kind::source_failed, error_number);
      read_at_once = false;
      continue;
    }

    const auto piece = static_cast<std::size_t>(taken);
    auto held = piece;
    taken_ += held;
    burst += held;
    read_at_once = held >= worth_another_read;
    for (int fruitless = 0;;) {
      const ssize_t delivered = splice_bytes(pipe->read_end.get(), sink_.native_handle(), held);
      if (delivered > 0) {
        delivered_ += static_cast<std::size_t>(delivered);
        held -= static_cast<std::size_t>(delivered);
        fruitless = 0;
        if (held == 0) break;
      } else if (delivered == 0 || errno != EAGAIN) {
        const int error_number = delivered == 0 ? EPIPE : errno;
        pipes_.discard(std::move(*pipe));
        co_return failed(PumpEnd::Kind::sink_failed, error_number);
      } else if (++fruitless > fruitless_writes) {
        co_await pause(sink_.get_executor(), write_retry);
      }
      if (sink_.is_open()) {
        co_await sink_.async_wait(Socket::wait_write, boost::asio::redirect_error(awaiting, error));
      }
      if (!sink_.is_open() || error) {
        pipes_.discard(std::move(*pipe));
        if (!sink_.is_open()) co_return PumpEnd{};
        co_return failed(PumpEnd::Kind::sink_failed, error.value());
      }
    }
    pipes_.give_back(std::move(*pipe));
    if (known_readable && piece < pipes_.scratch().size()) streaming_ = false;

    if (burst >= burst_bytes) {
      burst = 0;
      co_await boost::asio::post(source_.get_executor(), awaiting);
      if (!source_.is_open()) co_return PumpEnd{};
    }
  }
  co_return std::nullopt;
}

}  // namespace gatehouse::relay
