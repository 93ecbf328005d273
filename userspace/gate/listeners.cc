#include "gate/listeners.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "base/address.h"
#include "relay/socket_options.h"

namespace gatehouse::gate {

using relay::ipv6_transparent;
using relay::loopback;

namespace {

constexpr int backlog = 4096;
constexpr int bind_attempts = 20;

Result<void> switch_on(int descriptor, int level, int option, const char* name) {
  const int one = 1;
  if (::setsockopt(descriptor, level, option, &one, sizeof one) != 0) {
    return system_failure(std::string("listening socket, ") + name, errno,
                          "the daemon needs CAP_NET_ADMIN and CAP_NET_RAW");
  }
  return {};
}

Result<Fd> listen_on(const Endpoint& endpoint) {
  const bool v4 = endpoint.address.is_v4();
  Fd descriptor(::socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!descriptor) return system_failure("listening socket", errno);
  if (auto done = switch_on(descriptor.get(), SOL_SOCKET, SO_REUSEPORT, "SO_REUSEPORT"); !done)
    return std::unexpected(done.error());
  if (v4) {
    if (auto done = switch_on(descriptor.get(), IPPROTO_IP, IP_TRANSPARENT, "IP_TRANSPARENT"); !done)
      return std::unexpected(done.error());
  } else {
    if (auto done = switch_on(descriptor.get(), IPPROTO_IPV6, IPV6_V6ONLY, "IPV6_V6ONLY"); !done)
      return std::unexpected(done.error());
    if (auto done = switch_on(descriptor.get(), IPPROTO_IPV6, ipv6_transparent, "IPV6_TRANSPARENT"); !done)
      return std::unexpected(done.error());
  }
  sockaddr_storage storage{};
  const socklen_t length = endpoint.to_sockaddr(storage);
  if (::bind(descriptor.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0) {
    return system_failure("binding the listening socket to " + endpoint.text(), errno);
  }
  if (::listen(descriptor.get(), backlog) != 0) return system_failure("listening on " + endpoint.text(), errno);
  return descriptor;
}

Result<Endpoint> local_endpoint(int descriptor) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&storage), &length) != 0) {
    return system_failure("getsockname of a listening socket", errno);
  }
  return Endpoint::from_sockaddr(storage);
}

}  // namespace

Result<Listeners> Listeners::create(std::size_t pairs) {
  for (int attempt = 0; attempt < bind_attempts; ++attempt) {
    Listeners listeners;
    auto first = listen_on({loopback(true), 0});
    if (!first) return std::unexpected(first.error());
    auto endpoint = local_endpoint(first->get());
    if (!endpoint) return std::unexpected(endpoint.error());
    listeners.port_ = endpoint->port;
    // The port that is free for IPv4 may be taken for IPv6: then another one is tried.
    auto second = listen_on({loopback(false), listeners.port_});
    if (!second) continue;
    listeners.v4_.push_back(std::move(*first));
    listeners.v6_.push_back(std::move(*second));
    while (listeners.v4_.size() < pairs) {
      if (auto added = listeners.add_pair(); !added) return std::unexpected(added.error());
    }
    return listeners;
  }
  return failure("no port is free on both 127.0.0.1 and ::1",
                 "check that the IPv6 loopback is up (net.ipv6.conf.lo.disable_ipv6 = 0)");
}

Result<Listeners> Listeners::inherit(std::vector<Fd> descriptors, std::size_t pairs) {
  Listeners listeners;
  for (auto& descriptor : descriptors) {
    int listening = 0;
    socklen_t length = sizeof listening;
    if (::getsockopt(descriptor.get(), SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) != 0 || listening == 0) {
      return failure("an inherited descriptor is not a listening socket", "start the daemon without LISTEN_FDS");
    }
    auto endpoint = local_endpoint(descriptor.get());
    if (!endpoint) return std::unexpected(endpoint.error());
    const bool v4 = endpoint->address.is_v4();
    if (endpoint->address != loopback(v4) || (listeners.port_ != 0 && endpoint->port != listeners.port_)) {
      return failure("an inherited socket listens on " + endpoint->text(), "start the daemon without LISTEN_FDS");
    }
    listeners.port_ = endpoint->port;
    (v4 ? listeners.v4_ : listeners.v6_).push_back(std::move(descriptor));
  }
  if (listeners.v4_.empty() || listeners.v4_.size() != listeners.v6_.size()) {
    return failure("the inherited sockets are not pairs of both families", "start the daemon without LISTEN_FDS");
  }
  while (listeners.v4_.size() < pairs) {
    if (auto added = listeners.add_pair(); !added) return std::unexpected(added.error());
  }
  return listeners;
}

Result<void> Listeners::add_pair() {
  auto v4 = listen_on({loopback(true), port_});
  if (!v4) return std::unexpected(v4.error());
  auto v6 = listen_on({loopback(false), port_});
  if (!v6) return std::unexpected(v6.error());
  v4_.push_back(std::move(*v4));
  v6_.push_back(std::move(*v6));
  return {};
}

std::vector<int> Listeners::descriptors() const {
  return of_loop(0, 1);
}

std::vector<int> Listeners::of_loop(std::size_t loop, std::size_t loops) const {
  std::vector<int> list;
  for (std::size_t i = loop; i < v4_.size(); i += loops) {
    list.push_back(v4_[i].get());
    list.push_back(v6_[i].get());
  }
  return list;
}

kernel::ListenerPair Listeners::for_steering() const {
  return {.slot = 0, .v4 = v4_.front().get(), .v6 = v6_.front().get(), .port = port_};
}

}  // namespace gatehouse::gate
