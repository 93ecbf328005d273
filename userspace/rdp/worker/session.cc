#include "rdp/worker/session.h"

#include <freerdp/freerdp.h>
#include <freerdp/peer.h>

#include "rdp/event_track.h"
#include "rdp/worker/back_leg.h"
#include "rdp/worker/channel_relay.h"
#include "rdp/worker/front_leg.h"
#include "rdp/worker/leg_transport.h"
#include "rdp/worker/reconnection.h"
#include "rdp/worker/session_warning.h"
#include "rdp/worker/settings.h"

namespace gatehouse::rdp {
namespace {

// Longer than a question to the daemon, a backend's handshake, and the time that a client may take nothing.
constexpr std::chrono::minutes longest_turn{2};

}  // namespace

Session::Session(Start start, Fd client, DaemonLink& link, FrameSink* sink, EventTrack* events, FileCopies* copies)
    : start_(std::move(start)),
      link_(link),
      sink_(sink),
      events_(events),
      copies_(copies),
      gates_(std::make_unique<ChannelGates>(*this)),
      warning_(std::make_unique<SessionWarning>(*this)),
      front_transport_(std::make_unique<LegTransport>()),
      back_transport_(std::make_unique<LegTransport>()),
      front_(std::make_unique<FrontLeg>(*this, std::move(client))) {}

Session::~Session() = default;

freerdp_peer* Session::peer() const {
  return front_->peer();
}

rdpContext* Session::front() const {
  return front_->peer()->context;
}

Ended Session::run() {
  handshake_went_on();
  if (auto ready = front_->prepare(); !ready) {
    end("error", ready.error().text());
  } else {
    front_->run();
    end("client_closed", "");
  }
  // Where the client can still hear it.
  std::uint32_t error_info = 0;
  {
    const std::lock_guard lock(mutex_);
    error_info = error_info_;
  }
  if (error_info != 0 && ever_active_) front_->send_error_info(error_info);
  back_context_ = nullptr;
  if (back_) back_->stop();  // joins
  gates_->close();
  front_->close();
  const std::lock_guard lock(mutex_);
  return ended_;
}

void Session::end(std::string reason, std::string detail, std::uint32_t error_info) {
  {
    const std::lock_guard lock(mutex_);
    if (ending_) return;
    ended_ = {std::move(reason), std::move(detail)};
    error_info_ = error_info;
    ending_ = true;
    changed_.notify_all();
  }
  link_.expect(std::nullopt);
  front_->wake(ever_active_);
}

bool Session::stands_still() const {
  return front_pulse_.stands_still(longest_turn) || back_pulse_.stands_still(longest_turn);
}

std::optional<std::string> Session::account_hash(const std::string& user, const std::string& domain) {
  auto answer = link_.ask(AccountQuery{.user = user, .domain = domain});
  if (!answer || !answer->reply.accepted) return std::nullopt;
  account_ = user;
  return answer->reply.nt_hash;
}

void Session::front_has_failed() {
  if (account_) end("front_refused", *account_);
}

void Session::handshake_went_on() {
  if (!is_ending()) link_.expect(std::chrono::seconds(start_.handshake_seconds));
}

void Session::take_delegated(Credentials credentials) {
  delegated_ = std::move(credentials);
}

void Session::take_terms(ChannelTerms terms) {
  start_.channels = terms.channels;
  start_.denied_channels = std::move(terms.denied_channels);
  start_.dynamic_channels = std::move(terms.dynamic_channels);
  gates_ = std::make_unique<ChannelGates>(*this);  // through which nothing has passed yet
}

bool Session::connect_back() {
  link_.expect(std::nullopt);  // from here on it is not the client who is waited for
  if (start_.refusal != 0) {
    ever_active_ = true;
    end("refused", "", start_.refusal);
    return false;
  }
  auto query = logon_of(*front(), accepted_channels(peer()), start_.front);
  if (delegated_) {
    query.user = delegated_->user;
    query.domain = delegated_->domain;
  }
  if (events_ != nullptr) {
    events_->notice(query);
    events_->keyboard(freerdp_settings_get_uint32(front()->settings, FreeRDP_KeyboardLayout));
  }
  auto answer = link_.ask(std::move(query));
  if (!answer || !answer->reply.accepted || !answer->descriptor) {
    ever_active_ = true;  // as far as it can be told why
    end("refused", "", answer ? answer->reply.error_info : 0);
    return false;
  }
  if (answer->reply.terms) take_terms(std::move(*answer->reply.terms));
  const auto& credentials = answer->reply.credentials ? answer->reply.credentials : delegated_;
  start_back(std::move(answer->descriptor), start_.back, credentials, answer->reply.cookie);
  if (may_fall_back()) {
    auto other = link_.ask(FallbackQuery{});
    if (other && other->reply.accepted && other->descriptor) {
      start_back(std::move(other->descriptor), Security::tls, credentials, answer->reply.cookie);
    } else {
      end("backend_refused", "no second connection, for TLS");
    }
  }
  const std::lock_guard lock(mutex_);
  if (!back_connected_ || ending_) {
    ever_active_ = true;
    return false;
  }
  back_context_.store(back_->context(), std::memory_order_release);
  return true;
}

// Returns when it is connected, or will not be.
void Session::start_back(Fd backend, Security security, const std::optional<Credentials>& credentials,
                         const std::optional<ReconnectCookie>& cookie) {
  back_.reset();
  {
    const std::lock_guard lock(mutex_);
    back_settled_ = false;
    back_refuses_nla_ = false;
  }
  back_ = std::make_unique<BackLeg>(*this, std::move(backend), security);
  if (auto begun = back_->start(credentials, cookie); !begun) {
    end("error", begun.error().text());
    return;
  }
  std::unique_lock lock(mutex_);
  // Twice as long as a client: a server asks its domain.
  if (!changed_.wait_for(lock, std::chrono::seconds(2 * start_.handshake_seconds),
                         [this] { return back_settled_ || ending_; })) {
    lock.unlock();
    end("backend_timeout", "the backend was silent in the handshake");
  }
}

bool Session::may_fall_back() const {
  return back_refuses_nla_ && !is_ending();
}

void Session::back_refuses_nla() {
  const std::lock_guard lock(mutex_);
  back_refuses_nla_ = true;
}

void Session::back_is_connected(bool connected) {
  const std::lock_guard lock(mutex_);
  back_settled_ = true;
  back_connected_ = connected;
  changed_.notify_all();
}

bool Session::sizes_differ() const {
  return !same_size(*front()->settings, *back()->settings);
}

bool Session::open_gate() {
  if (sizes_differ() || !keeps_to_drawing(*back()->settings, *front()->settings)) {
    // The client learns what the backend is like, and comes back here.
    handshake_went_on();
    return copy_size(*back()->settings, *front()->settings) && copy_drawing(*back()->settings, *front()->settings) &&
           front()->update->DesktopResize(front());
  }
  link_.expect(std::nullopt);
  if (!is_open_ && !activate()) return false;
  {
    const std::lock_guard lock(mutex_);
    gate_open_ = true;
    changed_.notify_all();
  }
  tell_active();
  return true;
}

bool Session::activate() {
  ever_active_ = true;  // as far as it can be told why not
  const auto answer = link_.ask(ActivationQuery{});
  if (!answer || !answer->reply.accepted) {
    end("not_opened", "", answer ? answer->reply.error_info : 0);
    return false;
  }
  is_open_ = true;
  return !answer->reply.cookie || give_cookie(*front(), *answer->reply.cookie);
}

void Session::tell(const Message& notice) {
  if (events_ != nullptr) events_->notice(notice);
  link_.tell(notice);
}

void Session::tell_active() {
  ever_active_ = true;
  const auto* settings = front()->settings;
  tell(Active{.width = freerdp_settings_get_uint32(settings, FreeRDP_DesktopWidth),
              .height = freerdp_settings_get_uint32(settings, FreeRDP_DesktopHeight)});
}

bool Session::is_right_certificate(const std::string& pem, const std::string& fingerprint) {
  const auto answer = link_.ask(CertificateQuery{.fingerprint = fingerprint, .pem = pem});
  if (answer && answer->reply.accepted) return true;
  end("backend_certificate", fingerprint, answer ? answer->reply.error_info : 0);
  return false;
}

void Session::warn(std::uint32_t seconds) {
  warning_->warn(seconds);
}

bool Session::is_open() {
  const std::lock_guard lock(mutex_);
  return gate_open_ && !ending_;
}

bool Session::wait_at_gate() {
  {
    const std::lock_guard lock(mutex_);
    if (gate_open_ || ending_) return !ending_;
  }
  // What the client opens the gate for, it must have got.
  front_transport_->flush();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return gate_open_ || ending_; });
  return !ending_;
}

void Session::back_has_ended(std::string reason, std::string detail, std::uint32_t error_info) {
  end(std::move(reason), std::move(detail), error_info);
}

bool Session::back_was_resized() {
  {
    const std::lock_guard lock(mutex_);
    gate_open_ = false;
  }
  handshake_went_on();
  if (!copy_size(*back()->settings, *front()->settings) || !front()->update->DesktopResize(front())) return false;
  front_transport_->flush();
  return true;
}

}  // namespace gatehouse::rdp
