#include "gate/rdp_arrival.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/redirect_error.hpp>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "rdp/connection_request.h"

namespace gatehouse::gate {
namespace {

using policy::EndReason;
using relay::awaiting;

// From how many bytes on the socket is readable (SO_RCVLOWAT, socket(7)): what is there already wakes nobody again.
void wake_from(int socket, int bytes) {
  ::setsockopt(socket, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes);
}

}  // namespace

Task<std::optional<ArrivalFault>> await_connection_request(relay::Socket& client) {
  const int socket = client.native_handle();
  std::array<std::uint8_t, rdp::longest_connection_request> bytes{};
  std::size_t former = 0;
  for (bool ready = false;; ready = true) {
    const auto received = ::recv(socket, bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
    if (received < 0 && errno != EAGAIN && errno != EINTR) {
      co_return ArrivalFault{EndReason::client_reset, std::strerror(errno)};
    }
    const auto length = received < 0 ? former : static_cast<std::size_t>(received);
    if (received == 0 || (ready && length == former)) {
      co_return ArrivalFault{EndReason::normal, "the client closed before it had said anything"};
    }
    const auto request = rdp::read_connection_request({bytes.data(), length});
    if (!request) co_return ArrivalFault{EndReason::error, "the client does not speak RDP: " + request.error().what};
    if (*request) {
      wake_from(socket, 1);
      co_return std::nullopt;
    }
    former = length;
    wake_from(socket, static_cast<int>(length) + 1);
    boost::system::error_code error;
    co_await client.async_wait(relay::Socket::wait_read, boost::asio::redirect_error(awaiting, error));
    if (error) co_return ArrivalFault{};
  }
}

}  // namespace gatehouse::gate
