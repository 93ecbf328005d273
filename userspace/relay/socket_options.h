// The few socket calls that the relay needs beside splice(2). All take a descriptor of a TCP socket and borrow it.
#pragma once

#include <chrono>
#include <string>

#include "base/address.h"

namespace gatehouse::relay {

// linux/in6.h, where IPV6_TRANSPARENT is, cannot be included beside netinet/in.h.
inline constexpr int ipv6_transparent = 75;

// What steered sockets are bound to, so that nothing but steering finds them: 127.0.0.1 or ::1.
Address loopback(bool v4);

// Best effort, all of them: a connection without them still carries its bytes.

// TCP_NODELAY; and SO_OOBINLINE, so that an urgent byte stays in its place in the stream.
void set_stream_options(int descriptor);

// Keep-alive with the first probe after `keep_alive` (0: off), the next every 15 seconds (tcp(7)); TCP_USER_TIMEOUT
// (RFC 5482; 0: the kernel's own), which also ends a connection whose peer keeps its window closed for so long.
void set_liveness_options(int descriptor, std::chrono::seconds keep_alive, std::chrono::milliseconds user_timeout);

// The next close sends a reset instead of FIN (SO_LINGER with 0 seconds, socket(7)).
void reset_on_close(int descriptor);

// The error that the kernel holds for this socket (SO_ERROR), 0 for none. Reading it clears it.
int take_pending_error(int descriptor);

// "Connection refused".
std::string error_text(int error_number);

}  // namespace gatehouse::relay
