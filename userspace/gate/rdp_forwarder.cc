#include "gate/rdp_forwarder.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <cerrno>
#include <optional>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "gate/rdp_audit.h"
#include "rdp/channel_policy.h"
#include "rdp/control_channel.h"
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
constexpr std::chrono::milliseconds worker_pause{10};
constexpr int worker_attempts = 300;
constexpr std::size_t most_noted = 256;

// MS-RDPBCGR 2.2.5.1.1: what a client shows its user.
enum class ErrorInfo : std::uint32_t {
  none = 0x0,
  rpc_initiated_disconnect = 0x1,
  idle_timeout = 0x3,
  logon_timeout = 0x4,
  server_denied_connection = 0x7,
  server_insufficient_privileges = 0x9,
};

ErrorInfo error_info_of(EndReason reason) {
  switch (reason) {
    case EndReason::inactivity_timeout:
      return ErrorInfo::idle_timeout;
    case EndReason::grant_expired:
      return ErrorInfo::logon_timeout;
    case EndReason::grant_revoked:
    case EndReason::user_inactive:
    case EndReason::service_removed:
      return ErrorInfo::server_insufficient_privileges;
    case EndReason::banned:
      return ErrorInfo::server_denied_connection;
    default:
      return ErrorInfo::rpc_initiated_disconnect;
  }
}

class RdpForwarder final : public Forwarder {
 public:
  RdpForwarder(RdpServices& services, relay::Socket client, relay::RelayOptions options, RdpTerms terms)
      : services_(services),
        client_(std::move(client)),
        backend_(client_.get_executor()),
        options_(options),
        terms_(std::move(terms)) {}
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
  Result<void> hand_over();
  [[nodiscard]] Result<Fd> make_recording_directory() const;
  void take_recording_fault(const std::string& what);
  Task<void> listen();
  Task<void> take(rdp::Message message);
  Task<void> answer_logon(const rdp::LogonQuery& query);
  Task<std::optional<relay::DialFailure>> dial();
  void take_end(const rdp::Ended& ended);
  void tell(const rdp::Message& message, const std::vector<int>& descriptors = {});
  void settle(EndReason reason, std::string detail);  // the first one counts
  void cut();
  void retire();
  [[nodiscard]] relay::TcpBytes bytes() const;
  RelayOutcome outcome();

  RdpServices& services_;
  relay::Socket client_;  // the worker reads and writes it; here it is counted and cut
  relay::Socket backend_;
  relay::RelayOptions options_;
  RdpTerms terms_;
  std::optional<rdp::WorkerProcess> worker_;
  std::optional<Channel> channel_;
  std::optional<SteadyTime> dialing_since_;
  std::optional<SteadyTime> aborted_;
  bool records_ = false;
  bool over_ = false;  // nothing more is to be heard of the worker
  EndReason reason_ = EndReason::none;
  std::string detail_;
  std::chrono::milliseconds idle_timeout_{0};
  SteadyTime last_movement_{};
  std::uint64_t bytes_seen_ = 0;
  std::set<std::string> noted_;  // what is told once
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

RelayOutcome RdpForwarder::outcome() {
  const auto from_client = bytes_from_client();
  const auto to_client = bytes_to_client();
  retire();
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

// A worker that is ready; where many come at once it may take a moment.
Task<std::optional<RelayOutcome>> RdpForwarder::prepare() {
  relay::set_stream_options(client_.native_handle());
  relay::set_liveness_options(client_.native_handle(), options_.keep_alive, options_.user_timeout);
  for (int attempt = 0; attempt < worker_attempts && reason_ == EndReason::none; ++attempt) {
    auto worker = services_.workers->take();
    if (!worker) {
      settle(EndReason::out_of_resources, worker.error().text());
      break;
    }
    if (*worker) {
      worker_.emplace(std::move(**worker));
      co_return std::nullopt;
    }
    relay::Timer pause(client_.get_executor(), worker_pause);
    boost::system::error_code ignored;
    co_await pause.async_wait(boost::asio::redirect_error(awaiting, ignored));
  }
  settle(EndReason::out_of_resources, "no worker came up in time");
  co_return outcome();
}

Result<void> RdpForwarder::hand_over() {
  auto certificate = services_.authority->certificate_for(terms_.service, options_.proxy.address);
  if (!certificate) return std::unexpected(certificate.error());
  auto rules = rdp::channel_rules(terms_.channels, terms_.dynamic_channels);
  rdp::Start start;
  start.session = terms_.session;
  start.certificate = std::move(certificate->certificate);
  start.key = std::move(certificate->key);
  start.backend = terms_.server;
  start.back = services_.backend_security;
  start.channels = policy::whole_channels(terms_.channels);
  start.clipboard_text = services_.clipboard_text;
  start.keys = services_.keys;
  start.denied_channels = std::move(rules.denied_channels);
  start.dynamic_channels = std::move(rules.dynamic_channels);
  std::vector<int> descriptors{client_.native_handle()};
  Fd directory;
  if (terms_.record && !services_.recordings.empty()) {
    auto made = make_recording_directory();
    if (made) {
      directory = std::move(*made);
      descriptors.push_back(directory.get());
      start.recording = true;
      records_ = true;
    } else if (take_recording_fault(made.error().text()); reason_ != EndReason::none) {
      return std::unexpected(made.error());
    }
  }
  return rdp::send_packet(worker_->channel(), rdp::encode(start), descriptors);
}

Result<Fd> RdpForwarder::make_recording_directory() const {
  const auto place = services_.recordings / std::to_string(terms_.session);
  if (::mkdir(place.c_str(), S_IRWXU | S_IRGRP | S_IXGRP) != 0) {
    return system_failure("the recording's directory " + place.string() + " cannot be made", errno);
  }
  Fd directory(::open(place.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!directory) return system_failure("the recording's directory " + place.string() + " cannot be opened", errno);
  if (services_.recorder_uid && ::fchown(directory.get(), *services_.recorder_uid, static_cast<gid_t>(-1)) != 0) {
    return system_failure("the recording's directory " + place.string() + " cannot be given to its worker", errno);
  }
  return directory;
}

void RdpForwarder::take_recording_fault(const std::string& what) {
  records_ = false;
  services_.recording_ended(terms_.session, what);
  if (services_.recording_is_required) abort(EndReason::error, "it can no longer be recorded: " + what);
}

Task<RelayOutcome> RdpForwarder::forward() {
  if (reason_ != EndReason::none) co_return outcome();
  last_movement_ = std::chrono::steady_clock::now();
  if (auto handed = hand_over(); !handed) {
    settle(EndReason::error, handed.error().text());
    co_return outcome();
  }
  channel_.emplace(client_.get_executor(), worker_->channel().get());
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
      settle(EndReason::error, "the session's worker died");
      co_return;
    }
    if (!*packet) continue;
    auto message = rdp::decode((*packet)->text);
    if (!message) {
      settle(EndReason::error, message.error().text());
      worker_->kill();
      co_return;
    }
    co_await take(std::move(*message));
  }
}

Task<void> RdpForwarder::take(rdp::Message message) {
  if (const auto* logon = std::get_if<rdp::LogonQuery>(&message)) {
    co_await answer_logon(*logon);
  } else if (const auto* certificate = std::get_if<rdp::CertificateQuery>(&message)) {
    const bool known = services_.backends->judge(terms_.server, certificate->fingerprint);
    tell(rdp::Reply{.number = certificate->number,
                    .accepted = known,
                    .error_info = static_cast<std::uint32_t>(ErrorInfo::server_denied_connection)});
    if (!known) settle(EndReason::error, "the backend shows another certificate: " + certificate->fingerprint);
  } else if (const auto* account = std::get_if<rdp::AccountQuery>(&message)) {
    tell(rdp::Reply{.number = account->number});
  } else if (const auto* redirection = std::get_if<rdp::Redirection>(&message)) {
    settle(EndReason::error, "the backend sends the client to '" + redirection->target + "', which is not followed");
  } else if (const auto* failed = std::get_if<rdp::RecordingFailed>(&message)) {
    take_recording_fault(failed->what);
  } else if (const auto* ended = std::get_if<rdp::Ended>(&message)) {
    take_end(*ended);
  } else if (const auto* active = std::get_if<rdp::Active>(&message)) {
    spdlog::debug("session {}: active with {}x{}", terms_.session, active->width, active->height);
  } else if (const auto row = rdp_audit_row(message)) {
    if (row->once && (noted_.size() >= most_noted || !noted_.insert(row->action + row->detail).second)) co_return;
    terms_.note(row->action, row->detail);
  }
}

Task<void> RdpForwarder::answer_logon(const rdp::LogonQuery& query) {
  if (const auto row = rdp_audit_row(query)) terms_.note(row->action, row->detail);
  auto failure = co_await dial();
  if (failure) {
    settle(failure->reason, std::move(failure->detail));
    tell(rdp::Reply{.number = query.number,
                    .error_info = static_cast<std::uint32_t>(ErrorInfo::server_denied_connection)});
    co_return;
  }
  tell(rdp::Reply{.number = query.number, .accepted = true}, {backend_.native_handle()});
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
  if (ended.reason == "client_closed" || ended.reason == "backend_closed") {
    settle(EndReason::normal, ended.detail.empty() ? "" : detail);
  } else if (ended.reason == "handshake_timeout") {
    settle(EndReason::timeout, "the client was silent in the handshake");
  } else if (ended.reason == "backend_refused") {
    settle(EndReason::backend_refused, detail);
  } else {
    settle(EndReason::error, detail);
  }
}

void RdpForwarder::tell(const rdp::Message& message, const std::vector<int>& descriptors) {
  if (!worker_) return;
  if (auto sent = rdp::send_packet(worker_->channel(), rdp::encode(message), descriptors); !sent) {
    settle(EndReason::error, sent.error().text());
    worker_->kill();
  }
}

bool RdpForwarder::abort(EndReason reason, std::string detail) {
  if (reason_ != EndReason::none) return false;
  settle(reason, std::move(detail));
  aborted_ = std::chrono::steady_clock::now();
  if (channel_) tell(rdp::End{.error_info = static_cast<std::uint32_t>(error_info_of(reason))});
  boost::system::error_code ignored;
  if (dialing_since_) backend_.cancel(ignored);
  return true;
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
  if (dialing_since_ && now - *dialing_since_ > options_.connect_timeout) {
    abort(EndReason::backend_timeout, options_.backend.text() + ": no answer");
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
  if (channel_ && !over_) tell(rdp::Warn{.seconds = static_cast<std::uint32_t>(left.count() / 1000)});
}

}  // namespace

std::unique_ptr<Forwarder> make_rdp_forwarder(RdpServices& services, relay::Socket client, relay::RelayOptions options,
                                              RdpTerms terms) {
  return std::make_unique<RdpForwarder>(services, std::move(client), options, std::move(terms));
}

}  // namespace gatehouse::gate
