// What the tests of the relay share: plain blocking sockets on loopback for the client and the backend, and an event
// loop in a thread of its own that carries relays between them, ticking as the gate does.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <future>
#include <iterator>
#include <list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/address.h"
#include "base/fd.h"
#include "relay/tcp_relay.h"

namespace gatehouse::relay::testing {

using namespace std::chrono_literals;
using policy::EndReason;

inline void require(bool condition, const char* what) {
  if (!condition) throw std::runtime_error(std::string(what) + ": " + std::to_string(errno));
}

// A blocking socket that gives up after 20 seconds instead of hanging the test.
inline void bound_waits(const Fd& socket) {
  const timeval limit{.tv_sec = 20, .tv_usec = 0};
  require(::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0, "SO_RCVTIMEO");
  require(::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0, "SO_SNDTIMEO");
}

inline Endpoint local_name(const Fd& socket) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  require(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&storage), &length) == 0, "getsockname");
  return Endpoint::from_sockaddr(storage);
}

inline Endpoint peer_name(const Fd& socket) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  require(::getpeername(socket.get(), reinterpret_cast<sockaddr*>(&storage), &length) == 0, "getpeername");
  return Endpoint::from_sockaddr(storage);
}

class Listener {
 public:
  explicit Listener(const std::string& address = "127.0.0.1", int backlog = 128) {
    const Endpoint wanted{Address::parse(address).value(), 0};
    sockaddr_storage storage{};
    const socklen_t length = wanted.to_sockaddr(storage);
    socket_ = Fd(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    require(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&storage), length) == 0, "bind");
    require(::listen(socket_.get(), backlog) == 0, "listen");
    bound_waits(socket_);
    endpoint_ = local_name(socket_);
  }

  [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }
  [[nodiscard]] int descriptor() const { return socket_.get(); }
  Fd accept(int flags = 0) const {
    Fd accepted(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | flags));
    require(accepted.valid(), "accept");
    bound_waits(accepted);
    return accepted;
  }

 private:
  Fd socket_;
  Endpoint endpoint_;
};

inline Fd connect_to(const Endpoint& endpoint) {
  sockaddr_storage storage{};
  const socklen_t length = endpoint.to_sockaddr(storage);
  Fd socket(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  require(socket.valid(), "socket");
  bound_waits(socket);
  require(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&storage), length) == 0, "connect");
  return socket;
}

inline void reset(Fd& socket) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  socket.reset();
}

// The bytes of a stream by their place in it: whatever is lost, doubled or moved shows.
class Pattern {
 public:
  explicit Pattern(std::uint64_t seed) : seed_(seed) {}
  void fill(std::vector<char>& bytes, std::uint64_t from) const {
    for (std::size_t index = 0; index < bytes.size(); ++index) bytes[index] = at(from + index);
  }
  [[nodiscard]] char at(std::uint64_t place) const {
    const std::uint64_t word = (place / 8 + seed_) * 0x9e3779b97f4a7c15ULL;
    return static_cast<char>((word ^ (word >> 29U)) >> (place % 8 * 8));
  }

 private:
  std::uint64_t seed_;
};

// false: the connection failed before all was written.
inline bool write_all(const Fd& socket, const void* data, std::size_t size) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t count = ::send(socket.get(), at, size, MSG_NOSIGNAL);
    if (count <= 0) return false;
    at += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}
inline bool write_all(const Fd& socket, std::string_view text) {
  return write_all(socket, text.data(), text.size());
}

inline bool write_pattern(const Fd& socket, const Pattern& pattern, std::uint64_t total) {
  std::vector<char> bytes;
  for (std::uint64_t at = 0; at < total; at += bytes.size()) {
    bytes.resize(std::min<std::uint64_t>(64 * 1024, total - at));
    pattern.fill(bytes, at);
    if (!write_all(socket, bytes.data(), bytes.size())) return false;
  }
  return true;
}

struct Received {
  std::uint64_t bytes = 0;
  std::optional<std::uint64_t> first_wrong;  // place in the stream
  int error_number = 0;                      // 0: end of stream
};

inline Received read_pattern(const Fd& socket, const Pattern& pattern) {
  Received received;
  std::vector<char> bytes(64UL * 1024);
  std::vector<char> expected;
  for (;;) {
    const ssize_t count = ::recv(socket.get(), bytes.data(), bytes.size(), 0);
    if (count <= 0) {
      received.error_number = count < 0 ? errno : 0;
      return received;
    }
    expected.resize(static_cast<std::size_t>(count));
    pattern.fill(expected, received.bytes);
    if (!received.first_wrong && !std::equal(expected.begin(), expected.end(), bytes.begin())) {
      received.first_wrong = received.bytes;
    }
    received.bytes += static_cast<std::uint64_t>(count);
  }
}

// Everything up to the end of the stream, or what came before an error.
struct Text {
  std::string bytes;
  int error_number = 0;
};
inline Text read_to_end(const Fd& socket) {
  Text text;
  std::vector<char> bytes(64UL * 1024);
  for (;;) {
    const ssize_t count = ::recv(socket.get(), bytes.data(), bytes.size(), 0);
    if (count <= 0) {
      text.error_number = count < 0 ? errno : 0;
      return text;
    }
    text.bytes.append(bytes.data(), static_cast<std::size_t>(count));
  }
}
inline std::string read_exactly(const Fd& socket, std::size_t size) {
  std::string bytes(size, '\0');
  const ssize_t count = ::recv(socket.get(), bytes.data(), size, MSG_WAITALL);
  bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return bytes;
}

inline std::size_t open_descriptors() {
  const std::filesystem::directory_iterator entries("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

// One relay on its way; shared with the loop.
struct Live {
  explicit Live(Socket client, PipePool& pipes, RelayOptions options)
      : relay(std::in_place, std::move(client), pipes, std::move(options)) {}
  std::optional<TcpRelay> relay;  // of the loop's thread
  std::promise<RelayOutcome> promise;
  std::future<RelayOutcome> future = promise.get_future();
  std::atomic<bool> dialed = false;
};

class RelayLoop {
 public:
  // Runs `work` on the loop's thread and returns what it returned.
  template <typename Work>
  auto ask(Work work) -> std::invoke_result_t<Work&> {
    std::packaged_task<std::invoke_result_t<Work&>()> task(std::move(work));
    auto answer = task.get_future();
    boost::asio::post(context_, [&task] { task(); });
    return answer.get();
  }

  explicit RelayLoop(std::size_t keep_pipes = 64) : pipes_(keep_pipes) {
    boost::asio::co_spawn(context_, tick(), boost::asio::detached);
    thread_ = std::thread([this] { context_.run(); });
    ask([] { return 0; });  // by now the loop has opened all descriptors of its own
  }
  ~RelayLoop() {
    ask([this] {
      work_.reset();
      stopping_ = true;
      for (const auto& live : relays_) live->relay->abort(EndReason::killed);
      return 0;
    });
    thread_.join();
  }
  RelayLoop(const RelayLoop&) = delete;
  RelayLoop& operator=(const RelayLoop&) = delete;

  // `before`: runs on the loop with the relay, before dial().
  std::shared_ptr<Live> start(Fd client, RelayOptions options, std::function<void(TcpRelay&)> before = {}) {
    const bool v4 = peer_name(client).address.is_v4();
    return ask([&, this] {
      Socket socket(context_.get_executor());
      socket.assign(v4 ? boost::asio::ip::tcp::v4() : boost::asio::ip::tcp::v6(), client.get());
      client.release();
      auto live = std::make_shared<Live>(std::move(socket), pipes_, options);
      if (before) before(*live->relay);
      relays_.push_back(live);
      boost::asio::co_spawn(context_, run(live), boost::asio::detached);
      return live;
    });
  }
  void abort(Live& live, EndReason reason, std::string detail = {}) {
    ask([&] {
      if (live.relay) live.relay->abort(reason, detail);
      return 0;
    });
  }
  std::pair<std::uint64_t, std::uint64_t> counted(Live& live) {
    return ask([&] { return std::pair(live.relay->bytes_from_client(), live.relay->bytes_to_client()); });
  }
  std::size_t idle_pipes() {
    return ask([this] { return pipes_.idle(); });
  }

 private:
  Task<void> run(std::shared_ptr<Live> live) {
    std::optional<RelayOutcome> outcome = co_await live->relay->dial();
    if (!outcome) {
      live->dialed = true;
      outcome = co_await live->relay->forward();
    }
    live->relay.reset();
    relays_.remove(live);
    live->promise.set_value(*outcome);
  }
  Task<void> tick() {
    Timer timer(context_.get_executor());
    while (!stopping_ || !relays_.empty()) {
      timer.expires_after(20ms);
      boost::system::error_code error;
      co_await timer.async_wait(boost::asio::redirect_error(awaiting, error));
      const auto now = std::chrono::steady_clock::now();
      for (const auto& live : relays_) live->relay->expire(now);
    }
  }

  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<LoopExecutor> work_{context_.get_executor()};
  PipePool pipes_;
  std::list<std::shared_ptr<Live>> relays_;
  bool stopping_ = false;
  std::thread thread_;
};

inline RelayOutcome outcome_of(Live& live) {
  if (live.future.wait_for(30s) != std::future_status::ready) throw std::runtime_error("the relay does not end");
  return live.future.get();
}

// A client, a relay and a backend, connected.
class Connected {
 public:
  explicit Connected(RelayLoop& loop, RelayOptions options = {}, const std::string& address = "127.0.0.1")
      : front_(address), back_(address) {
    client = connect_to(front_.endpoint());
    Fd accepted = front_.accept(SOCK_NONBLOCK);
    options.client = peer_name(accepted);
    options.proxy = local_name(accepted);
    options.backend = back_.endpoint();
    live = loop.start(std::move(accepted), options);
    backend = back_.accept();
  }
  Fd client;
  Fd backend;
  std::shared_ptr<Live> live;

 private:
  Listener front_;
  Listener back_;
};

}  // namespace gatehouse::relay::testing
