#include "relay/dialer.h"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "relay/socket_options.h"

// In <linux/in.h> and <linux/in6.h>, which do not go together with the C library's headers.
#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif
#ifndef IPV6_TRANSPARENT
#define IPV6_TRANSPARENT 75
#endif

namespace gatehouse::relay {

namespace {

using policy::EndReason;

enum class Port { own, any };

bool set_option(const Fd& socket, int level, int option) {
  const int on = 1;
  return ::setsockopt(socket.get(), level, option, &on, sizeof(on)) == 0;
}

// What of an attempt can be mended by another port.
bool port_is_taken(int error_number) {
  return error_number == EADDRINUSE || error_number == EADDRNOTAVAIL || error_number == EACCES;
}

// 0, or the errno. Without SO_REUSEADDR an earlier session in TIME_WAIT, or one of the same client to another backend,
// would hold the port.
int bind_to_client(const Fd& socket, const Endpoint& client, Port port) {
  const bool v4 = client.address.is_v4();
  if (!set_option(socket, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_TRANSPARENT : IPV6_TRANSPARENT)) return errno;
  if (!set_option(socket, SOL_SOCKET, SO_REUSEADDR)) return errno;
  // The port is then chosen at connect(), against the whole tuple, instead of being reserved for this address.
  if (port == Port::any && !set_option(socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT)) return errno;
  sockaddr_storage storage{};
  const Endpoint local{client.address, port == Port::own ? client.port : std::uint16_t{0}};
  const socklen_t length = local.to_sockaddr(storage);
  return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&storage), length) == 0 ? 0 : errno;
}

DialFailure bind_failure(const Endpoint& client, int error_number) {
  std::string detail = "bind to the client's address " + client.address.text() + ": " + error_text(error_number);
  if (error_number == EPERM) detail += " (IP_TRANSPARENT needs CAP_NET_ADMIN or CAP_NET_RAW)";
  return {EndReason::error, std::move(detail)};
}

}  // namespace

DialFailure connect_failure(const Endpoint& backend, int error_number) {
  std::string detail = backend.text() + ": " + error_text(error_number);
  switch (error_number) {
    case ECONNREFUSED:
    case ECONNRESET:
      return {EndReason::backend_refused, std::move(detail)};
    case ETIMEDOUT:
      return {EndReason::backend_timeout, std::move(detail)};
    // EACCES, EPERM: a prohibit route or the packet filter says no. EINVAL: the kernel's answer for an "unreachable"
    // local route.
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
    case ENONET:
    case EACCES:
    case EPERM:
    case EINVAL:
      return {EndReason::backend_unreachable, std::move(detail)};
    // EADDRNOTAVAIL, EAGAIN: every local port towards this backend is in use.
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case ENOSPC:
    case EADDRNOTAVAIL:
    case EAGAIN:
      return {EndReason::out_of_resources, std::move(detail)};
    default:
      return {EndReason::error, std::move(detail)};
  }
}

// A second connect() says it all at once, where SO_ERROR would not tell "connected" from "not yet".
int connect_result(int descriptor, const Endpoint& backend) {
  sockaddr_storage storage{};
  const socklen_t length = backend.to_sockaddr(storage);
  if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&storage), length) == 0 || errno == EISCONN) return 0;
  return errno == EINPROGRESS || errno == EINTR ? EALREADY : errno;
}

std::expected<Fd, DialFailure> begin_connect(const Endpoint& backend, policy::SourceMode source,
                                             const Endpoint& client) {
  const bool as_client = source == policy::SourceMode::client;
  if (as_client && client.address.is_v4() != backend.address.is_v4()) {
    return std::unexpected(DialFailure{
        EndReason::error, "source \"client\" needs client and backend to be of one family: " + client.address.text() +
                              " and " + backend.address.text()});
  }
  sockaddr_storage storage{};
  const socklen_t length = backend.to_sockaddr(storage);
  for (Port port = Port::own;; port = Port::any) {
    Fd socket(::socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
    if (!socket) return std::unexpected(connect_failure(backend, errno));
    const bool last = !as_client || port == Port::any;
    if (as_client) {
      const int error_number = bind_to_client(socket, client, port);
      if (error_number != 0 && !last && port_is_taken(error_number)) continue;
      if (error_number != 0) return std::unexpected(bind_failure(client, error_number));
    }
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&storage), length) == 0) return socket;
    if (errno == EINPROGRESS || errno == EINTR) return socket;
    // EADDRNOTAVAIL: the tuple itself is in use or in TIME_WAIT.
    if (last || !port_is_taken(errno) || errno == EACCES) return std::unexpected(connect_failure(backend, errno));
  }
}

}  // namespace gatehouse::relay
