#include "relay/tcp_bytes.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

namespace gatehouse::relay {
namespace {

// Where they stand in the kernel's struct tcp_info (linux/tcp.h, since 4.1), which only grows at its end. The C library
// has an older one, and the two headers do not go together.
constexpr std::size_t acknowledged_at = 120;  // tcpi_bytes_acked
constexpr std::size_t received_at = 128;      // tcpi_bytes_received

}  // namespace

TcpBytes tcp_bytes(int descriptor) {
  std::array<std::uint8_t, received_at + sizeof(std::uint64_t)> info{};
  socklen_t length = info.size();
  if (::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, info.data(), &length) != 0) return {};
  TcpBytes bytes;
  std::memcpy(&bytes.acknowledged, info.data() + acknowledged_at, sizeof bytes.acknowledged);
  std::memcpy(&bytes.received, info.data() + received_at, sizeof bytes.received);
  return bytes;
}

}  // namespace gatehouse::relay
