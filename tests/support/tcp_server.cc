#include "support/tcp_server.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "support/patience.h"
#include "support/system_failure.h"

namespace gatehouse::test {

namespace {

constexpr std::size_t most_pending = 262'144;  // an echo that is not read stops reading, as a real server does
constexpr std::size_t most_remembered = 4096;

void add(const Fd& events, int descriptor) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = descriptor;
  if (epoll_ctl(events.get(), EPOLL_CTL_ADD, descriptor, &event) != 0) fail("epoll_ctl");
}

}  // namespace

TcpServer::TcpServer(const Namespace& where, const Endpoint& at, ServerBehaviour behaviour)
    : behaviour_(std::move(behaviour)),
      listener_(listen_tcp(where, at)),
      at_(local_endpoint(listener_)),
      events_(epoll_create1(EPOLL_CLOEXEC)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!events_ || !wake_) fail("epoll or eventfd");
  if (behaviour_.send_bytes > 0) outgoing_ = std::make_unique<Pattern>(behaviour_.send_seed);
  if (behaviour_.expect_seed) expected_ = std::make_unique<Pattern>(*behaviour_.expect_seed);
  add(events_, listener_.get());
  add(events_, wake_.get());
  thread_ = std::thread([this] { serve(); });
}

TcpServer::~TcpServer() {
  order(Command::stop);
  thread_.join();
}

std::vector<TcpServer::Seen> TcpServer::seen() const {
  const std::scoped_lock lock(mutex_);
  return seen_;
}

std::size_t TcpServer::accepted() const {
  const std::scoped_lock lock(mutex_);
  return seen_.size();
}

bool TcpServer::wait_until(const std::function<bool(const std::vector<Seen>&)>& condition,
                           std::chrono::milliseconds limit) const {
  return eventually([&] { return condition(seen()); }, limit);
}

void TcpServer::reset_all() {
  order(Command::reset);
}
void TcpServer::close_all() {
  order(Command::close);
}

void TcpServer::order(Command command) {
  {
    const std::scoped_lock lock(mutex_);
    command_ = command;
  }
  const std::uint64_t one = 1;
  if (write(wake_.get(), &one, sizeof one) != sizeof one) std::abort();
  if (command == Command::stop) return;
  // Done when it returns: a test goes on to look at the other end.
  (void)eventually([this] {
    const std::scoped_lock lock(mutex_);
    return command_ == Command::none;
  });
}

void TcpServer::serve() {
  std::array<epoll_event, 64> ready{};
  for (;;) {
    const int count = epoll_wait(events_.get(), ready.data(), static_cast<int>(ready.size()), -1);
    for (int index = 0; index < count; ++index) {
      const int descriptor = ready[static_cast<std::size_t>(index)].data.fd;
      if (descriptor == listener_.get()) {
        accept_all();
      } else if (const auto found = connections_.find(descriptor); found != connections_.end()) {
        if (!advance(found->second)) connections_.erase(found);
      }
    }
    Command command = Command::none;
    {
      const std::scoped_lock lock(mutex_);
      command = command_;
    }
    if (command == Command::none) continue;
    for (auto& [descriptor, connection] : connections_) {
      end(connection, command == Command::reset ? Ending::reset : Ending::closed);
      if (command == Command::reset) close_with_reset(std::move(connection.fd));
    }
    connections_.clear();
    if (command == Command::stop) return;
    std::uint64_t ignored = 0;
    if (read(wake_.get(), &ignored, sizeof ignored) < 0 && errno != EAGAIN) std::abort();
    const std::scoped_lock lock(mutex_);
    command_ = Command::none;
  }
}

void TcpServer::accept_all() {
  for (;;) {
    Fd socket(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket) return;
    Seen seen;
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    // A client that reset already has no address any more; it has come all the same.
    if (getpeername(socket.get(), reinterpret_cast<sockaddr*>(&storage), &length) == 0)
      seen.peer = Endpoint::from_sockaddr(storage);
    seen.local = local_endpoint(socket);
    Connection connection;
    connection.fd = std::move(socket);
    connection.pending = behaviour_.greeting;
    {
      const std::scoped_lock lock(mutex_);
      connection.index = seen_.size();
      seen_.push_back(seen);
    }
    add(events_, connection.fd.get());
    const int descriptor = connection.fd.get();
    auto& stored = connections_[descriptor] = std::move(connection);
    if (!advance(stored)) connections_.erase(descriptor);
  }
}

bool TcpServer::advance(Connection& connection) {
  if (!receive(connection) || !send_pending(connection)) return false;
  const bool all_sent = connection.pending.empty() && connection.pattern_sent == behaviour_.send_bytes;
  const bool finished = behaviour_.send_bytes > 0 || connection.peer_finished;
  if (all_sent && finished && !connection.shut_down) {
    connection.shut_down = true;
    shutdown(connection.fd.get(), SHUT_WR);
  }
  if (connection.shut_down && connection.peer_finished) {
    end(connection, Ending::closed);
    return false;
  }
  watch(connection);
  return true;
}

bool TcpServer::receive(Connection& connection) {
  std::array<char, 65536> buffer{};
  // A bounded number of rounds, so that one fast sender does not keep the others waiting.
  for (int round = 0; round < 16; ++round) {
    if (!behaviour_.read || connection.peer_finished || connection.pending.size() >= most_pending) return true;
    const ssize_t count = recv(connection.fd.get(), buffer.data(), buffer.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (count < 0) {
      end(connection, errno == ECONNRESET ? Ending::reset : Ending::failed);
      return false;
    }
    const std::span<const char> data(buffer.data(), static_cast<std::size_t>(count));
    if (behaviour_.echo) connection.pending.append(data.begin(), data.end());
    connection.peer_finished = count == 0;
    const std::scoped_lock lock(mutex_);
    Seen& seen = seen_[connection.index];
    seen.peer_finished = connection.peer_finished;
    if (expected_ && !expected_->matches(seen.received, data)) seen.intact = false;
    if (seen.first_bytes.size() < most_remembered) {
      seen.first_bytes.append(data.data(), std::min(data.size(), most_remembered - seen.first_bytes.size()));
    }
    seen.received += data.size();
  }
  return true;
}

bool TcpServer::send_pending(Connection& connection) {
  for (;;) {
    std::span<const char> piece = std::span(connection.pending).subspan(connection.pending_begin);
    const bool from_pattern = piece.empty() && outgoing_ != nullptr;
    if (from_pattern) piece = outgoing_->at(connection.pattern_sent, behaviour_.send_bytes - connection.pattern_sent);
    if (piece.empty()) return true;
    const ssize_t count = send(connection.fd.get(), piece.data(), piece.size(), MSG_NOSIGNAL);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (count < 0) {
      end(connection, errno == ECONNRESET || errno == EPIPE ? Ending::reset : Ending::failed);
      return false;
    }
    const auto length = static_cast<std::size_t>(count);
    if (from_pattern) {
      connection.pattern_sent += length;
    } else if (connection.pending_begin + length == connection.pending.size()) {
      connection.pending.clear();
      connection.pending_begin = 0;
    } else {
      connection.pending_begin += length;
    }
    const std::scoped_lock lock(mutex_);
    seen_[connection.index].sent += length;
  }
}

void TcpServer::end(Connection& connection, Ending ending) {
  const std::scoped_lock lock(mutex_);
  seen_[connection.index].ending = ending;
}

void TcpServer::watch(const Connection& connection) {
  const bool may_read = behaviour_.read && !connection.peer_finished && connection.pending.size() < most_pending;
  const bool wants_to_send = !connection.pending.empty() || connection.pattern_sent < behaviour_.send_bytes;
  epoll_event event{};
  event.events = (may_read ? EPOLLIN : 0U) | (wants_to_send ? EPOLLOUT : 0U);
  event.data.fd = connection.fd.get();
  if (epoll_ctl(events_.get(), EPOLL_CTL_MOD, connection.fd.get(), &event) != 0) std::abort();
}

}  // namespace gatehouse::test
