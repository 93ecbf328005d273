#include "rdp/worker/input_notes.h"

#include <freerdp/input.h>

#include "rdp/event_track.h"
#include "rdp/pointer_picture.h"
#include "rdp/worker/frame_sink.h"
#include "rdp/worker/session.h"

namespace gatehouse::rdp {
namespace {

void move_pointer(Session& session, std::uint16_t x, std::uint16_t y) {
  if (session.sink() != nullptr) session.sink()->pointer().move_to(x, y);
}

void note_buttons(Session& session, std::uint16_t flags, std::uint16_t x, std::uint16_t y) {
  if (session.events() == nullptr || (flags & PTR_FLAGS_DOWN) == 0) return;
  if ((flags & PTR_FLAGS_BUTTON1) != 0) session.events()->click(PointerButton::left, x, y);
  if ((flags & PTR_FLAGS_BUTTON2) != 0) session.events()->click(PointerButton::right, x, y);
  if ((flags & PTR_FLAGS_BUTTON3) != 0) session.events()->click(PointerButton::middle, x, y);
}

}  // namespace

void note_scan_code(Session& session, std::uint16_t flags, std::uint8_t code) {
  if (session.events() == nullptr) return;
  session.events()->key({.unicode = false,
                         .code = code,
                         .extended = (flags & (KBD_FLAGS_EXTENDED | KBD_FLAGS_EXTENDED1)) != 0,
                         .down = (flags & KBD_FLAGS_RELEASE) == 0});
}

void note_unicode(Session& session, std::uint16_t flags, std::uint16_t code) {
  if (session.events() == nullptr) return;
  session.events()->key({.unicode = true, .code = code, .down = (flags & KBD_FLAGS_RELEASE) == 0});
}

void note_mouse(Session& session, std::uint16_t flags, std::uint16_t x, std::uint16_t y) {
  // Where a wheel turns is not said.
  if ((flags & (PTR_FLAGS_WHEEL | PTR_FLAGS_HWHEEL)) != 0) return;
  move_pointer(session, x, y);
  note_buttons(session, flags, x, y);
}

void note_extended_mouse(Session& session, std::uint16_t flags, std::uint16_t x, std::uint16_t y) {
  move_pointer(session, x, y);
  if (session.events() == nullptr || (flags & PTR_XFLAGS_DOWN) == 0) return;
  if ((flags & PTR_XFLAGS_BUTTON1) != 0) session.events()->click(PointerButton::back, x, y);
  if ((flags & PTR_XFLAGS_BUTTON2) != 0) session.events()->click(PointerButton::forward, x, y);
}

void note_relative_mouse(Session& session, std::uint16_t flags, std::int16_t x, std::int16_t y) {
  if (session.sink() == nullptr) return;
  auto& pointer = session.sink()->pointer();
  pointer.move_by(x, y);
  const auto place = pointer.place();
  if (place) note_buttons(session, flags, static_cast<std::uint16_t>(place->x), static_cast<std::uint16_t>(place->y));
}

}  // namespace gatehouse::rdp
