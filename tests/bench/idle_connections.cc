// Many connections that do nothing, for measuring what one costs whoever carries them.
//
//   idle_connections sink ADDRESS PORT            answers every connection: sends back what it gets; until it is
//                                                 terminated
//   idle_connections hold ADDRESS PORT COUNT [FROM]
//                                                 opens COUNT connections (from the address FROM), passes some bytes
//                                                 both ways through each, prints "open COUNT", and holds them until it
//                                                 is terminated or all are closed. Then it prints "closed COUNT TIME":
//                                                 how many the other side closed, and when the last one (seconds since
//                                                 1970, with nine digits)
//
// One descriptor a connection. Exit 1 with a message when COUNT cannot be reached.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/address.h"
#include "base/fd.h"

namespace {

using gatehouse::Address;
using gatehouse::Endpoint;
using gatehouse::Fd;

constexpr std::size_t under_way = 128;  // connecting at once
constexpr std::string_view greeting = "a few bytes that pass through a session before it falls idle\n";
constexpr std::chrono::seconds patience{60};  // without any progress

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

void raise_descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// Readable when the process is asked to end.
Fd end_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  ::sigaddset(&set, SIGINT);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  return Fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

class Poll {
 public:
  Poll() : descriptor_(::epoll_create1(EPOLL_CLOEXEC)) {}
  void add(int descriptor, std::uint32_t events) { control(EPOLL_CTL_ADD, descriptor, events); }
  void change(int descriptor, std::uint32_t events) { control(EPOLL_CTL_MOD, descriptor, events); }
  std::span<epoll_event> wait(std::chrono::milliseconds limit) {
    const int count = ::epoll_wait(descriptor_.get(), events_.data(), static_cast<int>(events_.size()),
                                   static_cast<int>(limit.count()));
    return {events_.data(), static_cast<std::size_t>(std::max(count, 0))};
  }

 private:
  void control(int verb, int descriptor, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = descriptor;
    if (::epoll_ctl(descriptor_.get(), verb, descriptor, &event) != 0) fail("epoll_ctl");
  }
  Fd descriptor_;
  std::array<epoll_event, 512> events_{};
};

int run_sink(const Endpoint& endpoint) {
  sockaddr_storage storage{};
  const socklen_t length = endpoint.to_sockaddr(storage);
  const Fd listener(::socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0 ||
      ::listen(listener.get(), 4096) != 0) {
    fail("listening on " + endpoint.text());
  }
  const Fd end = end_signals();
  Poll poll;
  poll.add(end.get(), EPOLLIN);
  poll.add(listener.get(), EPOLLIN);
  std::unordered_map<int, Fd> open;
  std::array<char, 4096> bytes{};
  while (true) {
    for (const auto& event : poll.wait(std::chrono::seconds(60))) {
      if (event.data.fd == end.get()) return 0;
      if (event.data.fd == listener.get()) {
        Fd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!accepted) continue;
        poll.add(accepted.get(), EPOLLIN);
        const int number = accepted.get();
        open.emplace(number, std::move(accepted));
        continue;
      }
      const ssize_t got = ::recv(event.data.fd, bytes.data(), bytes.size(), 0);
      if (got > 0 && ::send(event.data.fd, bytes.data(), static_cast<std::size_t>(got), 0) == got) continue;
      if (got < 0 && errno == EAGAIN) continue;
      open.erase(event.data.fd);
    }
  }
}

class Holder {
 public:
  Holder(const Endpoint& endpoint, std::size_t count, std::optional<Address> from)
      : endpoint_(endpoint), count_(count), from_(from), end_(end_signals()) {
    poll_.add(end_.get(), EPOLLIN);
  }

  int run() {
    auto progress = std::chrono::steady_clock::now();
    while (answered_ < count_) {
      while (connections_.size() < count_ && connections_.size() - answered_ < under_way) begin_one();
      const auto before = answered_;
      for (const auto& event : poll_.wait(std::chrono::seconds(1))) {
        if (event.data.fd == end_.get()) return 1;
        advance(event);
      }
      const auto now = std::chrono::steady_clock::now();
      if (answered_ > before) progress = now;
      if (now - progress > patience)
        throw std::runtime_error("no answer through " + endpoint_.text() + " any more after " +
                                 std::to_string(answered_) + " connections");
    }
    std::cout << "open " << count_ << std::endl;
    hold();
    return 0;
  }

 private:
  enum class State { connecting, greeted, open };
  struct Connection {
    Fd socket;
    State state = State::connecting;
    std::size_t got = 0;
  };

  void begin_one() {
    sockaddr_storage storage{};
    const socklen_t length = endpoint_.to_sockaddr(storage);
    Fd socket(::socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) fail("socket number " + std::to_string(connections_.size() + 1));
    if (from_) {
      sockaddr_storage own{};
      const socklen_t own_length = Endpoint{*from_, 0}.to_sockaddr(own);
      const int on = 1;
      ::setsockopt(socket.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
      if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&own), own_length) != 0)
        fail("binding " + from_->text());
    }
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0 && errno != EINPROGRESS) {
      fail("connecting to " + endpoint_.text());
    }
    poll_.add(socket.get(), EPOLLOUT);
    const int number = socket.get();
    connections_.emplace(number, Connection{std::move(socket)});
  }

  void advance(const epoll_event& event) {
    auto& connection = connections_.at(event.data.fd);
    if (connection.state == State::connecting) {
      if (::send(event.data.fd, greeting.data(), greeting.size(), 0) != static_cast<ssize_t>(greeting.size())) {
        fail("greeting through connection " + std::to_string(answered_ + 1));
      }
      connection.state = State::greeted;
      poll_.change(event.data.fd, EPOLLIN);
      return;
    }
    std::array<char, 256> bytes{};
    const ssize_t got = ::recv(event.data.fd, bytes.data(), bytes.size(), 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0) fail("connection " + std::to_string(answered_ + 1));
    if (got == 0)
      throw std::runtime_error("connection " + std::to_string(answered_ + 1) + " was closed by the other side");
    connection.got += static_cast<std::size_t>(got);
    if (connection.state == State::greeted && connection.got >= greeting.size()) {
      connection.state = State::open;
      ++answered_;
    }
  }

  void hold() {
    std::size_t closed = 0;
    timespec last{};
    bool asked_to_end = false;
    while (closed < count_ && !asked_to_end) {
      for (const auto& event : poll_.wait(std::chrono::seconds(60))) {
        if (event.data.fd == end_.get()) {
          asked_to_end = true;
          break;
        }
        connections_.erase(event.data.fd);
        ++closed;
        ::clock_gettime(CLOCK_REALTIME, &last);
      }
    }
    std::array<char, 16> nanoseconds{};
    std::snprintf(nanoseconds.data(), nanoseconds.size(), "%09ld", last.tv_nsec);
    std::cout << "closed " << closed << ' ' << last.tv_sec << '.' << nanoseconds.data() << std::endl;
  }

  Endpoint endpoint_;
  std::size_t count_;
  std::optional<Address> from_;
  Fd end_;
  Poll poll_;
  std::unordered_map<int, Connection> connections_;
  std::size_t answered_ = 0;
};

int run(std::span<char*> arguments) {
  const std::string_view verb = arguments.size() > 1 ? arguments[1] : "";
  if ((verb != "sink" || arguments.size() != 4) &&
      (verb != "hold" || (arguments.size() != 5 && arguments.size() != 6))) {
    std::cerr << "usage: idle_connections sink ADDRESS PORT | hold ADDRESS PORT COUNT [FROM]\n";
    return 2;
  }
  const auto address = gatehouse::Address::parse(arguments[2]);
  if (!address) throw std::runtime_error(address.error().text());
  const auto port = gatehouse::parse_port(arguments[3]);
  if (!port) throw std::runtime_error(port.error().text());
  raise_descriptor_limit();
  if (verb == "sink") return run_sink({*address, *port});
  std::optional<Address> from;
  if (arguments.size() == 6) {
    const auto parsed = Address::parse(arguments[5]);
    if (!parsed) throw std::runtime_error(parsed.error().text());
    from = *parsed;
  }
  return Holder({*address, *port}, std::stoul(arguments[4]), from).run();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run({argv, static_cast<std::size_t>(argc)});
  } catch (const std::exception& exception) {
    std::cerr << "idle_connections: " << exception.what() << '\n';
    return 1;
  }
}
