// How much a TCP connection has carried, as the kernel counts it (TCP_INFO, tcp(7)): for connections whose bytes pass
// elsewhere.
#pragma once

#include <cstdint>

namespace gatehouse::relay {

struct TcpBytes {
  std::uint64_t received = 0;
  std::uint64_t acknowledged = 0;  // of what was sent
};

// Zeros where the descriptor is no TCP socket.
TcpBytes tcp_bytes(int descriptor);

}  // namespace gatehouse::relay
