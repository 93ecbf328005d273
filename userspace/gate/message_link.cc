#include "gate/message_link.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "relay/socket_options.h"

namespace gatehouse::gate {

using relay::awaiting;

Task<bool> MessageLink::write(rustdesk::Buffer message) {
  while (writing_) {
    boost::system::error_code cancelled;
    co_await turn_.async_wait(boost::asio::redirect_error(awaiting, cancelled));
  }
  if (!socket_.is_open()) co_return false;
  writing_ = true;
  const bool done = co_await put(std::move(message));
  writing_ = false;
  turn_.cancel();
  co_return done;
}

void MessageLink::finish() {
  boost::system::error_code ignored;
  if (socket_.is_open()) socket_.shutdown(relay::Socket::shutdown_send, ignored);
}

void MessageLink::close(bool reset) {
  if (!socket_.is_open()) return;
  if (reset) relay::reset_on_close(socket_.native_handle());
  boost::system::error_code ignored;
  socket_.close(ignored);
}

Task<std::optional<rustdesk::Buffer>> FrameLink::read() {
  while (true) {
    if (!input_.empty()) {
      const auto frame = reader_.next(input_);
      if (!frame) {
        fault_ = std::string("frame: ") + std::string(rustdesk::to_text(frame.error()));
        co_return std::nullopt;
      }
      if (*frame) {
        incomplete_since_.reset();
        const auto payload = (*frame)->payload;
        if (!channel_) co_return rustdesk::Buffer(payload.begin(), payload.end());
        auto opened = channel_->open(payload);
        if (opened) co_return std::move(*opened);
        fault_ = std::string("encrypted frame: ") + std::string(rustdesk::to_text(opened.error()));
        co_return std::nullopt;
      }
    }
    if (reader_.held() > 0 && !incomplete_since_) incomplete_since_ = std::chrono::steady_clock::now();
    boost::system::error_code error;
    const std::size_t count =
        co_await socket_.async_read_some(boost::asio::buffer(buffer_), boost::asio::redirect_error(awaiting, error));
    if (error) co_return std::nullopt;
    bytes_read_ += count;
    input_ = rustdesk::Bytes(buffer_).first(count);
  }
}

Task<bool> FrameLink::put(rustdesk::Buffer message) {
  const auto sealed = channel_ ? channel_->seal(message) : rustdesk::Buffer();
  const auto frame = rustdesk::to_frame(channel_ ? rustdesk::Bytes(sealed) : rustdesk::Bytes(message));
  boost::system::error_code error;
  const std::size_t count = co_await boost::asio::async_write(socket_, boost::asio::buffer(frame),
                                                              boost::asio::redirect_error(awaiting, error));
  bytes_written_ += count;
  co_return !error;
}

}  // namespace gatehouse::gate
