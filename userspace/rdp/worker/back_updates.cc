#include "rdp/worker/back_updates.h"

#include <freerdp/display.h>
#include <freerdp/gdi/gdi.h>
#include <freerdp/session.h>

#include <optional>
#include <utility>

#include "rdp/event_track.h"
#include "rdp/worker/back_context.h"
#include "rdp/worker/back_leg.h"
#include "rdp/worker/leg_transport.h"
#include "rdp/worker/picture_tap.h"
#include "rdp/worker/pointer_shapes.h"
#include "rdp/worker/reconnection.h"
#include "rdp/worker/session.h"
#include "rdp/worker/session_warning.h"
#include "rdp/worker/update_area.h"

namespace gatehouse::rdp {
namespace {

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

}  // namespace

void take_updates(rdpContext& context) {
  rdpUpdate* update = context.update;
  auto& back = back_of(&context);
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
}

}  // namespace gatehouse::rdp
