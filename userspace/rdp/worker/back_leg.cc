#include "rdp/worker/back_leg.h"

#include <fcntl.h>
#include <freerdp/channels/channels.h>
#include <freerdp/channels/drdynvc.h>
#include <freerdp/channels/rdpgfx.h>
#include <freerdp/client/channels.h>
#include <freerdp/crypto/certificate.h>
#include <freerdp/display.h>
#include <freerdp/error.h>
#include <freerdp/event.h>
#include <freerdp/freerdp.h>
#include <freerdp/gdi/gdi.h>
#include <freerdp/session.h>
#include <freerdp/transport_io.h>
#include <freerdp/update.h>
#include <sys/socket.h>
#include <winpr/collections.h>
#include <winpr/synch.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "rdp/event_track.h"
#include "rdp/worker/channel_relay.h"
#include "rdp/worker/leg_transport.h"
#include "rdp/worker/picture_tap.h"
#include "rdp/worker/pointer_shapes.h"
#include "rdp/worker/reconnection.h"
#include "rdp/worker/session.h"
#include "rdp/worker/session_warning.h"
#include "rdp/worker/settings.h"
#include "rdp/worker/update_area.h"

namespace gatehouse::rdp {
namespace {

constexpr DWORD owed_after_ms = 130;  // a picture, or a look at the warning

// What gdi would do with the graphics of before the pipeline; kept, so that it decodes beside the forwarding.
struct Decoders {
  pSurfaceBits surface_bits = nullptr;
  pBitmapUpdate bitmap_update = nullptr;
  pPalette palette = nullptr;
};

struct BackContext {
  rdpContext base;
  BackLeg* leg;
  Decoders decoders;
};

BackContext& back_of(rdpContext* context) {
  return *reinterpret_cast<BackContext*>(context);
}
BackLeg& leg_of(rdpContext* context) {
  return *back_of(context).leg;
}

// Where what the backend sends goes: the client, once the gate is open. nullptr: the session ends.
rdpContext* front_of(rdpContext* context) {
  auto& session = leg_of(context).session();
  return session.wait_at_gate() ? session.front() : nullptr;
}

template <typename Send>
BOOL pass_on(rdpContext* context, Send&& send) {
  rdpContext* front = front_of(context);
  if (front == nullptr) return FALSE;
  if (send(front)) return TRUE;
  leg_of(context).session().end("client_closed", "");
  return FALSE;
}

// ---- graphics of before the pipeline

// For the recording, beside the forwarding: what cannot be decoded is the recording's fault, and no fault of the
// session.
template <typename Decode>
void decode(rdpContext* context, Decode&& with) {
  auto& back = back_of(context);
  auto* tap = back.leg->tap();
  if (tap == nullptr) return;
  back.leg->session().front_transport().flush();
  if (!tap->prepare_older(*context) || !with(back.decoders)) {
    back.leg->recording_failed("a picture of the backend cannot be decoded");
  }
}

BOOL on_surface_bits(rdpContext* context, const SURFACE_BITS_COMMAND* command) {
  if (!pass_on(context, [&](rdpContext* front) { return front->update->SurfaceBits(front, command); })) return FALSE;
  leg_of(context).session().warning().has_painted(painted_area(*command));
  decode(context, [&](const Decoders& decoders) { return decoders.surface_bits(context, command); });
  return TRUE;
}
BOOL on_frame_marker(rdpContext* context, const SURFACE_FRAME_MARKER* marker) {
  auto& warning = leg_of(context).session().warning();
  return pass_on(context, [&](rdpContext* front) {
    marker->frameAction == SURFACECMD_FRAMEACTION_BEGIN ? warning.frame_has_begun() : warning.frame_ends();
    return front->update->SurfaceFrameMarker(front, marker);
  });
}
BOOL on_bitmap_update(rdpContext* context, const BITMAP_UPDATE* bitmap) {
  if (!pass_on(context, [&](rdpContext* front) { return front->update->BitmapUpdate(front, bitmap); })) return FALSE;
  leg_of(context).session().warning().has_painted(painted_area(*bitmap));
  decode(context, [&](const Decoders& decoders) { return decoders.bitmap_update(context, bitmap); });
  return TRUE;
}
BOOL on_end_paint(rdpContext* context) {
  auto& back = back_of(context);
  if (back.leg->tap() == nullptr) return TRUE;
  // What gdi has drawn; the next painting begins with nothing.
  GDI_WND* window = context->gdi->primary->hdc->hwnd;
  if (window->invalid->null == FALSE) back.leg->tap()->picture_changed(*context);
  window->invalid->null = TRUE;
  window->ninvalid = 0;
  return TRUE;
}
BOOL on_palette(rdpContext* context, const PALETTE_UPDATE* palette) {
  if (!pass_on(context, [&](rdpContext* front) { return front->update->Palette(front, palette); })) return FALSE;
  decode(context, [&](const Decoders& decoders) { return decoders.palette(context, palette); });
  return TRUE;
}
BOOL on_desktop_resize(rdpContext* context) {
  auto& back = back_of(context);
  const auto width = freerdp_settings_get_uint32(context->settings, FreeRDP_DesktopWidth);
  const auto height = freerdp_settings_get_uint32(context->settings, FreeRDP_DesktopHeight);
  if (!gdi_resize(context->gdi, width, height)) return FALSE;
  if (back.leg->tap() != nullptr && !back.leg->tap()->resize_older(*context)) return FALSE;
  if (auto* events = back.leg->session().events()) events->resized(width, height);
  if (back.leg->tap() != nullptr && back.leg->tap()->works()) return TRUE;
  auto& session = back.leg->session();
  session.warning().was_resized();
  return session.wait_at_gate() && session.back_was_resized() ? TRUE : FALSE;
}

// ---- pointers and the rest

// For the recording, in which it is drawn; nullptr: there is none.
PointerPicture* recorded_pointer(rdpContext* context) {
  auto* sink = leg_of(context).session().sink();
  return sink == nullptr ? nullptr : &sink->pointer();
}
void record_shape(rdpContext* context, UINT32 slot, std::optional<PointerShape> shape) {
  if (shape) recorded_pointer(context)->set_shape(slot, std::move(*shape));
}

BOOL on_pointer_position(rdpContext* context, const POINTER_POSITION_UPDATE* pointer) {
  if (auto* recorded = recorded_pointer(context)) {
    recorded->move_to(static_cast<std::int32_t>(pointer->xPos), static_cast<std::int32_t>(pointer->yPos));
  }
  return pass_on(context, [&](rdpContext* to) { return to->update->pointer->PointerPosition(to, pointer); });
}
BOOL on_pointer_system(rdpContext* context, const POINTER_SYSTEM_UPDATE* pointer) {
  if (auto* recorded = recorded_pointer(context)) {
    pointer->type == SYSPTR_NULL ? recorded->hide() : recorded->use_arrow();
  }
  return pass_on(context, [&](rdpContext* to) { return to->update->pointer->PointerSystem(to, pointer); });
}
BOOL on_pointer_color(rdpContext* context, const POINTER_COLOR_UPDATE* pointer) {
  if (recorded_pointer(context) != nullptr) record_shape(context, pointer->cacheIndex, shape_of(*context, *pointer));
  return pass_on(context, [&](rdpContext* to) { return to->update->pointer->PointerColor(to, pointer); });
}
BOOL on_pointer_new(rdpContext* context, const POINTER_NEW_UPDATE* pointer) {
  if (recorded_pointer(context) != nullptr) {
    record_shape(context, pointer->colorPtrAttr.cacheIndex, shape_of(*context, pointer->colorPtrAttr, pointer->xorBpp));
  }
  return pass_on(context, [&](rdpContext* to) { return to->update->pointer->PointerNew(to, pointer); });
}
BOOL on_pointer_cached(rdpContext* context, const POINTER_CACHED_UPDATE* pointer) {
  if (auto* recorded = recorded_pointer(context)) recorded->use_slot(pointer->cacheIndex);
  return pass_on(context, [&](rdpContext* to) { return to->update->pointer->PointerCached(to, pointer); });
}
BOOL on_pointer_large(rdpContext* context, const POINTER_LARGE_UPDATE* pointer) {
  if (recorded_pointer(context) != nullptr) record_shape(context, pointer->cacheIndex, shape_of(*context, *pointer));
  return pass_on(context, [&](rdpContext* to) { return to->update->pointer->PointerLarge(to, pointer); });
}
BOOL on_play_sound(rdpContext* context, const PLAY_SOUND_UPDATE* sound) {
  return pass_on(context, [&](rdpContext* to) { return to->update->PlaySound(to, sound); });
}
BOOL on_keyboard_indicators(rdpContext* context, UINT16 flags) {
  return pass_on(context, [&](rdpContext* to) { return to->update->SetKeyboardIndicators(to, flags); });
}
BOOL on_keyboard_ime(rdpContext* context, UINT16 id, UINT32 state, UINT32 mode) {
  return pass_on(context, [&](rdpContext* to) { return to->update->SetKeyboardImeStatus(to, id, state, mode); });
}
BOOL on_save_session(rdpContext* context, UINT32 type, void* data) {
  // The backend's cookie is for the leg to the backend; the client has one of the gateway's (Session::activate).
  logon_info_ex extended{};
  if (type == INFO_TYPE_LOGON_EXTENDED_INF) {
    extended = *static_cast<const logon_info_ex*>(data);
    if (extended.haveCookie) leg_of(context).session().link().tell(BackendCookie{.cookie = cookie_of(extended)});
    extended.haveCookie = FALSE;
    if (!extended.haveErrorInfo) return TRUE;
    data = &extended;
  }
  return pass_on(context, [&](rdpContext* to) { return to->update->SaveSessionInfo(to, type, data); });
}
BOOL on_server_status(rdpContext* context, UINT32 status) {
  return pass_on(context, [&](rdpContext* to) { return to->update->ServerStatusInfo(to, status); });
}
BOOL on_monitors(rdpContext* context, UINT32 count, const MONITOR_DEF* monitors) {
  return pass_on(context, [&](rdpContext* to) { return freerdp_display_send_monitor_layout(to, count, monitors); });
}

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
  rdpUpdate* update = context->update;
  auto& back = back_of(context);
  back.decoders = {update->SurfaceBits, update->BitmapUpdate, update->Palette};
  update->SurfaceBits = on_surface_bits;
  update->SurfaceFrameMarker = on_frame_marker;
  update->BitmapUpdate = on_bitmap_update;
  update->EndPaint = on_end_paint;
  update->Palette = on_palette;
  update->DesktopResize = on_desktop_resize;
  update->PlaySound = on_play_sound;
  update->SetKeyboardIndicators = on_keyboard_indicators;
  update->SetKeyboardImeStatus = on_keyboard_ime;
  update->SaveSessionInfo = on_save_session;
  update->ServerStatusInfo = on_server_status;
  update->RemoteMonitors = on_monitors;
  update->pointer->PointerPosition = on_pointer_position;
  update->pointer->PointerSystem = on_pointer_system;
  update->pointer->PointerColor = on_pointer_color;
  update->pointer->PointerNew = on_pointer_new;
  update->pointer->PointerCached = on_pointer_cached;
  update->pointer->PointerLarge = on_pointer_large;
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
