#include "rdp/worker/session_warning.h"

#include <freerdp/freerdp.h>
#include <freerdp/gdi/gdi.h>
#include <freerdp/update.h>
#include <winpr/synch.h>

#include <utility>

#include "rdp/event_track.h"
#include "rdp/worker/channel_relay.h"
#include "rdp/worker/session.h"

namespace gatehouse::rdp {
namespace {

constexpr std::size_t bytes_of_pixel = 4;
constexpr std::chrono::milliseconds longest_frame{200};       // then it is painted within it
constexpr std::chrono::milliseconds drawn_again_after{1000};  // for what it says

}  // namespace

std::uint32_t SessionWarning::Wanted::seconds() const {
  const auto left = std::chrono::ceil<std::chrono::seconds>(end - Clock::now()).count();
  return left > 0 ? static_cast<std::uint32_t>(left) : 0;
}

SessionWarning::SessionWarning(Session& session)
    : session_(session),
      woken_(CreateEventA(nullptr, TRUE, FALSE, nullptr)),
      stream_([this](const Chunk& chunk) { return send_dynamic_to_front(session_, chunk); }) {}

SessionWarning::~SessionWarning() {
  CloseHandle(woken_);
}

void SessionWarning::warn(std::uint32_t seconds) {
  {
    const std::lock_guard lock(mutex_);
    request_ = Clock::now() + std::chrono::seconds(seconds);
    SetEvent(woken_);
  }
}

void SessionWarning::tell(bool shown) {
  if (std::exchange(wanted_->told, true)) return;
  if (auto* events = session_.events()) events->warned(wanted_->seconds(), shown);
}

bool SessionWarning::look(rdpContext* back) {
  std::optional<Clock::time_point> request;
  {
    const std::lock_guard lock(mutex_);
    ResetEvent(woken_);
    request = std::exchange(request_, std::nullopt);
  }
  const auto now = Clock::now();
  if (request) {
    end(back);
    wanted_ = Wanted{.end = *request, .until = now + tried_for, .told = false};
  }
  if (!wanted_) {
    if (stream_.shows()) end(back);  // it could not go at its time
    return stream_.shows();
  }
  // A client that has not come so far will see it when it has.
  if (!wanted_->told && !session_.is_open()) wanted_->until = now + tried_for;
  if (now >= wanted_->until) {
    tell(false);
    end(back);
    wanted_.reset();
    return stream_.shows();
  }
  const bool begins = !wanted_->told;
  if (session_.is_open() && draw() && begins) {
    tell(true);
    wanted_->until = now + shown_for;
  }
  return true;
}

// Whether it is to be seen now.
bool SessionWarning::draw() {
  if (stream_.has_screen()) {
    if (stream_.shows()) return true;
    if (!stream_.can_draw()) return false;
    const auto screen = stream_.screen();
    return stream_.show(warning_banner(wanted_->seconds(), screen.width, screen.height));
  }
  if (stream_.has_channel()) return false;
  const auto now = Clock::now();
  const auto since = now - older_drawn_;
  if (!older_ || since >= drawn_again_after || (painted_over_ && since >= longest_frame)) {
    draw_older();
    older_drawn_ = now;
  }
  return older_.has_value();
}

void SessionWarning::end(rdpContext* back) {
  if (stream_.shows() && stream_.can_draw()) stream_.hide();
  if (older_) restore_older(std::exchange(older_, std::nullopt)->area(), back);
}

void SessionWarning::draw_older() {
  const auto& settings = *session_.front()->settings;
  const auto width = freerdp_settings_get_uint32(&settings, FreeRDP_DesktopWidth);
  const auto banner =
      warning_banner(wanted_->seconds(), width, freerdp_settings_get_uint32(&settings, FreeRDP_DesktopHeight));
  if (banner.pixels.empty()) return;
  const Area area{static_cast<std::uint16_t>((width - banner.width) / 2), 0, static_cast<std::uint16_t>(banner.width),
                  static_cast<std::uint16_t>(banner.height)};
  older_ = PaintedBitmap::packed(area, banner.pixels.data(), bytes_of_pixel * banner.width, settings);
  paint_older();
}

void SessionWarning::paint_older() {
  painted_over_ = false;
  // Whoever sends next sees that the client is gone.
  static_cast<void>(older_->send(*session_.front()));
}

void SessionWarning::has_painted(const Area& area) {
  if (!older_ || !older_->is_touched_by(area)) return;
  if (in_frame_) {
    painted_over_ = true;
  } else {
    paint_older();
  }
}

void SessionWarning::frame_ends() {
  in_frame_ = false;
  if (older_ && painted_over_) paint_older();
}

void SessionWarning::was_resized() {
  older_.reset();
  painted_over_ = false;
  in_frame_ = false;
}

void SessionWarning::restore_older(const Area& area, rdpContext* back) {
  if (!session_.is_open()) return;  // all of it is painted anew anyway
  const rdpGdi* gdi = back->gdi;
  if (session_.sink() != nullptr && gdi != nullptr && gdi->primary_buffer != nullptr &&
      gdi->width >= area.left + area.width && gdi->height >= area.top + area.height) {
    const auto* pixels = gdi->primary_buffer + std::size_t{area.top} * gdi->stride + bytes_of_pixel * area.left;
    static_cast<void>(PaintedBitmap::exact(area, pixels, gdi->stride).send(*session_.front()));
    return;
  }
  const RECTANGLE_16 covered{area.left, area.top, static_cast<UINT16>(area.left + area.width),
                             static_cast<UINT16>(area.top + area.height)};
  static_cast<void>(back->update->RefreshRect(back, 1, &covered));
}

}  // namespace gatehouse::rdp
