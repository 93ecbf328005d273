#include "gate/rdp_forwarder.h"

#include <linux/sockios.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <boost/asio/redirect_error.hpp>
#include <cstring>
#include <optional>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "gate/rdp_arrival.h"
#include "gate/rdp_audit.h"
#include "gate/rdp_backend_connection.h"
#include "gate/rdp_credentials.h"
#include "gate/rdp_end.h"
#include "gate/rdp_error_info.h"
#include "gate/rdp_session_recording.h"
#include "gate/rdp_start.h"
#include "gate/rdp_worker_link.h"
#include "rdp/stall_watch.h"
#include "relay/socket_options.h"
#include "relay/tcp_bytes.h"

namespace gatehouse::gate {
namespace {

using policy::EndReason;
using relay::awaiting;
using relay::RelayOutcome;
using relay::SteadyTime;

constexpr std::chrono::milliseconds cut_after{400};  // of being told to end
constexpr std::chrono::milliseconds kill_after{700};
constexpr std::size_t most_noted = 256;
constexpr std::chrono::seconds longest_explanation{20};

class RdpForwarder final : public Forwarder {
 public:
  RdpForwarder(RdpServices& services, relay::Socket client, relay::RelayOptions options, RdpTerms terms)
      : services_(services),
        client_(std::move(client)),
        options_(options),
        backend_(client_.get_executor(), options_, [this] { return reason_ != EndReason::none; }),
        terms_(std::move(terms)),
        recording_(services_, terms_),
        link_(*services.workers, client_.get_executor()),
        arrival_(*services.workers, services.handshakes, client_, options.client.address) {}
  ~RdpForwarder() override = default;
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
  Result<void> hand_over();
  Task<void> listen();
  Task<void> take(rdp::Message message);
  Task<void> answer_logon(const rdp::LogonQuery& query);
  Task<void> activate(std::uint64_t number);
  Task<void> answer_fallback(const rdp::FallbackQuery& query);
  void refuse_account(const std::string& account, const std::string& fault);
  void take_end(const rdp::Ended& ended);
  void tell(const rdp::Message& message, const std::vector<int>& descriptors = {});
  void settle(EndReason reason, std::string detail);  // the first one counts
  void blame_worker(const std::string& detail);       // for the end, unless there is another reason
  void begin_end();                                   // whose reason is settled
  void cut();
  [[nodiscard]] relay::TcpBytes bytes() const;
  RelayOutcome outcome();

  RdpServices& services_;
  relay::Socket client_;  // the worker reads and writes it; here it is counted and cut
  relay::RelayOptions options_;
  RdpBackendConnection backend_;
  RdpTerms terms_;
  RdpSessionRecording recording_;
  RdpWorkerLink link_;
  RdpArrival arrival_;
  std::optional<SteadyTime> aborted_;
  std::optional<rdp::Warn> early_warning_;  // before there was a worker to draw it
  bool logged_in_ = false;                  // at the front, with an account
  bool fell_back_ = false;
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
  rdp::StallWatch stall_;  // of the client
  bool asked_ = false;     // it waits for an answer, and is not heard meanwhile
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
  link_.retire();
  const bool was_session = activation_ && activation_->state == RdpActivation::State::open;
  if (!was_session) recording_.discard();
  return {.reason = reason_ == EndReason::none ? EndReason::error : reason_,
          .detail = detail_,
          .bytes_from_client = from_client,
          .bytes_to_client = to_client};
}

Task<std::optional<RelayOutcome>> RdpForwarder::prepare() {
  relay::set_stream_options(client_.native_handle());
  relay::set_liveness_options(client_.native_handle(), options_.keep_alive, options_.user_timeout);
  if (auto fault = co_await arrival_.take_worker(link_.worker())) {
    settle(fault->reason, std::move(fault->detail));
    co_return outcome();
  }
  co_return std::nullopt;
}

Result<void> RdpForwarder::hand_over() {
  auto start = rdp_start(services_, terms_, options_.proxy.address);
  if (!start) return std::unexpected(start.error());
  std::vector<int> descriptors{client_.native_handle()};
  if (auto begun = recording_.begin(*start, options_.client); !begun) {
    abort(EndReason::error, begun.error().what);
    return std::unexpected(begun.error());
  }
  if (recording_.directory()) descriptors.push_back(recording_.directory().get());
  auto sent = link_.begin(*start, descriptors);
  ::explicit_bzero(start->recording_key.data(), start->recording_key.size());
  recording_.give_up_directory();
  return sent;
}

Task<RelayOutcome> RdpForwarder::forward() {
  if (reason_ != EndReason::none) co_return outcome();
  last_movement_ = std::chrono::steady_clock::now();
  if (auto handed = hand_over(); !handed) {
    settle(EndReason::error, handed.error().text());
    co_return outcome();
  }
  if (early_warning_) tell(*early_warning_);
  co_await listen();
  cut();
  co_return outcome();
}

Task<void> RdpForwarder::listen() {
  while (!over_) {
    auto message = co_await link_.next();
    if (!message) {
      const auto& fault = message.error();
      fault.is_the_workers ? blame_worker(fault.what) : settle(EndReason::error, fault.what);
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
    if (auto reason = recording_.fail(failed->what)) abort(EndReason::error, std::move(*reason));
  } else if (const auto* ended = std::get_if<rdp::Ended>(&message)) {
    take_end(*ended);
  } else if (const auto* active = std::get_if<rdp::Active>(&message)) {
    arrival_.is_active();
    spdlog::debug("session {}: active with {}x{}", terms_.session, active->width, active->height);
  } else if (std::holds_alternative<rdp::Ping>(message)) {
    link_.answered();
  } else if (const auto row = rdp_audit_row(message)) {
    if (row->once && (noted_.size() >= most_noted || !noted_.insert(row->action + row->detail).second)) co_return;
    terms_.note(row->action, row->detail);
  }
}

Task<void> RdpForwarder::answer_logon(const rdp::LogonQuery& query) {
  if (const auto row = rdp_audit_row(query)) terms_.note(row->action, row->detail);
  if (terms_.front == policy::Front::nla && !logged_in_) {
    settle(EndReason::error, "the client has not logged in with an account");
    link_.kill();  // it says what cannot be
    co_return;
  }
  auto judgement = judge_logon(services_, terms_, query);
  if (!judgement.allowed) {
    settle(judgement.reason, judgement.fault);
    tell(rdp::Reply{.number = query.number,
                    .error_info = static_cast<std::uint32_t>(ErrorInfo::server_insufficient_privileges)});
    co_return;
  }
  auto failure = co_await backend_.dial();
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
  tell(reply, {backend_.descriptor()});
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
  auto failure = co_await backend_.dial();
  if (failure) {
    settle(failure->reason, std::move(failure->detail));
    tell(rdp::Reply{.number = query.number});
    co_return;
  }
  tell(rdp::Reply{.number = query.number, .accepted = true}, {backend_.descriptor()});
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

void RdpForwarder::take_end(const rdp::Ended& ended) {
  over_ = true;
  recording_.end();
  if (ended.reason == "front_refused") return refuse_account(ended.detail, "the password is wrong");
  auto end = rdp_end(ended, stall_.stalled());
  settle(end.reason, std::move(end.detail));
}

void RdpForwarder::tell(const rdp::Message& message, const std::vector<int>& descriptors) {
  if (auto sent = link_.tell(message, descriptors); !sent) settle(EndReason::error, sent.error().text());
}

bool RdpForwarder::abort(EndReason reason, std::string detail) {
  if (reason_ != EndReason::none) return false;
  settle(reason, std::move(detail));
  begin_end();
  return true;
}

void RdpForwarder::begin_end() {
  aborted_ = std::chrono::steady_clock::now();
  if (link_.begun()) tell(rdp::End{.error_info = static_cast<std::uint32_t>(error_info_of(reason_))});
  backend_.cancel();
  arrival_.cancel();
}

// Both ways, whatever the worker thinks of it.
void RdpForwarder::cut() {
  boost::system::error_code ignored;
  if (client_.is_open()) client_.shutdown(relay::Socket::shutdown_both, ignored);
  backend_.cut();
}

void RdpForwarder::expire(SteadyTime now) {
  if (aborted_) {
    if (now - *aborted_ > cut_after) cut();
    if (now - *aborted_ > kill_after) link_.kill();
    return;
  }
  if (auto fault = arrival_.overdue(now)) {
    abort(fault->reason, std::move(fault->detail));
    return;
  }
  int waiting = 0;
  if (link_.begun() && ::ioctl(client_.native_handle(), SIOCOUTQ, &waiting) == 0) {
    stall_.look(now, bytes_to_client(), static_cast<std::uint64_t>(waiting));
  }
  if (link_.begun() && !over_ && !asked_ && link_.is_stuck(now)) {
    blame_worker("the session's worker does not answer");
    begin_end();
    return;
  }
  if (backend_.is_overdue(now)) {
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

void RdpForwarder::announce_end(Duration left) {
  const rdp::Warn warning{.seconds = static_cast<std::uint32_t>(left.count() / 1000)};
  if (link_.begun() && !over_) {
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
