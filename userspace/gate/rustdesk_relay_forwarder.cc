// At hbbr: the first message says which relay session a client means, and is judged; the rest is between the two
// clients (hbb_common encrypts it from end to end) and passes unread, over TCP by the same relay as everything else.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "gate/message_link.h"
#include "gate/rustdesk_forwarder.h"
#include "gate/websocket_link.h"
#include "relay/connect.h"

namespace gatehouse::gate {

using policy::EndReason;
using relay::awaiting;
using relay::RelayOutcome;
using relay::Socket;
using relay::SteadyTime;

namespace {

constexpr std::chrono::seconds longest_wait_at_relay{30};  // as hbbr waits
constexpr std::size_t longest_websocket_message = 16U << 20U;

DeviceMessage first_message(const RustDeskTerms& terms, const relay::RelayOptions& options, rustdesk::Buffer bytes) {
  return {.service = terms.service,
          .client = options.client,
          .session = terms.session,
          .port = terms.port,
          .from_server = false,
          .bytes = std::move(bytes)};
}

class TcpDeviceRelay final : public Forwarder {
 public:
  TcpDeviceRelay(std::shared_ptr<Rendezvous> rendezvous, Socket client, relay::PipePool& pipes,
                 relay::RelayOptions options, RustDeskTerms terms)
      : rendezvous_(std::move(rendezvous)),
        client_(std::move(client)),
        link_(std::make_unique<FrameLink>(client_)),
        pipes_(pipes),
        options_(options),
        terms_(std::move(terms)) {}
  ~TcpDeviceRelay() override { rendezvous_->left(terms_.session); }
  TcpDeviceRelay(const TcpDeviceRelay&) = delete;
  TcpDeviceRelay& operator=(const TcpDeviceRelay&) = delete;

  Task<std::optional<RelayOutcome>> prepare() override;
  Task<RelayOutcome> forward() override {
    if (!relay_) co_return outcome();
    co_return co_await relay_->forward();
  }
  bool abort(EndReason reason, std::string detail) override {
    if (relay_) return relay_->abort(reason, std::move(detail));
    return end(reason, std::move(detail));
  }
  void expire(SteadyTime now) override {
    if (relay_) return relay_->expire(now);
    if (began_ != SteadyTime{} && now - began_ >= longest_wait_at_relay) {
      end(EndReason::timeout, "no first message in time");
    }
  }
  void set_idle_timeout(std::chrono::milliseconds timeout) override {
    options_.idle_timeout = timeout;
    if (relay_) relay_->set_idle_timeout(timeout);
  }
  void announce_end(Duration) override {}  // the bytes are the two clients' own
  [[nodiscard]] std::uint64_t bytes_from_client() const override {
    return relay_ ? relay_->bytes_from_client() : link_->bytes_read();
  }
  [[nodiscard]] std::uint64_t bytes_to_client() const override { return relay_ ? relay_->bytes_to_client() : 0; }

 private:
  bool end(EndReason reason, std::string detail) {
    if (ended_) return false;
    ended_ = true;
    reason_ = reason;
    detail_ = std::move(detail);
    link_->close(true);
    return true;
  }
  [[nodiscard]] RelayOutcome outcome() const { return {reason_, detail_, bytes_from_client(), bytes_to_client()}; }

  std::shared_ptr<Rendezvous> rendezvous_;
  Socket client_;
  std::unique_ptr<FrameLink> link_;
  relay::PipePool& pipes_;
  relay::RelayOptions options_;
  RustDeskTerms terms_;
  std::unique_ptr<relay::TcpRelay> relay_;  // once the first message was let through
  bool ended_ = false;
  EndReason reason_ = EndReason::none;
  std::string detail_;
  SteadyTime began_{};
};

Task<std::optional<RelayOutcome>> TcpDeviceRelay::prepare() {
  began_ = std::chrono::steady_clock::now();
  auto message = co_await link_->read();
  if (!message) {
    end(link_->fault().empty() ? EndReason::normal : EndReason::error, link_->fault());
    co_return outcome();
  }
  if (ended_) co_return outcome();
  terms_.place.reset();
  auto first = first_message(terms_, options_, std::move(*message));
  auto verdict = co_await rendezvous_->judge(std::move(first));
  if (!ended_ && verdict.what != DeviceVerdict::What::pass) {
    end(EndReason::forced_disconnect, std::move(verdict.detail));
  }
  if (ended_) co_return outcome();
  auto prologue = rustdesk::to_frame(verdict.bytes);
  const auto rest = link_->rest();
  prologue.insert(prologue.end(), rest.begin(), rest.end());
  relay_ = std::make_unique<relay::TcpRelay>(std::move(client_), pipes_, options_);
  relay_->set_prologue(std::move(prologue));
  co_return co_await relay_->dial();
}

class WebSocketDeviceRelay final : public Forwarder {
 public:
  WebSocketDeviceRelay(std::shared_ptr<Rendezvous> rendezvous, Socket client, relay::RelayOptions options,
                       RustDeskTerms terms)
      : rendezvous_(std::move(rendezvous)),
        client_(std::move(client)),
        backend_(client_.get_executor()),
        both_returned_(client_.get_executor(), SteadyTime::max()),
        client_link_(client_, longest_websocket_message),
        backend_link_(backend_, longest_websocket_message),
        options_(options),
        terms_(std::move(terms)) {}
  ~WebSocketDeviceRelay() override { rendezvous_->left(terms_.session); }
  WebSocketDeviceRelay(const WebSocketDeviceRelay&) = delete;
  WebSocketDeviceRelay& operator=(const WebSocketDeviceRelay&) = delete;

  Task<std::optional<RelayOutcome>> prepare() override;
  Task<RelayOutcome> forward() override;
  bool abort(EndReason reason, std::string detail) override { return end(reason, std::move(detail), true); }
  void expire(SteadyTime now) override;
  void set_idle_timeout(std::chrono::milliseconds timeout) override { options_.idle_timeout = timeout; }
  void announce_end(Duration) override {}
  [[nodiscard]] std::uint64_t bytes_from_client() const override { return client_link_.bytes_read(); }
  [[nodiscard]] std::uint64_t bytes_to_client() const override { return client_link_.bytes_written(); }

 private:
  bool end(EndReason reason, std::string detail, bool reset) {
    if (ended_) return false;
    ended_ = true;
    reason_ = reason;
    detail_ = std::move(detail);
    client_link_.close(reset);
    backend_link_.close(reset);
    return true;
  }
  [[nodiscard]] RelayOutcome outcome() const { return {reason_, detail_, bytes_from_client(), bytes_to_client()}; }
  Task<void> carry(WebSocketLink& from, WebSocketLink& to);

  std::shared_ptr<Rendezvous> rendezvous_;
  Socket client_;
  Socket backend_;
  relay::Timer both_returned_;
  WebSocketLink client_link_;
  WebSocketLink backend_link_;
  relay::RelayOptions options_;
  RustDeskTerms terms_;
  rustdesk::Buffer first_;
  bool other_returned_ = true;
  bool forwarding_ = false;
  bool ended_ = false;
  EndReason reason_ = EndReason::none;
  std::string detail_;
  SteadyTime began_{};
  SteadyTime last_movement_{};
  std::uint64_t bytes_seen_ = 0;
};

Task<std::optional<RelayOutcome>> WebSocketDeviceRelay::prepare() {
  began_ = std::chrono::steady_clock::now();
  last_movement_ = began_;
  auto request = co_await client_link_.accept();
  std::optional<rustdesk::Buffer> message;
  if (request) message = co_await client_link_.read();
  if (!message) {
    end(client_link_.fault().empty() ? EndReason::normal : EndReason::error, client_link_.fault(), true);
    co_return outcome();
  }
  if (ended_) co_return outcome();
  terms_.place.reset();
  auto first = first_message(terms_, options_, std::move(*message));
  auto verdict = co_await rendezvous_->judge(std::move(first));
  if (!ended_ && verdict.what != DeviceVerdict::What::pass) {
    end(EndReason::forced_disconnect, std::move(verdict.detail), true);
  }
  if (ended_) co_return outcome();
  first_ = std::move(verdict.bytes);
  if (auto failure = co_await relay::connect(backend_, options_)) {
    end(failure->reason, std::move(failure->detail), true);
  } else if (!ended_ && !co_await backend_link_.connect(std::move(*request))) {
    end(EndReason::error, backend_link_.fault(), true);
  }
  if (ended_) co_return outcome();
  co_return std::nullopt;
}

Task<void> WebSocketDeviceRelay::carry(WebSocketLink& from, WebSocketLink& to) {
  while (auto message = co_await from.read()) {
    if (ended_ || !co_await to.write(std::move(*message))) break;
  }
  end(from.fault().empty() ? EndReason::normal : EndReason::error, from.fault(), false);
}

Task<RelayOutcome> WebSocketDeviceRelay::forward() {
  if (ended_) co_return outcome();
  forwarding_ = true;
  if (!co_await backend_link_.write(std::move(first_))) {
    end(EndReason::backend_reset, {}, true);
    co_return outcome();
  }
  other_returned_ = false;
  boost::asio::co_spawn(client_.get_executor(), carry(backend_link_, client_link_),
                        [this](const std::exception_ptr& failure) {
                          if (failure) end(EndReason::error, "event loop failed", true);
                          other_returned_ = true;
                          both_returned_.cancel();
                        });
  co_await carry(client_link_, backend_link_);
  if (!other_returned_) {
    boost::system::error_code cancelled;
    co_await both_returned_.async_wait(boost::asio::redirect_error(awaiting, cancelled));
  }
  co_return outcome();
}

void WebSocketDeviceRelay::expire(SteadyTime now) {
  if (ended_ || began_ == SteadyTime{}) return;
  if (!forwarding_) {
    if (now - began_ >= longest_wait_at_relay) end(EndReason::timeout, "no first message in time", true);
    return;
  }
  const std::uint64_t moved = bytes_from_client() + bytes_to_client();
  if (moved != bytes_seen_) {
    bytes_seen_ = moved;
    last_movement_ = now;
  } else if (options_.idle_timeout.count() > 0 && now - last_movement_ >= options_.idle_timeout) {
    end(EndReason::inactivity_timeout, "no bytes for the idle timeout", true);
  }
}

}  // namespace

std::unique_ptr<Forwarder> make_device_relay_forwarder(std::shared_ptr<Rendezvous> rendezvous, relay::Socket client,
                                                       relay::PipePool& pipes, relay::RelayOptions options,
                                                       RustDeskTerms terms) {
  if (terms.port == policy::RustDeskPort::relay_websocket) {
    return std::make_unique<WebSocketDeviceRelay>(std::move(rendezvous), std::move(client), options, std::move(terms));
  }
  return std::make_unique<TcpDeviceRelay>(std::move(rendezvous), std::move(client), pipes, options, std::move(terms));
}

}  // namespace gatehouse::gate
