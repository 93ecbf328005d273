#include "support/sockets.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "support/patience.h"
#include "support/system_failure.h"

namespace gatehouse::test {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

class Deadline {
 public:
  explicit Deadline(milliseconds limit) : end_(steady_clock::now() + patiently(limit)) {}
  // False when the time is over.
  [[nodiscard]] bool wait(int descriptor, short events) const {
    for (;;) {
      const auto left = std::chrono::ceil<milliseconds>(end_ - steady_clock::now()).count();
      pollfd waiting{descriptor, events, 0};
      const int ready = poll(&waiting, 1, left > 0 ? static_cast<int>(left) : 0);
      if (ready > 0) return true;
      if (ready < 0 && errno != EINTR) fail("poll");
      if (left <= 0) return false;
    }
  }

 private:
  steady_clock::time_point end_;
};

template <typename Storage>
auto* generic(Storage& storage) {
  if constexpr (std::is_const_v<Storage>) {
    return reinterpret_cast<const sockaddr*>(&storage);
  } else {
    return reinterpret_cast<sockaddr*>(&storage);
  }
}

Fd make_socket(const Namespace& where, const Endpoint& endpoint, int type) {
  Fd socket(where.run(
      [&] { return ::socket(endpoint.address.is_v4() ? AF_INET : AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }));
  if (!socket) fail("socket");
  return socket;
}

void bind_to(const Fd& socket, const Endpoint& endpoint) {
  sockaddr_storage storage{};
  const socklen_t length = endpoint.to_sockaddr(storage);
  if (bind(socket.get(), generic(storage), length) != 0) fail("bind to " + endpoint.text());
}

void set(const Fd& socket, int level, int option, int value) {
  if (setsockopt(socket.get(), level, option, &value, sizeof value) != 0) fail("setsockopt");
}

template <typename Call>
Endpoint endpoint_by(Call call, const Fd& socket) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (call(socket.get(), generic(storage), &length) != 0) fail("the address of a socket");
  return Endpoint::from_sockaddr(storage);
}

Received read_until(const Fd& socket, std::size_t bytes, milliseconds limit) {
  const Deadline deadline(limit);
  Received received;
  std::array<char, 65536> buffer{};
  while (received.data.size() < bytes) {
    const std::size_t wanted = std::min(buffer.size(), bytes - received.data.size());
    const ssize_t count = recv(socket.get(), buffer.data(), wanted, 0);
    if (count > 0) {
      received.data.append(buffer.data(), static_cast<std::size_t>(count));
    } else if (count == 0) {
      received.ending = Ending::closed;
      break;
    } else if (errno == ECONNRESET) {
      received.ending = Ending::reset;
      break;
    } else if (errno != EAGAIN && errno != EINTR) {
      received.ending = Ending::failed;
      received.error = errno;
      break;
    } else if (!deadline.wait(socket.get(), POLLIN)) {
      received.ending = Ending::timed_out;
      break;
    }
  }
  return received;
}

}  // namespace

std::string Connected::text() const {
  return error == 0 ? "connected" : std::generic_category().message(error);
}

Connected connect_tcp(const Namespace& where, const Endpoint& to, milliseconds limit,
                      const std::optional<Endpoint>& from) {
  const Deadline deadline(limit);
  Connected connected{make_socket(where, to, SOCK_STREAM), 0};
  const int descriptor = connected.fd.get();
  if (from) {
    set(connected.fd, SOL_SOCKET, SO_REUSEADDR, 1);
    bind_to(connected.fd, *from);
  }
  set(connected.fd, IPPROTO_TCP, TCP_NODELAY, 1);
  sockaddr_storage storage{};
  const socklen_t length = to.to_sockaddr(storage);
  if (connect(descriptor, generic(storage), length) != 0) {
    if (errno != EINPROGRESS) {
      connected.error = errno;
    } else if (!deadline.wait(descriptor, POLLOUT)) {
      connected.error = ETIMEDOUT;
    } else {
      socklen_t size = sizeof connected.error;
      if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &connected.error, &size) != 0) fail("getsockopt");
    }
  }
  if (connected.error != 0) connected.fd.reset();
  return connected;
}

Fd listen_tcp(const Namespace& where, const Endpoint& at, int backlog) {
  Fd socket = make_socket(where, at, SOCK_STREAM);
  set(socket, SOL_SOCKET, SO_REUSEADDR, 1);
  if (!at.address.is_v4()) set(socket, IPPROTO_IPV6, IPV6_V6ONLY, at.address == Address{} ? 0 : 1);
  bind_to(socket, at);
  if (listen(socket.get(), backlog) != 0) fail("listen on " + at.text());
  return socket;
}

Fd accept_tcp(const Fd& listener, milliseconds limit) {
  if (!Deadline(limit).wait(listener.get(), POLLIN)) return {};
  Fd socket(accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!socket) fail("accept");
  return socket;
}

Endpoint local_endpoint(const Fd& socket) {
  return endpoint_by(getsockname, socket);
}
Endpoint peer_endpoint(const Fd& socket) {
  return endpoint_by(getpeername, socket);
}

int send_all(const Fd& socket, std::string_view data, milliseconds limit) {
  const Deadline deadline(limit);
  while (!data.empty()) {
    const ssize_t count = send(socket.get(), data.data(), data.size(), MSG_NOSIGNAL);
    if (count >= 0) {
      data.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno != EAGAIN && errno != EINTR) {
      return errno;
    } else if (!deadline.wait(socket.get(), POLLOUT)) {
      return ETIMEDOUT;
    }
  }
  return 0;
}

const char* text_of(Ending ending) {
  switch (ending) {
    case Ending::open:
      return "open";
    case Ending::closed:
      return "closed";
    case Ending::reset:
      return "reset";
    case Ending::failed:
      return "failed";
    case Ending::timed_out:
      return "timed out";
  }
  return "?";
}

Received read_exact(const Fd& socket, std::size_t bytes, milliseconds limit) {
  return read_until(socket, bytes, limit);
}
Received read_to_end(const Fd& socket, milliseconds limit) {
  return read_until(socket, std::string::npos, limit);
}

void shut_down_writing(const Fd& socket) {
  if (shutdown(socket.get(), SHUT_WR) != 0) fail("shutdown");
}

void close_with_reset(Fd socket) {
  const linger at_once{1, 0};
  if (setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) != 0) fail("setsockopt SO_LINGER");
}

Fd connect_udp(const Namespace& where, const Endpoint& to, const std::optional<Endpoint>& from) {
  Fd socket = make_socket(where, to, SOCK_DGRAM);
  if (from) bind_to(socket, *from);
  sockaddr_storage storage{};
  const socklen_t length = to.to_sockaddr(storage);
  if (connect(socket.get(), generic(storage), length) != 0) fail("connect to " + to.text());
  return socket;
}

Received ask_udp(const Fd& socket, std::string_view question, milliseconds limit) {
  const Deadline deadline(limit);
  if (send(socket.get(), question.data(), question.size(), MSG_NOSIGNAL) < 0) return {{}, Ending::failed, errno};
  if (!deadline.wait(socket.get(), POLLIN)) return {{}, Ending::timed_out, 0};
  std::array<char, 65536> buffer{};
  const ssize_t count = recv(socket.get(), buffer.data(), buffer.size(), 0);
  if (count < 0) return {{}, Ending::failed, errno};
  return {std::string(buffer.data(), static_cast<std::size_t>(count)), Ending::open, 0};
}

}  // namespace gatehouse::test
