#include "relay/tcp_relay.h"

#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <cerrno>
#include <exception>
#include <utility>
#include <vector>

#include "relay/connect.h"
#include "relay/proxy_protocol.h"
#include "relay/pump.h"
#include "relay/socket_options.h"

namespace gatehouse::relay {

using policy::EndReason;

class TcpRelay::Impl {
 public:
  Impl(Socket client, PipePool& pipes, RelayOptions options)
      : client_(std::move(client)),
        backend_(client_.get_executor()),
        both_returned_(client_.get_executor(), SteadyTime::max()),
        options_(options),
        to_backend_(client_, backend_, pipes),
        to_client_(backend_, client_, pipes) {}
  ~Impl() { close_both(!ended_); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Task<std::optional<RelayOutcome>> dial();
  Task<RelayOutcome> forward();
  bool end(EndReason reason, std::string detail, bool reset = true);  // false: had ended already
  void expire(SteadyTime now);
  void set_idle_timeout(std::chrono::milliseconds timeout) { options_.idle_timeout = timeout; }
  void set_prologue(std::vector<std::uint8_t> bytes) { prologue_ = std::move(bytes); }

  [[nodiscard]] std::uint64_t bytes_from_client() const { return to_backend_.bytes_taken(); }
  [[nodiscard]] std::uint64_t bytes_to_client() const { return to_client_.bytes_delivered(); }

 private:
  enum class Phase { waiting, dialing, dialed, forwarding };

  Task<void> send_first(std::vector<std::uint8_t> bytes);
  Task<void> carry(Pump& pump, bool& finished);
  void side_failed(bool client_side, int error_number);
  void close_both(bool reset);
  void notice_silent_reset();
  void watch_over_peers();
  [[nodiscard]] RelayOutcome outcome() const { return {reason_, detail_, bytes_from_client(), bytes_to_client()}; }

  Socket client_;
  Socket backend_;
  Timer both_returned_;  // never expires: cancelled when the direction that forward() waits for has returned
  RelayOptions options_;
  std::vector<std::uint8_t> prologue_;
  Pump to_backend_;
  Pump to_client_;
  Phase phase_ = Phase::waiting;
  bool to_backend_finished_ = false;
  bool to_client_finished_ = false;
  bool to_client_returned_ = false;

  bool watched_ = false;
  bool ended_ = false;
  EndReason reason_ = EndReason::none;
  std::string detail_;

  SteadyTime began_{};            // dialling
  SteadyTime last_movement_{};    // as far as the ticks have seen
  std::uint64_t bytes_seen_ = 0;  // at last_movement_, both directions
};

Task<std::optional<RelayOutcome>> TcpRelay::Impl::dial() {
  began_ = std::chrono::steady_clock::now();
  last_movement_ = began_;
  if (ended_) co_return outcome();
  phase_ = Phase::dialing;

  set_stream_options(client_.native_handle());
  if (auto failure = co_await connect(backend_, options_)) {
    end(failure->reason, std::move(failure->detail));  // unless it was ended meanwhile, which counts
    co_return outcome();
  }
  phase_ = Phase::dialed;
  co_return std::nullopt;
}

Task<RelayOutcome> TcpRelay::Impl::forward() {
  if (ended_) co_return outcome();
  phase_ = Phase::forwarding;
  if (options_.proxy_protocol == policy::ProxyProtocol::v2) {
    co_await send_first(proxy_header_v2(options_.client, options_.proxy));
    if (ended_) co_return outcome();
  }
  if (!prologue_.empty()) {
    co_await send_first(std::exchange(prologue_, {}));
    if (ended_) co_return outcome();
  }
  boost::asio::co_spawn(client_.get_executor(), carry(to_client_, to_client_finished_),
                        [this](const std::exception_ptr& failure) {
                          if (failure) end(EndReason::error, "event loop failed");
                          to_client_returned_ = true;
                          both_returned_.cancel();
                        });
  co_await carry(to_backend_, to_backend_finished_);
  if (!to_client_returned_) {
    boost::system::error_code cancelled;
    co_await both_returned_.async_wait(boost::asio::redirect_error(awaiting, cancelled));
  }
  co_return outcome();
}

// A fresh connection has room for it; all the same nothing is taken for granted.
Task<void> TcpRelay::Impl::send_first(std::vector<std::uint8_t> bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t count =
        ::send(backend_.native_handle(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      sent += static_cast<std::size_t>(count);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) {
      side_failed(false, errno);
      co_return;
    }
    boost::system::error_code error;
    co_await backend_.async_wait(Socket::wait_write, boost::asio::redirect_error(awaiting, error));
    if (ended_) co_return;
  }
}

// One direction to its end. Never throws: what goes wrong is the outcome.
Task<void> TcpRelay::Impl::carry(Pump& pump, bool& finished) {
  const bool from_client = &pump == &to_backend_;
  PumpEnd result;
  try {
    result = co_await pump.run();
  } catch (const std::exception& exception) {
    end(EndReason::error, exception.what());
    co_return;
  }
  if (!ended_ && result.kind == PumpEnd::Kind::sink_failed && result.error_number == EPIPE) {
    // A socket tells its error once: the other direction, which reads from it, may have it already and be next in the
    // loop's queue.
    co_await boost::asio::post(client_.get_executor(), awaiting);
  }
  if (ended_) co_return;
  switch (result.kind) {
    case PumpEnd::Kind::end_of_stream: {
      finished = true;
      if (to_backend_finished_ && to_client_finished_) {
        end(EndReason::normal, {}, false);
        break;
      }
      Socket& sink = from_client ? backend_ : client_;
      if (::shutdown(sink.native_handle(), SHUT_WR) != 0) {
        // ENOTCONN: the peer has reset it, and that error is still to be taken.
        const int pending = take_pending_error(sink.native_handle());
        side_failed(!from_client, pending != 0 ? pending : ECONNRESET);
      }
      break;
    }
    case PumpEnd::Kind::source_failed:
      side_failed(from_client, result.error_number);
      break;
    case PumpEnd::Kind::sink_failed:
      side_failed(!from_client, result.error_number);
      break;
    case PumpEnd::Kind::out_of_service:
      end(EndReason::error, "splice: " + error_text(result.error_number));
      break;
    case PumpEnd::Kind::closed:
      end(EndReason::error, "socket closed");
      break;
  }
}

void TcpRelay::Impl::side_failed(bool client_side, int error_number) {
  std::string detail = (client_side ? "client: " : "backend: ") + error_text(error_number);
  switch (error_number) {
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
      end(client_side ? EndReason::client_reset : EndReason::backend_reset, std::move(detail));
      break;
    // Besides its own ETIMEDOUT the kernel reports the last ICMP error when it gives up after its retransmissions.
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
      end(EndReason::timeout, std::move(detail));
      break;
    default:
      end(EndReason::error, std::move(detail));
      break;
  }
}

bool TcpRelay::Impl::end(EndReason reason, std::string detail, bool reset) {
  if (ended_) return false;
  ended_ = true;
  reason_ = reason;
  detail_ = std::move(detail);
  close_both(reset);
  return true;
}

// Whoever waits on one of them is resumed by the loop and finds it closed.
void TcpRelay::Impl::close_both(bool reset) {
  for (Socket* socket : {&client_, &backend_}) {
    if (!socket->is_open()) continue;
    if (reset) reset_on_close(socket->native_handle());
    boost::system::error_code ignored;
    socket->close(ignored);
  }
}

void TcpRelay::Impl::expire(SteadyTime now) {
  if (ended_ || phase_ == Phase::waiting) return;
  if (phase_ == Phase::dialing && now - began_ >= options_.connect_timeout) {
    end(EndReason::backend_timeout, options_.backend.text() + ": no answer in time");
    return;
  }
  notice_silent_reset();
  if (ended_ || phase_ != Phase::forwarding) return;
  watch_over_peers();
  const std::uint64_t moved = to_backend_.bytes_delivered() + to_client_.bytes_delivered();
  if (moved != bytes_seen_) {
    bytes_seen_ = moved;
    last_movement_ = now;
  } else if (options_.idle_timeout.count() > 0 && now - last_movement_ >= options_.idle_timeout) {
    end(EndReason::inactivity_timeout, "no bytes for the idle timeout");
  }
}

// A side that nobody reads from (its stream has ended, the other side takes nothing, or forwarding has not begun) may
// be reset without any wait coming to its end.
void TcpRelay::Impl::notice_silent_reset() {
  if (!to_backend_.waits_for_data()) {
    if (const int error_number = take_pending_error(client_.native_handle()); error_number != 0) {
      side_failed(true, error_number);
      return;
    }
  }
  if (phase_ != Phase::dialing && !to_client_.waits_for_data()) {
    if (const int error_number = take_pending_error(backend_.native_handle()); error_number != 0) {
      side_failed(false, error_number);
    }
  }
}

// Not before a connection has lived for a while: most are over sooner than any of these limits, and TCP_USER_TIMEOUT
// would shorten the connect timeout.
void TcpRelay::Impl::watch_over_peers() {
  if (watched_) return;
  watched_ = true;
  for (Socket* socket : {&client_, &backend_})
    set_liveness_options(socket->native_handle(), options_.keep_alive, options_.user_timeout);
}

TcpRelay::TcpRelay(Socket client, PipePool& pipes, RelayOptions options)
    : impl_(std::make_unique<Impl>(std::move(client), pipes, options)) {}
TcpRelay::~TcpRelay() = default;

void TcpRelay::set_prologue(std::vector<std::uint8_t> bytes) {
  impl_->set_prologue(std::move(bytes));
}
Task<std::optional<RelayOutcome>> TcpRelay::dial() {
  return impl_->dial();
}
Task<RelayOutcome> TcpRelay::forward() {
  return impl_->forward();
}
bool TcpRelay::abort(EndReason reason, std::string detail) {
  return impl_->end(reason, std::move(detail));
}
void TcpRelay::expire(SteadyTime now) {
  impl_->expire(now);
}
void TcpRelay::set_idle_timeout(std::chrono::milliseconds timeout) {
  impl_->set_idle_timeout(timeout);
}
std::uint64_t TcpRelay::bytes_from_client() const {
  return impl_->bytes_from_client();
}
std::uint64_t TcpRelay::bytes_to_client() const {
  return impl_->bytes_to_client();
}

}  // namespace gatehouse::relay
