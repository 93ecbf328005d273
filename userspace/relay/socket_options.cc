#include "relay/socket_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <system_error>

namespace gatehouse::relay {

namespace {

constexpr int probe_interval_seconds = 15;
constexpr int longest_probe_seconds = 32767;  // MAX_TCP_KEEPIDLE of the kernel

void set_option(int descriptor, int level, int option, int value) {
  ::setsockopt(descriptor, level, option, &value, sizeof(value));
}

}  // namespace

void set_stream_options(int descriptor) {
  set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(descriptor, SOL_SOCKET, SO_OOBINLINE, 1);
}

void set_liveness_options(int descriptor, std::chrono::seconds keep_alive, std::chrono::milliseconds user_timeout) {
  if (keep_alive.count() > 0) {
    const auto idle = std::min<std::chrono::seconds::rep>(keep_alive.count(), longest_probe_seconds);
    set_option(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(idle));
    set_option(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, probe_interval_seconds);
  }
  if (user_timeout.count() > 0) {
    const auto limit = std::min<std::chrono::milliseconds::rep>(user_timeout.count(), std::numeric_limits<int>::max());
    set_option(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(limit));
  }
}

void reset_on_close(int descriptor) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

int take_pending_error(int descriptor) {
  int error_number = 0;
  socklen_t length = sizeof(error_number);
  if (::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error_number, &length) != 0) return errno;
  return error_number;
}

std::string error_text(int error_number) {
  return std::generic_category().message(error_number);
}

Address loopback(bool v4) {
  if (v4) return Address::from_v4(INADDR_LOOPBACK);
  Address address;
  address.bytes[15] = 1;
  return address;
}

}  // namespace gatehouse::relay
