#include "gate/rdp_backend_connection.h"

#include <boost/asio/redirect_error.hpp>
#include <cerrno>

#include "relay/socket_options.h"

namespace gatehouse::gate {

using policy::EndReason;
using relay::awaiting;

Task<std::optional<relay::DialFailure>> RdpBackendConnection::dial() {
  boost::system::error_code error;
  socket_.close(error);
  auto connecting = relay::begin_connect(options_.backend, options_.source, options_.client);
  if (!connecting) co_return connecting.error();
  socket_.assign(options_.backend.address.is_v4() ? boost::asio::ip::tcp::v4() : boost::asio::ip::tcp::v6(),
                 connecting->get(), error);
  if (error) co_return relay::DialFailure{EndReason::out_of_resources, "event loop: " + error.message()};
  connecting->release();
  relay::set_stream_options(socket_.native_handle());
  dialing_since_ = std::chrono::steady_clock::now();
  int error_number = EALREADY;
  while (error_number == EALREADY) {
    co_await socket_.async_wait(relay::Socket::wait_write, boost::asio::redirect_error(awaiting, error));
    if (!socket_.is_open() || is_over_()) {
      co_return relay::DialFailure{EndReason::error, "ended while the backend was dialled"};
    }
    error_number = error ? error.value() : relay::connect_result(socket_.native_handle(), options_.backend);
  }
  dialing_since_.reset();
  if (error_number != 0) co_return relay::connect_failure(options_.backend, error_number);
  relay::set_liveness_options(socket_.native_handle(), options_.keep_alive, options_.user_timeout);
  co_return std::nullopt;
}

void RdpBackendConnection::cancel() {
  boost::system::error_code ignored;
  if (dialing_since_) socket_.cancel(ignored);
}

void RdpBackendConnection::cut() {
  boost::system::error_code ignored;
  if (socket_.is_open()) socket_.shutdown(relay::Socket::shutdown_both, ignored);
}

}  // namespace gatehouse::gate
