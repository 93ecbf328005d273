#include "gate/websocket_link.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

namespace gatehouse::gate {

namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;
using relay::awaiting;

namespace {

constexpr std::uint32_t longest_request = 8192;  // bytes of a request's head

}  // namespace

WebSocketLink::WebSocketLink(relay::Socket& socket, std::size_t longest_message)
    : MessageLink(socket), stream_(socket) {
  stream_.read_message_max(longest_message);
  stream_.binary(true);
}

Task<std::optional<WebSocketRequest>> WebSocketLink::accept() {
  incomplete_since_ = std::chrono::steady_clock::now();
  http::request_parser<http::string_body> parser;
  parser.header_limit(longest_request);
  boost::system::error_code error;
  co_await http::async_read(stream_.next_layer(), buffer_, parser, boost::asio::redirect_error(awaiting, error));
  if (error || !websocket::is_upgrade(parser.get())) {
    fault_ = "no WebSocket upgrade request";
    co_return std::nullopt;
  }
  const auto request = parser.release();
  co_await stream_.async_accept(request, boost::asio::redirect_error(awaiting, error));
  incomplete_since_.reset();
  if (error) {
    fault_ = "WebSocket handshake: " + error.message();
    co_return std::nullopt;
  }
  buffer_.clear();
  co_return WebSocketRequest{std::string(request.target()), std::string(request[http::field::host])};
}

Task<bool> WebSocketLink::connect(WebSocketRequest request) {
  boost::system::error_code error;
  co_await stream_.async_handshake(request.host, request.target, boost::asio::redirect_error(awaiting, error));
  if (error) fault_ = "WebSocket handshake with the server: " + error.message();
  co_return !error;
}

// A text message is no message of RustDesk: hbbs closes, hbbr takes it for an empty one.
Task<std::optional<rustdesk::Buffer>> WebSocketLink::read() {
  boost::system::error_code error;
  buffer_.clear();
  while (true) {
    co_await stream_.async_read_some(buffer_, 0, boost::asio::redirect_error(awaiting, error));
    if (error) {
      if (error == websocket::error::message_too_big) fault_ = "a WebSocket message is too long";
      co_return std::nullopt;
    }
    if (stream_.is_message_done()) break;
    if (!incomplete_since_) incomplete_since_ = std::chrono::steady_clock::now();
  }
  incomplete_since_.reset();
  if (stream_.got_text()) {
    fault_ = "a WebSocket message of text";
    co_return std::nullopt;
  }
  const auto bytes = buffer_.data();
  bytes_read_ += bytes.size();
  const auto* first = static_cast<const std::uint8_t*>(bytes.data());
  co_return rustdesk::Buffer(first, first + bytes.size());
}

Task<bool> WebSocketLink::put(rustdesk::Buffer message) {
  boost::system::error_code error;
  co_await stream_.async_write(boost::asio::buffer(message), boost::asio::redirect_error(awaiting, error));
  if (!error) bytes_written_ += message.size();
  co_return !error;
}

}  // namespace gatehouse::gate
