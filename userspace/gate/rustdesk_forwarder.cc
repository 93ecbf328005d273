#include "gate/rustdesk_forwarder.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <cerrno>
#include <exception>
#include <optional>
#include <utility>

#include "gate/message_link.h"
#include "gate/signal_security.h"
#include "gate/websocket_link.h"
#include "relay/connect.h"
#include "relay/socket_options.h"

namespace gatehouse::gate {

using policy::EndReason;
using policy::RustDeskPort;
using relay::awaiting;
using relay::RelayOutcome;
using relay::Socket;
using relay::SteadyTime;

namespace {

// A message that has begun is whole in this time, and a connection has one in that: hbbs itself waits 30 s.
constexpr std::chrono::seconds longest_message_time{10};
constexpr std::chrono::seconds longest_first_message{30};
constexpr std::chrono::seconds longest_quiet{90};
constexpr std::chrono::seconds longest_farewell{3};

class SignalForwarder final : public Forwarder {
 public:
  SignalForwarder(std::shared_ptr<Rendezvous> rendezvous, Socket client, relay::RelayOptions options,
                  RustDeskTerms terms)
      : rendezvous_(std::move(rendezvous)),
        client_(std::move(client)),
        backend_(client_.get_executor()),
        all_returned_(client_.get_executor(), SteadyTime::max()),
        silence_(client_.get_executor()),
        beginning_(client_.get_executor()),
        options_(options),
        terms_(std::move(terms)),
        security_(terms_.secure_tcp, terms_.server_key) {
    if (terms_.port == RustDeskPort::signal_websocket) {
      client_link_ = std::make_unique<WebSocketLink>(client_, rustdesk::longest_message);
      backend_link_ = std::make_unique<WebSocketLink>(backend_, rustdesk::longest_message);
    } else {
      client_link_ = std::make_unique<FrameLink>(client_);
      backend_link_ = std::make_unique<FrameLink>(backend_);
    }
  }
  ~SignalForwarder() override { rendezvous_->left(terms_.session); }
  SignalForwarder(const SignalForwarder&) = delete;
  SignalForwarder& operator=(const SignalForwarder&) = delete;

  Task<std::optional<RelayOutcome>> prepare() override;
  Task<RelayOutcome> forward() override;
  bool abort(EndReason reason, std::string detail) override { return end(reason, std::move(detail), true); }
  void expire(SteadyTime now) override;
  void set_idle_timeout(std::chrono::milliseconds timeout) override { options_.idle_timeout = timeout; }
  void announce_end(Duration) override {}  // no message of this protocol could say it
  [[nodiscard]] std::uint64_t bytes_from_client() const override { return client_link_->bytes_read(); }
  [[nodiscard]] std::uint64_t bytes_to_client() const override { return client_link_->bytes_written(); }

 private:
  bool end(EndReason reason, std::string detail, bool reset);
  [[nodiscard]] RelayOutcome outcome() const { return {reason_, detail_, bytes_from_client(), bytes_to_client()}; }
  Task<bool> open_websockets();
  Task<void> carry(bool from_server);
  Task<void> offer_when_silent();
  Task<void> offer();
  void begin(Task<void> task);  // beside forward(), which waits for it
  Task<void> wait_for_beginning();
  // false: the connection has ended.
  Task<bool> take(bool from_server, rustdesk::Buffer message);
  Task<void> answer(MessageLink& to, DeviceVerdict verdict);
  // false: the connection has ended with it.
  Task<bool> pass_on(bool from_server, rustdesk::Buffer bytes);

  std::shared_ptr<Rendezvous> rendezvous_;
  Socket client_;
  Socket backend_;
  relay::Timer all_returned_;  // never expires: cancelled when one of begin() has returned
  relay::Timer silence_;       // of the client; cancelled when it has spoken
  relay::Timer beginning_;     // of the server; cancelled when it has spoken
  relay::RelayOptions options_;
  RustDeskTerms terms_;
  SignalSecurity security_;
  std::unique_ptr<MessageLink> client_link_;
  std::unique_ptr<MessageLink> backend_link_;
  unsigned under_way_ = 0;  // of begin()
  bool unread_ = false;
  bool beginning_over_ = false;
  bool dialing_ = false;
  bool forwarding_ = false;
  bool ended_ = false;
  std::optional<SteadyTime> answered_;
  EndReason reason_ = EndReason::none;
  std::string detail_;
  SteadyTime began_{};
  SteadyTime last_movement_{};
  std::uint64_t bytes_seen_ = 0;
};

bool SignalForwarder::end(EndReason reason, std::string detail, bool reset) {
  if (ended_) return false;
  ended_ = true;
  reason_ = reason;
  detail_ = std::move(detail);
  client_link_->close(reset);
  backend_link_->close(reset);
  silence_.cancel();
  beginning_.cancel();
  return true;
}

Task<std::optional<RelayOutcome>> SignalForwarder::prepare() {
  began_ = std::chrono::steady_clock::now();
  last_movement_ = began_;
  if (ended_) co_return outcome();
  dialing_ = true;
  if (auto failure = co_await relay::connect(backend_, options_)) {
    end(failure->reason, std::move(failure->detail), true);
    co_return outcome();
  }
  dialing_ = false;
  if (ended_) co_return outcome();
  relay::set_stream_options(client_.native_handle());
  co_return std::nullopt;
}

Task<bool> SignalForwarder::open_websockets() {
  auto& client = static_cast<WebSocketLink&>(*client_link_);
  auto& backend = static_cast<WebSocketLink&>(*backend_link_);
  auto request = co_await client.accept();
  if (!request) {
    end(EndReason::error, "client: " + client.fault(), true);
    co_return false;
  }
  if (!co_await backend.connect(std::move(*request))) {
    end(EndReason::error, backend.fault(), true);
    co_return false;
  }
  co_return true;
}

Task<RelayOutcome> SignalForwarder::forward() {
  if (ended_) co_return outcome();
  forwarding_ = true;
  if (terms_.port == RustDeskPort::signal_websocket && !co_await open_websockets()) co_return outcome();
  if (terms_.port == RustDeskPort::signal && security_.can_offer()) begin(offer_when_silent());
  begin(carry(true));
  co_await carry(false);
  silence_.cancel();
  while (under_way_ > 0) {
    boost::system::error_code cancelled;
    co_await all_returned_.async_wait(boost::asio::redirect_error(awaiting, cancelled));
  }
  co_return outcome();
}

void SignalForwarder::begin(Task<void> task) {
  ++under_way_;
  boost::asio::co_spawn(client_.get_executor(), std::move(task), [this](const std::exception_ptr& failure) {
    if (failure) end(EndReason::error, "event loop failed", true);
    --under_way_;
    all_returned_.cancel();
  });
}

Task<void> SignalForwarder::carry(bool from_server) {
  MessageLink& source = from_server ? *backend_link_ : *client_link_;
  while (auto message = co_await source.read()) {
    if (!from_server) {
      silence_.cancel();
      terms_.place.reset();
    }
    if (ended_ || !co_await take(from_server, std::move(*message))) co_return;
  }
  if (ended_ || answered_) co_return;
  if (!source.fault().empty()) {
    end(EndReason::error, std::string(from_server ? "backend: " : "client: ") + source.fault(), true);
  } else if (from_server) {
    end(EndReason::normal, {}, false);
  } else {
    backend_link_->finish();  // the server may have an answer under way
  }
}

// Who waits for the server to begin says nothing.
Task<void> SignalForwarder::offer_when_silent() {
  silence_.expires_after(SignalSecurity::silence);
  boost::system::error_code cancelled;
  co_await silence_.async_wait(boost::asio::redirect_error(awaiting, cancelled));
  if (!cancelled && !ended_ && security_.can_offer()) co_await offer();
}

Task<void> SignalForwarder::offer() {
  auto offered = security_.offer();
  if (!co_await client_link_->write(std::move(offered))) end(EndReason::client_reset, {}, true);
}

Task<void> SignalForwarder::wait_for_beginning() {
  if (!security_.terminates() || !terms_.habit || beginning_over_) co_return;
  beginning_over_ = true;
  const auto habit = terms_.habit->load();
  if (habit == ServerBegins::never || security_.server_spoke()) co_return;
  beginning_.expires_after(habit == ServerBegins::always ? SignalSecurity::longest_beginning : SignalSecurity::silence);
  boost::system::error_code cancelled;
  co_await beginning_.async_wait(boost::asio::redirect_error(awaiting, cancelled));
  if (!security_.server_spoke()) terms_.habit->store(ServerBegins::never);
}

Task<bool> SignalForwarder::take(bool from_server, rustdesk::Buffer message) {
  if (terms_.port != RustDeskPort::signal) co_return co_await pass_on(from_server, std::move(message));
  if (!from_server) co_await wait_for_beginning();
  if (ended_) co_return false;
  auto& client = static_cast<FrameLink&>(*client_link_);
  auto& backend = static_cast<FrameLink&>(*backend_link_);
  rustdesk::Buffer reply;
  const auto taken = from_server ? security_.from_server(message, reply) : security_.from_client(message, client);
  switch (taken) {
    case SignalSecurity::Taken::judge:
      co_return co_await pass_on(from_server, std::move(message));
    case SignalSecurity::Taken::unread:
      if (!std::exchange(unread_, true)) terms_.note("device_let_through", "message unreadable: passed unread");
      co_return co_await (from_server ? *client_link_ : *backend_link_).write(std::move(message));
    case SignalSecurity::Taken::failed:
      end(EndReason::error, security_.fault(), true);
      co_return false;
    case SignalSecurity::Taken::consumed:
      break;
  }
  if (reply.empty()) co_return true;
  if (!co_await backend.write(std::move(reply))) co_return false;
  security_.secure(backend);
  if (terms_.habit) terms_.habit->store(ServerBegins::always);
  beginning_.cancel();
  // Its client waits for such a beginning, too.
  if (security_.can_offer()) {
    silence_.cancel();
    co_await offer();
  }
  co_return true;
}

// What the gateway says instead of the server is the last word: nothing follows it, and it arrives, for the socket is
// closed when its reader has read (a close with bytes unread would be a reset).
Task<void> SignalForwarder::answer(MessageLink& to, DeviceVerdict verdict) {
  answered_ = std::chrono::steady_clock::now();
  backend_link_->close(true);
  const bool arrived = co_await to.write(std::move(verdict.bytes));
  to.finish();
  while (arrived && !ended_ && co_await to.read()) {
  }
  end(EndReason::forced_disconnect, std::move(verdict.detail), false);
}

Task<bool> SignalForwarder::pass_on(bool from_server, rustdesk::Buffer bytes) {
  MessageLink& source = from_server ? *backend_link_ : *client_link_;
  MessageLink& sink = from_server ? *client_link_ : *backend_link_;
  // Not made within the call: GCC 12 destroys what is in braces there twice.
  DeviceMessage message{.service = terms_.service,
                        .client = options_.client,
                        .session = terms_.session,
                        .port = terms_.port,
                        .from_server = from_server,
                        .bytes = std::move(bytes)};
  auto verdict = co_await rendezvous_->judge(std::move(message));
  if (ended_ || answered_) co_return false;
  switch (verdict.what) {
    case DeviceVerdict::What::drop:
      co_return true;
    case DeviceVerdict::What::pass:
      if (co_await sink.write(std::move(verdict.bytes))) co_return true;
      end(from_server ? EndReason::client_reset : EndReason::backend_reset, {}, true);
      co_return false;
    case DeviceVerdict::What::reply:
      co_return co_await source.write(std::move(verdict.bytes));
    case DeviceVerdict::What::answer:
      co_await answer(source, std::move(verdict));
      co_return false;
    case DeviceVerdict::What::close:
      end(EndReason::forced_disconnect, std::move(verdict.detail), true);
      co_return false;
  }
  co_return false;
}

void SignalForwarder::expire(SteadyTime now) {
  if (ended_ || began_ == SteadyTime{}) return;
  if (dialing_) {
    if (now - began_ >= options_.connect_timeout) {
      end(EndReason::backend_timeout, options_.backend.text() + ": no answer in time", true);
    }
    return;
  }
  if (!forwarding_) return;
  if (answered_) {
    if (now - *answered_ >= longest_farewell) client_link_->close(false);
    return;
  }
  if (terms_.place && now - began_ >= longest_first_message) {
    end(EndReason::timeout, "no first message in time", true);
    return;
  }
  for (const auto* link : {client_link_.get(), backend_link_.get()}) {
    const auto since = link->incomplete_since();
    if (since && now - *since >= longest_message_time) {
      end(EndReason::timeout, "a message was not whole in time", true);
      return;
    }
  }
  const std::uint64_t moved = client_link_->bytes_read() + client_link_->bytes_written();
  if (moved != bytes_seen_) {
    bytes_seen_ = moved;
    last_movement_ = now;
  }
  const std::chrono::milliseconds silence =
      options_.idle_timeout.count() > 0 ? std::min<std::chrono::milliseconds>(options_.idle_timeout, longest_quiet)
                                        : longest_quiet;
  if (now - last_movement_ >= silence) end(EndReason::inactivity_timeout, "no message for the idle timeout", true);
}

}  // namespace

std::unique_ptr<Forwarder> make_rustdesk_forwarder(std::shared_ptr<Rendezvous> rendezvous, relay::Socket client,
                                                   relay::PipePool& pipes, relay::RelayOptions options,
                                                   RustDeskTerms terms) {
  if (terms.port == RustDeskPort::relay || terms.port == RustDeskPort::relay_websocket) {
    return make_device_relay_forwarder(std::move(rendezvous), std::move(client), pipes, options, std::move(terms));
  }
  return std::make_unique<SignalForwarder>(std::move(rendezvous), std::move(client), options, std::move(terms));
}

}  // namespace gatehouse::gate
