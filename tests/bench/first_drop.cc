// How long after the beginning of a command the first packet of a stream is dropped: sends a small UDP packet every 0.2
// ms out of one network namespace, takes them in another, runs the command (`gatehouse ban add ...`) in the middle, and
// waits until none arrives any more. Prints the milliseconds between the beginning of the command and the sending of
// the first packet that never came.
//
//   first_drop --from NAMESPACE ADDRESS --to NAMESPACE ADDRESS -- COMMAND...
//
// Namespaces are those of `ip netns`. Exit 1 with a message when packets do not arrive before, do arrive 5 s after, or
// the command fails.
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <iostream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/fd.h"

namespace {

using gatehouse::Address;
using gatehouse::Endpoint;
using gatehouse::Fd;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::microseconds period{200};
constexpr std::chrono::milliseconds warm_up{150};
constexpr std::chrono::milliseconds silence{150};  // so long without a packet: they are dropped, and not late
constexpr std::int64_t lost_in_a_row = 200;
constexpr std::chrono::seconds patience{5};

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

// A UDP socket that belongs to the namespace; the caller's thread goes on in its own.
Fd socket_in(const std::string& name, const Endpoint& bound) {
  const Fd own(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  const Fd other(::open(("/run/netns/" + name).c_str(), O_RDONLY | O_CLOEXEC));
  if (!other) fail("opening the network namespace " + name);
  if (::setns(other.get(), CLONE_NEWNET) != 0) fail("entering the network namespace " + name);
  sockaddr_storage storage{};
  const socklen_t length = bound.to_sockaddr(storage);
  Fd socket(::socket(storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const bool done = socket.valid() && ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&storage), length) == 0;
  const int error_number = errno;
  if (::setns(own.get(), CLONE_NEWNET) != 0) fail("going back to the own network namespace");
  errno = error_number;
  if (!done) fail("opening a socket on " + bound.text() + " in " + name);
  return socket;
}

Endpoint local_endpoint(const Fd& socket) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) fail("getsockname");
  return Endpoint::from_sockaddr(storage);
}

class Stream {
 public:
  Stream(const std::string& from, const Address& source, const std::string& to, const Address& destination)
      : receiver_(socket_in(to, {destination, 0})), sender_(socket_in(from, {source, 0})) {
    sockaddr_storage storage{};
    const socklen_t length = local_endpoint(receiver_).to_sockaddr(storage);
    if (::connect(sender_.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0)
      fail("connecting the sender");
  }

  // One packet and a look at what has come.
  void step() {
    const auto number = static_cast<std::uint32_t>(sent_.size());
    sent_.push_back(Clock::now());
    // An error here is an answer to an earlier packet (ICMP), or a full queue: then this one is simply lost.
    ::send(sender_.get(), &number, sizeof number, 0);
    std::uint32_t came = 0;
    while (::recv(receiver_.get(), &came, sizeof came, 0) == static_cast<ssize_t>(sizeof came)) {
      last_ = std::max<std::int64_t>(last_, came);
      last_at_ = Clock::now();
    }
    next_ += period;
    const auto since = next_.time_since_epoch();
    timespec until{};
    until.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(since).count();
    until.tv_nsec =
        (std::chrono::duration_cast<std::chrono::nanoseconds>(since) - std::chrono::seconds(until.tv_sec)).count();
    ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
  }
  [[nodiscard]] std::int64_t last() const { return last_; }
  // Both: this process may itself have stood still for a while.
  [[nodiscard]] bool silent() const {
    return Clock::now() - last_at_ > silence && static_cast<std::int64_t>(sent_.size()) - last_ > lost_in_a_row;
  }
  [[nodiscard]] Clock::time_point first_lost() const { return sent_.at(static_cast<std::size_t>(last_ + 1)); }

 private:
  Fd receiver_;
  Fd sender_;
  std::vector<Clock::time_point> sent_;
  Clock::time_point next_ = Clock::now();
  std::int64_t last_ = -1;
  Clock::time_point last_at_ = Clock::now();
};

pid_t start(char* const* command) {
  pid_t child = 0;
  const int error_number = ::posix_spawnp(&child, command[0], nullptr, nullptr, command, environ);
  if (error_number != 0) throw std::runtime_error(std::string(command[0]) + ": " + std::strerror(error_number));
  return child;
}

double measure(Stream& stream, char* const* command) {
  const auto begin = Clock::now();
  while (Clock::now() - begin < patience && (Clock::now() - begin < warm_up || stream.last() < 0 || stream.silent())) {
    stream.step();
  }
  if (stream.last() < 0 || stream.silent()) {
    throw std::runtime_error("packets do not arrive before the command is run");
  }

  const auto started = Clock::now();
  const pid_t child = start(command);
  while (!stream.silent() && Clock::now() - started < patience) stream.step();
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw std::runtime_error("the command failed");
  if (!stream.silent()) throw std::runtime_error("packets still arrive 5 s after the command was run");
  return std::chrono::duration<double, std::milli>(stream.first_lost() - started).count();
}

int run(std::span<char*> arguments) {
  if (arguments.size() < 9 || std::string_view(arguments[1]) != "--from" || std::string_view(arguments[4]) != "--to" ||
      std::string_view(arguments[7]) != "--") {
    std::cerr << "usage: first_drop --from NAMESPACE ADDRESS --to NAMESPACE ADDRESS -- COMMAND...\n";
    return 2;
  }
  const auto source = Address::parse(arguments[3]);
  if (!source) throw std::runtime_error(source.error().text());
  const auto destination = Address::parse(arguments[6]);
  if (!destination) throw std::runtime_error(destination.error().text());
  Stream stream(arguments[2], *source, arguments[5], *destination);
  std::cout << measure(stream, &arguments[8]) << std::endl;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run({argv, static_cast<std::size_t>(argc)});
  } catch (const std::exception& exception) {
    std::cerr << "first_drop: " << exception.what() << '\n';
    return 1;
  }
}
