#include "relay/connect.h"

#include <boost/asio/redirect_error.hpp>
#include <cerrno>

#include "relay/socket_options.h"

namespace gatehouse::relay {

Task<std::optional<DialFailure>> connect(Socket& socket, const RelayOptions& options) {
  auto connecting = begin_connect(options.backend, options.source, options.client);
  if (!connecting) co_return connecting.error();
  boost::system::error_code error;
  socket.assign(options.backend.address.is_v4() ? boost::asio::ip::tcp::v4() : boost::asio::ip::tcp::v6(),
                connecting->get(), error);
  if (error) co_return DialFailure{policy::EndReason::out_of_resources, "event loop: " + error_text(error.value())};
  connecting->release();
  set_stream_options(socket.native_handle());  // while the network works
  int error_number = EALREADY;
  while (error_number == EALREADY) {
    co_await socket.async_wait(Socket::wait_write, boost::asio::redirect_error(awaiting, error));
    if (!socket.is_open()) co_return DialFailure{policy::EndReason::error, "given up"};
    error_number = error ? error.value() : connect_result(socket.native_handle(), options.backend);
  }
  if (error_number != 0) co_return connect_failure(options.backend, error_number);
  co_return std::nullopt;
}

}  // namespace gatehouse::relay
