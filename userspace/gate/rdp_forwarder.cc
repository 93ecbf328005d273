#include "gate/rdp_forwarder.h"

#include <linux/sockios.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <cerrno>
#include <cstring>
#include <optional>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "gate/rdp_arrival.h"
#include "gate/rdp_audit.h"
#include "gate/rdp_credentials.h"
#include "gate/rdp_error_info.h"
#include "gate/rdp_recording.h"
#include "rdp/channel_policy.h"
#include "rdp/control_channel.h"
#include "rdp/heartbeat.h"
#include "rdp/stall_watch.h"
#include "relay/dialer.h"
#include "relay/socket_options.h"
#include "relay/tcp_bytes.h"

namespace gatehouse::gate {
namespace {

using policy::EndReason;
using relay::awaiting;
using relay::RelayOutcome;
using relay::SteadyTime;
using Channel = boost::asio::posix::basic_stream_descriptor<LoopExecutor>;

constexpr std::chrono::milliseconds cut_after{400};  // of being told to end
constexpr std::chrono::milliseconds kill_after{700};
constexpr std::size_t most_noted = 256;
constexpr std::chrono::seconds longest_explanation{20};

class RdpForwarder final : public Forwarder {
 public:
  RdpForwarder(RdpServices& services, relay::Socket client, relay::RelayOptions options, RdpTerms terms)
      : services_(services),
        client_(std::move(client)),
        backend_(client_.get_executor()),
        options_(options),
        terms_(std::move(terms)),
        arrival_(*services.workers, services.handshakes, client_, options.client.address) {}
  ~RdpForwarder() override { retire(); }
  RdpForwarder(const RdpForwarder&) = delete;
  RdpForwarder& operator=(const RdpForwarder&) = delete;

  Task<std::optional<RelayOutcome>> prepare() override;
  Task<RelayOutcome> forward() override;
  bool abort(EndReason reason, std::string detail) override;
  void expire(SteadyTime now) override;
  void set_idle_timeout(std::chrono::milliseconds timeout) override { idle_timeout_ = timeout; }
  void announce_end(Duration left) override;
  [[nodiscard]] std::uint64_t bytes_from_client() const override { return bytes().received; }
  [[nodiscard]] std::uint64_t bytes_to_client() const override { return bytes().acknowledged; }

 private:
  bool is_stuck(SteadyTime now);
  Result<void> hand_over();
  Result<void> begin_recording_into(rdp::Start& start);
  [[nodiscard]] policy::Recording wanted_recording() const;
  void take_recording_fault(const std::string& what);
  Task<void> listen();
  Task<void> take(rdp::Message message);
  Task<void> answer_logon(const rdp::LogonQuery& query);
  Task<void> activate(std::uint64_t number);
  Task<void> answer_fallback(const rdp::FallbackQuery& query);
  void refuse_account(const std::string& account, const std::string& fault);
  Task<std::optional<relay::DialFailure>> dial();
  void take_end(const rdp::Ended& ended);
  void tell(const rdp::Message& message, const std::vector<int>& descriptors = {});
  void settle(EndReason reason, std::string detail);  // the first one counts
  void blame_worker(const std::string& detail);       // for the end, unless there is another reason
  void begin_end();                                   // whose reason is settled
  void cut();
  void retire();
  [[nodiscard]] relay::TcpBytes bytes() const;
  RelayOutcome outcome();

  RdpServices& services_;
  relay::Socket client_;  // the worker reads and writes it; here it is counted and cut
  relay::Socket backend_;
  relay::RelayOptions options_;
  RdpTerms terms_;
  RdpArrival arrival_;
  std::optional<rdp::WorkerProcess> worker_;
  std::optional<Channel> channel_;
  std::optional<SteadyTime> dialing_since_;
  std::optional<SteadyTime> aborted_;
  std::optional<rdp::Warn> early_warning_;  // before there was a worker to draw it
  bool records_ = false;                    // the recording goes well
  bool has_recording_ = false;              // there is a directory of it
  std::uint64_t recording_number_ = 0;
  bool logged_in_ = false;  // at the front, with an account
  bool fell_back_ = false;
  Fd recording_;       // its directory, until the worker has it
  bool over_ = false;  // nothing more is to be heard of the worker
  EndReason reason_ = EndReason::none;
  std::string detail_;
  std::chrono::milliseconds idle_timeout_{0};
  SteadyTime last_movement_{};
  std::uint64_t bytes_seen_ = 0;
  std::set<std::string> noted_;             // what is told once
  std::optional<std::uint64_t> continued_;  // the session that the client goes on with
  std::shared_ptr<RdpActivation> activation_;
  SteadyTime began_ = std::chrono::steady_clock::now();
  rdp::Heartbeat heartbeat_;  // of the worker
  rdp::StallWatch stall_;     // of the client
  bool asked_ = false;        // it waits for an answer, and is not heard meanwhile
};

relay::TcpBytes RdpForwarder::bytes() const {
  auto& client = const_cast<relay::Socket&>(client_);  // native_handle() changes nothing
  return client.is_open() ? relay::tcp_bytes(client.native_handle()) : relay::TcpBytes{};
}

void RdpForwarder::settle(EndReason reason, std::string detail) {
  if (reason_ != EndReason::none) return;
  reason_ = reason;
  detail_ = std::move(detail);
}

void RdpForwarder::blame_worker(const std::string& detail) {
  if (reason_ != EndReason::none) return;
  terms_.note("worker_failed", detail);
  settle(EndReason::error, detail);
}

RelayOutcome RdpForwarder::outcome() {
  const auto from_client = bytes_from_client();
  const auto to_client = bytes_to_client();
  retire();
  const bool was_session = activation_ && activation_->state == RdpActivation::State::open;
  if (has_recording_ && !was_session) services_.recording_discarded(recording_number_);
  return {.reason = reason_ == EndReason::none ? EndReason::error : reason_,
          .detail = detail_,
          .bytes_from_client = from_client,
          .bytes_to_client = to_client};
}

void RdpForwarder::retire() {
  if (channel_) channel_->release();  // the worker's object has it
  channel_.reset();
  if (worker_) services_.workers->retire(std::move(*worker_));
  worker_.reset();
}

Task<std::optional<RelayOutcome>> RdpForwarder::prepare() {
  relay::set_stream_options(client_.native_handle());
  relay::set_liveness_options(client_.native_handle(), options_.keep_alive, options_.user_timeout);
  if (auto fault = co_await arrival_.take_worker(worker_)) {
    settle(fault->reason, std::move(fault->detail));
    co_return outcome();
  }
  co_return std::nullopt;
}

Result<void> RdpForwarder::hand_over() {
  auto certificate = services_.certificates->certificate_for(terms_.service, options_.proxy.address);
  if (!certificate) return std::unexpected(certificate.error());
  auto rules = rdp::channel_rules(terms_.channels, terms_.dynamic_channels);
  rdp::Start start;
  start.session = terms_.session;
  start.certificate = std::move(certificate->certificate);
  start.key = std::move(certificate->key);
  start.front = terms_.front == policy::Front::nla ? rdp::Security::nla : rdp::Security::tls;
  start.backend = terms_.server;
  start.back = services_.backend_security;
  start.back_may_fall_back = start.back == rdp::Security::nla && terms_.target.allow_tls_backend;
  start.channels = policy::whole_channels(terms_.channels);
  start.clipboard_text = services_.clipboard_text;
  start.keys = services_.keys;
  start.denied_channels = std::move(rules.denied_channels);
  start.dynamic_channels = std::move(rules.dynamic_channels);
  start.refusal = terms_.refusal;
  std::vector<int> descriptors{client_.native_handle()};
  if (auto begun = begin_recording_into(start); !begun) return std::unexpected(begun.error());
  if (recording_) descriptors.push_back(recording_.get());
  auto text = rdp::encode(start);
  auto sent = rdp::send_packet(worker_->channel(), text, descriptors);
  ::explicit_bzero(text.data(), text.size());
  ::explicit_bzero(start.recording_key.data(), start.recording_key.size());
  recording_.reset();  // locked by the worker's copy alone from now on
  return sent;
}

policy::Recording RdpForwarder::wanted_recording() const {
  return terms_.recording == policy::Recording::as_configured ? services_.recording : terms_.recording;
}

// Error: it must be recorded and cannot.
Result<void> RdpForwarder::begin_recording_into(rdp::Start& start) {
  if (services_.recordings.empty()) {
    // Nothing is recorded here: only a grant that insists has a word in it.
    if (terms_.recording != policy::Recording::required) return {};
    const Error error{"its grant wants it recorded, and there is no place for recordings", "set `recordings` of `rdp`"};
    abort(EndReason::error, error.what);
    return std::unexpected(error);
  }
  if (wanted_recording() == policy::Recording::off) return {};
  auto begun = begin_recording(services_.recordings,
                               {.session = terms_.session,
                                .user = terms_.user,
                                .server = terms_.server,
                                .service = terms_.service,
                                .grant = terms_.grant,
                                .client = options_.client.text(),
                                .started = format_time(now())},
                               *services_.recording_key, services_.recorder_uid);
  if (begun) {
    recording_ = std::move(begun->directory);
    start.recording = true;
    start.recording_key = std::move(begun->key);
    start.recording_base = std::move(begun->base);
    records_ = true;
    has_recording_ = true;
    recording_number_ = terms_.session;
  } else if (take_recording_fault(begun.error().text()); reason_ != EndReason::none) {
    return std::unexpected(begun.error());
  }
  return {};
}

void RdpForwarder::take_recording_fault(const std::string& what) {
  records_ = false;
  services_.recording_ended(terms_.session, what);
  if (wanted_recording() == policy::Recording::required) {
    abort(EndReason::error, "it can no longer be recorded: " + what);
  }
}

Task<RelayOutcome> RdpForwarder::forward() {
  if (reason_ != EndReason::none) co_return outcome();
  last_movement_ = std::chrono::steady_clock::now();
  if (auto handed = hand_over(); !handed) {
    settle(EndReason::error, handed.error().text());
    co_return outcome();
  }
  channel_.emplace(client_.get_executor(), worker_->channel().get());
  if (early_warning_) tell(*early_warning_);
  co_await listen();
  cut();
  co_return outcome();
}

Task<void> RdpForwarder::listen() {
  while (!over_) {
    boost::system::error_code error;
    co_await channel_->async_wait(Channel::wait_read, boost::asio::redirect_error(awaiting, error));
    if (error) {
      settle(EndReason::error, "event loop: " + error.message());
      co_return;
    }
    auto packet = rdp::receive_packet(worker_->channel());
    if (!packet) {
      blame_worker("the session's worker died");
      co_return;
    }
    if (!*packet) continue;
    auto message = rdp::decode((*packet)->text);
    if (!message) {
      blame_worker(message.error().text());
      worker_->kill();
      co_return;
    }
    co_await take(std::move(*message));
  }
}

Task<void> RdpForwarder::take(rdp::Message message) {
  if (const auto* logon = std::get_if<rdp::LogonQuery>(&message)) {
    asked_ = true;
    co_await answer_logon(*logon);
    asked_ = false;
  } else if (const auto* certificate = std::get_if<rdp::CertificateQuery>(&message)) {
    const auto fault = fault_of_certificate(services_, terms_, *certificate);
    tell(rdp::Reply{.number = certificate->number,
                    .accepted = fault.empty(),
                    .error_info = static_cast<std::uint32_t>(ErrorInfo::server_denied_connection)});
    if (!fault.empty()) settle(EndReason::error, "the backend shows " + fault);
  } else if (const auto* account = std::get_if<rdp::AccountQuery>(&message)) {
    auto answer = answer_account(services_, terms_, *account);
    logged_in_ = answer.reply.accepted;
    tell(answer.reply);
    if (auto& hash = answer.reply.nt_hash) ::explicit_bzero(hash->data(), hash->size());
    if (!answer.fault.empty()) refuse_account(account->user, answer.fault);
  } else if (const auto* fallback = std::get_if<rdp::FallbackQuery>(&message)) {
    asked_ = true;
    co_await answer_fallback(*fallback);
    asked_ = false;
  } else if (const auto* activation = std::get_if<rdp::ActivationQuery>(&message)) {
    asked_ = true;
    co_await activate(activation->number);
    asked_ = false;
  } else if (const auto* given = std::get_if<rdp::BackendCookie>(&message)) {
    if (given->cookie && activation_) services_.reconnects.keep_backend_cookie(terms_.session, *given->cookie);
  } else if (const auto* redirection = std::get_if<rdp::Redirection>(&message)) {
    settle(EndReason::error, "the backend sends the client to '" + redirection->target + "', which is not followed");
    if (const auto row = rdp_audit_row(message)) terms_.note(row->action, row->detail);
  } else if (const auto* failed = std::get_if<rdp::RecordingFailed>(&message)) {
    take_recording_fault(failed->what);
  } else if (const auto* ended = std::get_if<rdp::Ended>(&message)) {
    take_end(*ended);
  } else if (const auto* active = std::get_if<rdp::Active>(&message)) {
    arrival_.is_active();
    spdlog::debug("session {}: active with {}x{}", terms_.session, active->width, active->height);
  } else if (std::holds_alternative<rdp::Ping>(message)) {
    heartbeat_.answered();
  } else if (const auto row = rdp_audit_row(message)) {
    if (row->once && (noted_.size() >= most_noted || !noted_.insert(row->action + row->detail).second)) co_return;
    terms_.note(row->action, row->detail);
  }
}

Task<void> RdpForwarder::answer_logon(const rdp::LogonQuery& query) {
  if (const auto row = rdp_audit_row(query)) terms_.note(row->action, row->detail);
  if (terms_.front == policy::Front::nla && !logged_in_) {
    settle(EndReason::error, "the client has not logged in with an account");
    worker_->kill();  // it says what cannot be
    co_return;
  }
  auto judgement = judge_logon(services_, terms_, query);
  if (!judgement.allowed) {
    settle(judgement.reason, judgement.fault);
    tell(rdp::Reply{.number = query.number,
                    .error_info = static_cast<std::uint32_t>(ErrorInfo::server_insufficient_privileges)});
    co_return;
  }
  auto failure = co_await dial();
  if (failure) {
    settle(failure->reason, std::move(failure->detail));
    tell(rdp::Reply{.number = query.number,
                    .error_info = static_cast<std::uint32_t>(ErrorInfo::server_denied_connection)});
    co_return;
  }
  rdp::Reply reply{.number = query.number,
                   .accepted = true,
                   .credentials = std::move(judgement.credentials),
                   .terms = std::move(judgement.terms)};
  if (query.reconnect) {
    if (const auto claim = terms_.claim(*query.reconnect)) {
      continued_ = claim->session;
      reply.cookie = claim->backend;
    }
  }
  tell(reply, {backend_.native_handle()});
}

void RdpForwarder::refuse_account(const std::string& account, const std::string& fault) {
  const auto row = rdp_refused_account(account, fault);
  terms_.note(row.action, row.detail);
  settle(EndReason::error, "account " + row.detail);
}

// TLS without NLA, where the policy allows it for this server; a row says that it was so.
Task<void> RdpForwarder::answer_fallback(const rdp::FallbackQuery& query) {
  if (!terms_.target.allow_tls_backend || fell_back_) {
    tell(rdp::Reply{.number = query.number});
    co_return;
  }
  fell_back_ = true;
  terms_.note("tls_fallback", "server " + terms_.server + " refuses NLA: the session goes on with TLS alone");
  boost::system::error_code ignored;
  backend_.close(ignored);
  auto failure = co_await dial();
  if (failure) {
    settle(failure->reason, std::move(failure->detail));
    tell(rdp::Reply{.number = query.number});
    co_return;
  }
  tell(rdp::Reply{.number = query.number, .accepted = true}, {backend_.native_handle()});
}

// The session's row is written before a picture or a key passes.
Task<void> RdpForwarder::activate(std::uint64_t number) {
  if (activation_) co_return tell(rdp::Reply{.number = number});
  activation_ = std::make_shared<RdpActivation>();
  terms_.activate(continued_, activation_);
  while (activation_->state == RdpActivation::State::waiting) {
    relay::Timer signal(client_.get_executor(), std::chrono::seconds(1));
    activation_->signal = &signal;
    boost::system::error_code ignored;
    co_await signal.async_wait(boost::asio::redirect_error(awaiting, ignored));
    activation_->signal = nullptr;
    if (reason_ != EndReason::none) break;
  }
  rdp::Reply reply{.number = number, .accepted = activation_->state == RdpActivation::State::open};
  if (reply.accepted) {
    terms_.session = activation_->session;
    reply.cookie = activation_->cookie;
  } else {
    reply.error_info = activation_->error_info;
  }
  tell(reply);
}

Task<std::optional<relay::DialFailure>> RdpForwarder::dial() {
  auto connecting = relay::begin_connect(options_.backend, options_.source, options_.client);
  if (!connecting) co_return connecting.error();
  boost::system::error_code error;
  backend_.assign(options_.backend.address.is_v4() ? boost::asio::ip::tcp::v4() : boost::asio::ip::tcp::v6(),
                  connecting->get(), error);
  if (error) co_return relay::DialFailure{EndReason::out_of_resources, "event loop: " + error.message()};
  connecting->release();
  relay::set_stream_options(backend_.native_handle());
  dialing_since_ = std::chrono::steady_clock::now();
  int error_number = EALREADY;
  while (error_number == EALREADY) {
    co_await backend_.async_wait(relay::Socket::wait_write, boost::asio::redirect_error(awaiting, error));
    if (!backend_.is_open() || reason_ != EndReason::none) {
      co_return relay::DialFailure{EndReason::error, "ended while the backend was dialled"};
    }
    error_number = error ? error.value() : relay::connect_result(backend_.native_handle(), options_.backend);
  }
  dialing_since_.reset();
  if (error_number != 0) co_return relay::connect_failure(options_.backend, error_number);
  relay::set_liveness_options(backend_.native_handle(), options_.keep_alive, options_.user_timeout);
  co_return std::nullopt;
}

void RdpForwarder::take_end(const rdp::Ended& ended) {
  over_ = true;
  if (records_) services_.recording_ended(terms_.session, {});
  const auto detail = ended.detail.empty() ? ended.reason : ended.reason + ": " + ended.detail;
  if (ended.reason == "client_closed" && stall_.stalled()) {
    settle(EndReason::timeout, "the client took nothing any more");
  } else if (ended.reason == "client_closed" || ended.reason == "backend_closed") {
    settle(EndReason::normal, ended.detail.empty() ? "" : detail);
  } else if (ended.reason == "handshake_timeout") {
    settle(EndReason::timeout, "the client was silent in the handshake");
  } else if (ended.reason == "front_refused") {
    refuse_account(ended.detail, "the password is wrong");
  } else if (ended.reason == "backend_refused") {
    settle(EndReason::backend_refused, detail);
  } else if (ended.reason == "backend_lost") {
    settle(EndReason::backend_reset, ended.detail);
  } else if (ended.reason == "backend_timeout") {
    settle(EndReason::backend_timeout, ended.detail);
  } else {
    settle(EndReason::error, detail);
  }
}

void RdpForwarder::tell(const rdp::Message& message, const std::vector<int>& descriptors) {
  if (!worker_) return;
  auto text = rdp::encode(message);
  auto sent = rdp::send_packet(worker_->channel(), text, descriptors);
  ::explicit_bzero(text.data(), text.size());  // a reply may have a password in it
  if (!sent) {
    settle(EndReason::error, sent.error().text());
    worker_->kill();
  }
}

bool RdpForwarder::abort(EndReason reason, std::string detail) {
  if (reason_ != EndReason::none) return false;
  settle(reason, std::move(detail));
  begin_end();
  return true;
}

void RdpForwarder::begin_end() {
  aborted_ = std::chrono::steady_clock::now();
  if (channel_) tell(rdp::End{.error_info = static_cast<std::uint32_t>(error_info_of(reason_))});
  boost::system::error_code ignored;
  if (dialing_since_) backend_.cancel(ignored);
  arrival_.cancel();
}

// Both ways, whatever the worker thinks of it.
void RdpForwarder::cut() {
  boost::system::error_code ignored;
  if (client_.is_open()) client_.shutdown(relay::Socket::shutdown_both, ignored);
  if (backend_.is_open()) backend_.shutdown(relay::Socket::shutdown_both, ignored);
}

void RdpForwarder::expire(SteadyTime now) {
  if (aborted_) {
    if (now - *aborted_ > cut_after) cut();
    if (now - *aborted_ > kill_after && worker_) worker_->kill();
    return;
  }
  if (auto fault = arrival_.overdue(now)) {
    abort(fault->reason, std::move(fault->detail));
    return;
  }
  int waiting = 0;
  if (channel_ && ::ioctl(client_.native_handle(), SIOCOUTQ, &waiting) == 0) {
    stall_.look(now, bytes_to_client(), static_cast<std::uint64_t>(waiting));
  }
  if (is_stuck(now)) {
    blame_worker("the session's worker does not answer");
    begin_end();
    return;
  }
  if (dialing_since_ && now - *dialing_since_ > options_.connect_timeout) {
    abort(EndReason::backend_timeout, options_.backend.text() + ": no answer");
    return;
  }
  if (terms_.refusal != 0 && now - began_ > longest_explanation) {
    abort(EndReason::timeout, {});
    return;
  }
  if (idle_timeout_.count() == 0) return;
  if (const auto received = bytes_from_client(); received != bytes_seen_) {
    bytes_seen_ = received;
    last_movement_ = now;
  } else if (now - last_movement_ > idle_timeout_) {
    abort(EndReason::inactivity_timeout, {});
  }
}

bool RdpForwarder::is_stuck(SteadyTime now) {
  if (!channel_ || over_ || asked_) return false;
  const auto step = heartbeat_.look(now);
  // Where it does not go through the worker is gone, which is heard on its own way.
  if (step == rdp::Heartbeat::Step::ask)
    static_cast<void>(rdp::send_packet(worker_->channel(), rdp::encode(rdp::Ping{})));
  return step == rdp::Heartbeat::Step::stuck;
}

void RdpForwarder::announce_end(Duration left) {
  const rdp::Warn warning{.seconds = static_cast<std::uint32_t>(left.count() / 1000)};
  if (channel_ && !over_) {
    tell(warning);
  } else if (!over_) {
    early_warning_ = warning;
  }
}

}  // namespace

std::unique_ptr<Forwarder> make_rdp_forwarder(RdpServices& services, relay::Socket client, relay::RelayOptions options,
                                              RdpTerms terms) {
  return std::make_unique<RdpForwarder>(services, std::move(client), options, std::move(terms));
}

}  // namespace gatehouse::gate
