// Connects to a backend, waiting on the loop: dialer.h with the waiting. Who gives up closes the socket.
// Threads: the loop of the socket.
#pragma once

#include <optional>

#include "relay/dialer.h"
#include "relay/loop.h"
#include "relay/tcp_relay.h"

namespace gatehouse::relay {

// A value: why it is not connected. `socket` is closed before and open afterwards, with the options of a stream.
Task<std::optional<DialFailure>> connect(Socket& socket, const RelayOptions& options);

}  // namespace gatehouse::relay
