#include "rdp/worker/back_leg.h"

#include <fcntl.h>
#include <freerdp/channels/channels.h>
#include <freerdp/channels/drdynvc.h>
#include <freerdp/channels/rdpgfx.h>
#include <freerdp/client/channels.h>
#include <freerdp/crypto/certificate.h>
#include <freerdp/error.h>
#include <freerdp/event.h>
#include <freerdp/freerdp.h>
#include <freerdp/gdi/gdi.h>
#include <freerdp/transport_io.h>
#include <sys/socket.h>
#include <winpr/collections.h>
#include <winpr/synch.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "rdp/worker/back_context.h"
#include "rdp/worker/back_updates.h"
#include "rdp/worker/channel_relay.h"
#include "rdp/worker/leg_transport.h"
#include "rdp/worker/picture_tap.h"
#include "rdp/worker/reconnection.h"
#include "rdp/worker/session.h"
#include "rdp/worker/session_warning.h"
#include "rdp/worker/settings.h"

namespace gatehouse::rdp {
namespace {

constexpr DWORD owed_after_ms = 130;  // a picture, or a look at the warning

// ---- channels

BOOL on_channel_data(freerdp* instance, UINT16 id, const BYTE* data, size_t size, UINT32 flags, size_t total) {
  auto& leg = leg_of(instance->context);
  if (!leg.session().wait_at_gate()) return FALSE;
  const char* name = freerdp_channels_get_name_by_id(instance, id);
  if (name == nullptr) return TRUE;
  const Chunk chunk{data, size, flags, total};
  const bool dynamic = std::strcmp(name, DRDYNVC_SVC_CHANNEL_NAME) == 0;
  if (dynamic && !may_pass_dynamic(leg.session(), instance, id, chunk)) return TRUE;
  const auto taken = dynamic ? leg.session().warning().stream().take(chunk) : GraphicsStream::Taken::pass;
  if (taken == GraphicsStream::Taken::gone ||
      (taken == GraphicsStream::Taken::pass && !pass_to_front(leg.session(), name, chunk))) {
    leg.session().end("client_closed", "");
    return FALSE;
  }
  // Dynamic channels are there to be decoded only where the client has the graphics pipeline (offer_channels()).
  if (leg.tap() == nullptr || !dynamic || !announces_graphics(*instance->context->settings)) return TRUE;
  if ((flags & CHANNEL_FLAG_LAST) != 0) leg.session().front_transport().flush();
  const PictureTap::Working working(*leg.tap());
  if (!freerdp_channels_data(instance, id, data, size, flags, total)) {
    leg.recording_failed("what the backend sends over drdynvc cannot be decoded");
  }
  return TRUE;
}

// What the decoder's own channels would answer: the client answers.
BOOL discard(freerdp* /*instance*/, UINT16 /*id*/, const BYTE* /*data*/, size_t /*size*/) {
  return TRUE;
}

void on_channel_connected(void* context, const ChannelConnectedEventArgs* event) {
  auto* base = static_cast<rdpContext*>(context);
  auto& leg = leg_of(base);
  if (leg.tap() == nullptr || std::strcmp(event->name, RDPGFX_DVC_CHANNEL_NAME) != 0) return;
  if (!leg.tap()->open_pipeline(*base, event->pInterface)) {
    leg.session().back_has_ended("error", "the decoder of the graphics pipeline cannot be made", 0);
  }
}
void on_channel_disconnected(void* context, const ChannelDisconnectedEventArgs* event) {
  auto* base = static_cast<rdpContext*>(context);
  auto& leg = leg_of(base);
  if (leg.tap() != nullptr && std::strcmp(event->name, RDPGFX_DVC_CHANNEL_NAME) == 0) {
    leg.tap()->close_pipeline(*base, event->pInterface);
  }
}

// ---- the connection

int on_tcp_connect(rdpContext* context, rdpSettings* /*settings*/, const char* /*host*/, int /*port*/,
                   DWORD /*timeout*/) {
  const int descriptor = leg_of(context).take_socket();
  // A second attempt (a fallback, a reconnect, a redirection) finds none.
  if (descriptor < 0) freerdp_set_last_error_if_not(context, FREERDP_ERROR_CONNECT_CANCELLED);
  return descriptor;
}

BOOL on_pre_connect(freerdp* instance) {
  rdpContext* context = instance->context;
  forget_orders(*context->settings);
  instance->ReceiveChannelData = on_channel_data;
  instance->SendChannelData = discard;
  PubSub_SubscribeChannelConnected(context->pubSub, on_channel_connected);
  PubSub_SubscribeChannelDisconnected(context->pubSub, on_channel_disconnected);
  return TRUE;
}

BOOL on_load_channels(freerdp* instance) {
  auto& leg = leg_of(instance->context);
  return offer_channels(leg.session(), instance, leg.tap() != nullptr) ? TRUE : FALSE;
}

BOOL on_post_connect(freerdp* instance) {
  rdpContext* context = instance->context;
  const bool decodes = leg_of(context).tap() != nullptr;
  // Up to here it kept the codecs from being made, for most sessions need others (picture_tap.h).
  if (decodes && !freerdp_settings_set_bool(context->settings, FreeRDP_DeactivateClientDecoding, FALSE)) return FALSE;
  if (!gdi_init(instance, PIXEL_FORMAT_BGRX32)) return FALSE;
  take_updates(*context);
  return TRUE;
}

void on_post_disconnect(freerdp* instance) {
  gdi_free(instance);
}

int on_certificate(freerdp* instance, const BYTE* data, size_t length, const char* /*host*/, UINT16 /*port*/,
                   DWORD /*flags*/) {
  leg_of(instance->context).note_certificate();
  const std::string pem(reinterpret_cast<const char*>(data), length);
  rdpCertificate* certificate = freerdp_certificate_new_from_pem(pem.c_str());
  char* text = certificate == nullptr ? nullptr : freerdp_certificate_get_fingerprint(certificate);
  const std::string fingerprint = text == nullptr ? std::string() : std::string(text);
  std::free(text);
  freerdp_certificate_free(certificate);
  // 2: for this connection only. 0: refused.
  return !fingerprint.empty() && leg_of(instance->context).session().is_right_certificate(pem, fingerprint) ? 2 : 0;
}

BOOL on_redirect(freerdp* instance) {
  auto& leg = leg_of(instance->context);
  const char* target = freerdp_settings_get_string(instance->context->settings, FreeRDP_TargetNetAddress);
  leg.note_redirection();
  leg.session().tell(Redirection{.target = target == nullptr ? "" : target});
  return FALSE;
}

}  // namespace

PictureTap* tap_of(rdpContext& back) {
  return leg_of(&back).tap();
}

BackLeg::BackLeg(Session& session, Fd backend, Security security)
    : session_(session),
      security_(security),
      backend_(std::move(backend)),
      to_shut_(::fcntl(backend_.get(), F_DUPFD_CLOEXEC, 0)) {
  if (session.sink() != nullptr) tap_ = std::make_unique<PictureTap>(*session.sink());
}

BackLeg::~BackLeg() {
  stop();
  if (instance_ == nullptr) return;
  freerdp_context_free(instance_);
  freerdp_free(instance_);
}

rdpContext* BackLeg::context() const {
  return instance_->context;
}

void BackLeg::recording_failed(const std::string& what) {
  if (!std::exchange(recording_failed_, true)) session_.tell(RecordingFailed{.what = what});
}

int BackLeg::take_socket() {
  return backend_.release();
}

Result<void> BackLeg::start(const std::optional<Credentials>& credentials,
                            const std::optional<ReconnectCookie>& cookie) {
  instance_ = freerdp_new();
  if (instance_ == nullptr) return failure("no client for the backend can be made");
  instance_->ContextSize = sizeof(BackContext);
  instance_->PreConnect = on_pre_connect;
  instance_->LoadChannels = on_load_channels;
  instance_->PostConnect = on_post_connect;
  instance_->PostDisconnect = on_post_disconnect;
  instance_->VerifyX509Certificate = on_certificate;
  instance_->Redirect = on_redirect;
  if (!freerdp_context_new(instance_)) {
    freerdp_free(instance_);
    instance_ = nullptr;
    return failure("no context for the backend can be made");
  }
  back_of(instance_->context).leg = this;
  auto callbacks = *freerdp_get_io_callbacks(instance_->context);
  callbacks.TCPConnect = on_tcp_connect;
  if (!freerdp_set_io_callbacks(instance_->context, &callbacks)) return failure("no way to hand over the socket");
  if (auto set = set_up_back(*session_.front()->settings, *instance_->context->settings, session_.start(), security_,
                             credentials, tap_ != nullptr);
      !set) {
    return set;
  }
  if (cookie) show_cookie(*instance_->context->settings, *cookie);
  thread_ = std::thread([this] { run(); });
  return {};
}

void BackLeg::run() {
  session_.back_pulse().working();
  const bool connected =
      freerdp_connect(instance_) == TRUE && session_.back_transport().take_over(*instance_->context).has_value();
  if (!connected) tell_failure();
  session_.back_is_connected(connected);
  std::array<HANDLE, MAXIMUM_WAIT_OBJECTS> handles{};
  while (connected && !session_.is_ending() && !freerdp_shall_disconnect_context(instance_->context)) {
    handles[0] = session_.warning().wake_up();
    const DWORD count =
        freerdp_get_event_handles(instance_->context, &handles[1], static_cast<DWORD>(handles.size() - 1));
    session_.back_pulse().waiting();
    const bool owes = tap_ && tap_->owes();
    const bool warns = session_.warning().look(instance_->context);
    const DWORD patience = owes || warns ? owed_after_ms : INFINITE;
    const DWORD woken = count == 0 ? WAIT_FAILED : WaitForMultipleObjects(count + 1, handles.data(), FALSE, patience);
    if (woken == WAIT_FAILED) break;
    session_.back_pulse().working();
    if (woken == WAIT_TIMEOUT) {
      if (owes) tap_->picture_changed(*instance_->context);
      continue;
    }
    if (!take_what_waits()) break;
  }
  if (connected) {
    const auto info = freerdp_error_info(instance_);
    if (redirected_) {
      session_.end("redirection", "the backend sends the client elsewhere", info);
    } else if (info == 0 && freerdp_get_disconnect_ultimatum(instance_->context) == 0) {
      session_.end("backend_lost", "the connection to the backend broke off");
    } else {
      session_.end("backend_closed", info == 0 ? "" : freerdp_get_error_info_name(info), info);
    }
  }
  connected_ = connected;
}

bool BackLeg::take_what_waits() {
  const LegTransport::Batch together(session_.front_transport());
  bool goes_on = freerdp_check_event_handles(instance_->context) == TRUE;
  for (int taken = 1; goes_on && taken < LegTransport::most_at_once; ++taken) {
    if (!session_.back_transport().brought_one() || session_.is_ending()) break;
    session_.back_pulse().working();
    goes_on = freerdp_check_fds(instance_) == TRUE;
  }
  return goes_on;
}

void BackLeg::tell_failure() {
  const auto error = freerdp_get_last_error(instance_->context);
  // Without a certificate it has not come to TLS: what failed is the choice of the security protocol.
  const bool refuses_nla = security_ == Security::nla && !certificate_seen_ &&
                           error == static_cast<UINT32>(FREERDP_ERROR_SECURITY_NEGO_CONNECT_FAILED);
  if (refuses_nla && session_.start().back_may_fall_back) return session_.back_refuses_nla();
  session_.end("backend_refused", freerdp_get_last_error_name(error));
}

void BackLeg::stop() {
  if (!thread_.joinable()) return;
  freerdp_abort_connect_context(instance_->context);
  ::shutdown(to_shut_.get(), SHUT_RDWR);
  thread_.join();
  // Not before: until now the front may have been in the middle of sending something.
  if (connected_) freerdp_disconnect(instance_);
}

}  // namespace gatehouse::rdp
