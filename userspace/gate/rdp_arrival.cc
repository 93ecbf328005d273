#include "gate/rdp_arrival.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/redirect_error.hpp>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "rdp/connection_request.h"

namespace gatehouse::gate {
namespace {

using policy::EndReason;
using relay::awaiting;

constexpr std::chrono::seconds longest_silence{10};  // before the first word
constexpr std::chrono::seconds longest_wait{30};     // in all: who has said it may be one of many
constexpr std::chrono::milliseconds place_pause{20};
constexpr std::chrono::milliseconds worker_pause{10};
constexpr int worker_attempts = 300;

// From how many bytes on the socket is readable (SO_RCVLOWAT, socket(7)): what is there already wakes nobody again.
void wake_from(int socket, int bytes) {
  ::setsockopt(socket, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes);
}

}  // namespace

Task<std::optional<ArrivalFault>> RdpArrival::await_first_word() {
  const int socket = client_.native_handle();
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
    co_await client_.async_wait(relay::Socket::wait_read, boost::asio::redirect_error(awaiting, error));
    if (error) co_return ArrivalFault{};
  }
}

Task<void> RdpArrival::pause(std::chrono::milliseconds time) {
  relay::Timer timer(client_.get_executor(), time);
  boost::system::error_code ignored;
  co_await timer.async_wait(boost::asio::redirect_error(awaiting, ignored));
}

Task<std::optional<ArrivalFault>> RdpArrival::take_worker(std::optional<rdp::WorkerProcess>& worker) {
  since_ = std::chrono::steady_clock::now();
  if (auto fault = co_await await_first_word()) co_return fault;
  heard_ = true;
  while (!place_) {
    if (cancelled_) co_return ArrivalFault{};
    if (auto place = handshakes_.enter(source_)) {
      place_.emplace(std::move(*place));
    } else {
      co_await pause(place_pause);
    }
  }
  // Where many come at once it may take a moment.
  for (int attempt = 0; attempt < worker_attempts && !cancelled_; ++attempt) {
    auto ready = workers_.take();
    if (!ready) co_return ArrivalFault{EndReason::out_of_resources, ready.error().text()};
    if (*ready) {
      worker.emplace(std::move(**ready));
      since_.reset();
      co_return std::nullopt;
    }
    co_await pause(worker_pause);
  }
  co_return ArrivalFault{EndReason::out_of_resources, "no worker came up in time"};
}

void RdpArrival::cancel() {
  cancelled_ = true;
  boost::system::error_code ignored;
  if (since_) client_.cancel(ignored);
}

std::optional<ArrivalFault> RdpArrival::overdue(relay::SteadyTime now) const {
  if (!since_ || cancelled_ || now - *since_ <= (heard_ ? longest_wait : longest_silence)) return std::nullopt;
  if (heard_) return ArrivalFault{EndReason::out_of_resources, "too many connections are in their handshake"};
  return ArrivalFault{EndReason::timeout, "the client was silent in the handshake"};
}

}  // namespace gatehouse::gate
