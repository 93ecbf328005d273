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
#include <freerdp/transport_io.h>
#include <freerdp/update.h>
#include <sys/socket.h>
#include <winpr/collections.h>
#include <winpr/synch.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

#include "rdp/worker/channel_relay.h"
#include "rdp/worker/picture_tap.h"
#include "rdp/worker/session.h"
#include "rdp/worker/settings.h"

namespace gatehouse::rdp {
namespace {

constexpr DWORD owed_after_ms = 130;

// What gdi would do with the graphics of before the pipeline; kept, so that it decodes beside the forwarding.
struct Decoders {
  pSurfaceBits surface_bits = nullptr;
  pBitmapUpdate bitmap_update = nullptr;
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
  return front != nullptr && send(front) ? TRUE : FALSE;
}

// ---- graphics of before the pipeline

BOOL on_surface_bits(rdpContext* context, const SURFACE_BITS_COMMAND* command) {
  if (!pass_on(context, [&](rdpContext* front) { return front->update->SurfaceBits(front, command); })) return FALSE;
  auto& back = back_of(context);
  return back.leg->tap() == nullptr || back.decoders.surface_bits == nullptr ||
         back.decoders.surface_bits(context, command);
}
BOOL on_frame_marker(rdpContext* context, const SURFACE_FRAME_MARKER* marker) {
  return pass_on(context, [&](rdpContext* front) { return front->update->SurfaceFrameMarker(front, marker); });
}
BOOL on_bitmap_update(rdpContext* context, const BITMAP_UPDATE* bitmap) {
  if (!pass_on(context, [&](rdpContext* front) { return front->update->BitmapUpdate(front, bitmap); })) return FALSE;
  auto& back = back_of(context);
  return back.leg->tap() == nullptr || back.decoders.bitmap_update == nullptr ||
         back.decoders.bitmap_update(context, bitmap);
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
  return pass_on(context, [&](rdpContext* front) { return front->update->Palette(front, palette); });
}
BOOL on_desktop_resize(rdpContext* context) {
  auto& back = back_of(context);
  const auto width = freerdp_settings_get_uint32(context->settings, FreeRDP_DesktopWidth);
  const auto height = freerdp_settings_get_uint32(context->settings, FreeRDP_DesktopHeight);
  if (!gdi_resize(context->gdi, width, height)) return FALSE;
  if (back.leg->tap() != nullptr && back.leg->tap()->works()) return TRUE;
  auto& session = back.leg->session();
  return session.wait_at_gate() && session.back_was_resized() ? TRUE : FALSE;
}

// ---- pointers and the rest

BOOL on_pointer_position(rdpContext* context, const POINTER_POSITION_UPDATE* pointer) {
  return pass_on(context, [&](rdpContext* to) { return to->update->pointer->PointerPosition(to, pointer); });
}
BOOL on_pointer_system(rdpContext* context, const POINTER_SYSTEM_UPDATE* pointer) {
  return pass_on(context, [&](rdpContext* to) { return to->update->pointer->PointerSystem(to, pointer); });
}
BOOL on_pointer_color(rdpContext* context, const POINTER_COLOR_UPDATE* pointer) {
  return pass_on(context, [&](rdpContext* to) { return to->update->pointer->PointerColor(to, pointer); });
}
BOOL on_pointer_new(rdpContext* context, const POINTER_NEW_UPDATE* pointer) {
  return pass_on(context, [&](rdpContext* to) { return to->update->pointer->PointerNew(to, pointer); });
}
BOOL on_pointer_cached(rdpContext* context, const POINTER_CACHED_UPDATE* pointer) {
  return pass_on(context, [&](rdpContext* to) { return to->update->pointer->PointerCached(to, pointer); });
}
BOOL on_pointer_large(rdpContext* context, const POINTER_LARGE_UPDATE* pointer) {
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
  // The cookie of an automatic reconnect is this leg's; the client gets none that it could not use.
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
  if (!pass_to_front(leg.session(), name, chunk)) return FALSE;
  if (leg.tap() == nullptr || !dynamic) return TRUE;
  const PictureTap::Working working(*leg.tap());
  return freerdp_channels_data(instance, id, data, size, flags, total);
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
  if (!gdi_init(instance, PIXEL_FORMAT_BGRX32)) return FALSE;
  rdpUpdate* update = context->update;
  auto& back = back_of(context);
  back.decoders = {update->SurfaceBits, update->BitmapUpdate};
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

BackLeg::BackLeg(Session& session, Fd backend)
    : session_(session), backend_(std::move(backend)), to_shut_(::fcntl(backend_.get(), F_DUPFD_CLOEXEC, 0)) {
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

int BackLeg::take_socket() {
  return backend_.release();
}

Result<void> BackLeg::start(const std::optional<Credentials>& credentials) {
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
  if (auto set = set_up_back(*session_.front()->settings, *instance_->context->settings, session_.start(), credentials,
                             tap_ != nullptr);
      !set) {
    return set;
  }
  thread_ = std::thread([this] { run(); });
  return {};
}

void BackLeg::run() {
  const bool connected = freerdp_connect(instance_) == TRUE;
  if (!connected) {
    const auto error = freerdp_get_last_error(instance_->context);
    session_.end("backend_refused", freerdp_get_last_error_name(error));
  }
  session_.back_is_connected(connected);
  std::array<HANDLE, MAXIMUM_WAIT_OBJECTS> handles{};
  while (connected && !session_.is_ending() && !freerdp_shall_disconnect_context(instance_->context)) {
    const DWORD count =
        freerdp_get_event_handles(instance_->context, handles.data(), static_cast<DWORD>(handles.size()));
    const DWORD patience = tap_ && tap_->owes() ? owed_after_ms : INFINITE;
    const DWORD woken = count == 0 ? WAIT_FAILED : WaitForMultipleObjects(count, handles.data(), FALSE, patience);
    if (woken == WAIT_FAILED) break;
    if (woken == WAIT_TIMEOUT) {
      tap_->picture_changed(*instance_->context);
      continue;
    }
    if (!freerdp_check_event_handles(instance_->context)) break;
  }
  if (connected) {
    const auto info = freerdp_error_info(instance_);
    if (redirected_) {
      session_.end("redirection", "the backend sends the client elsewhere", info);
    } else {
      session_.end("backend_closed", info == 0 ? "" : freerdp_get_error_info_name(info), info);
    }
    freerdp_disconnect(instance_);
  }
}

void BackLeg::stop() {
  if (!thread_.joinable()) return;
  freerdp_abort_connect_context(instance_->context);
  ::shutdown(to_shut_.get(), SHUT_RDWR);
  thread_.join();
}

}  // namespace gatehouse::rdp
