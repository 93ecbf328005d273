#include "rdp/worker/session_warning.h"

#include <freerdp/freerdp.h>
#include <freerdp/gdi/gdi.h>
#include <freerdp/update.h>
#include <winpr/synch.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "rdp/event_track.h"
#include "rdp/worker/channel_relay.h"
#include "rdp/worker/session.h"

namespace gatehouse::rdp {
namespace {

constexpr std::size_t pixel_size = 4;
constexpr std::size_t longest_bitmap = 12000;  // bytes: every client takes that, also one that takes no fragments
constexpr std::chrono::milliseconds between_drawings{200};
constexpr std::chrono::milliseconds drawn_again_after{1000};

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
  if (!older_ || since >= drawn_again_after || (painted_ && since >= between_drawings)) {
    draw_older();
    older_drawn_ = now;
    painted_ = false;
  }
  return older_;
}

void SessionWarning::end(rdpContext* back) {
  if (stream_.shows() && stream_.can_draw()) stream_.hide();
  if (std::exchange(older_, false)) restore_older(back);
}

void SessionWarning::draw_older() {
  const auto* settings = session_.front()->settings;
  const auto width = freerdp_settings_get_uint32(settings, FreeRDP_DesktopWidth);
  older_banner_ =
      warning_banner(wanted_->seconds(), width, freerdp_settings_get_uint32(settings, FreeRDP_DesktopHeight));
  if (older_banner_.pixels.empty()) return;
  older_area_ = {static_cast<std::uint16_t>((width - older_banner_.width) / 2), 0,
                 static_cast<std::uint16_t>(older_banner_.width), static_cast<std::uint16_t>(older_banner_.height)};
  older_ = true;
  send_older(older_area_, older_banner_.pixels.data(), pixel_size * older_banner_.width);
}

void SessionWarning::restore_older(rdpContext* back) {
  if (!session_.is_open()) return;  // all of it is painted anew anyway
  const rdpGdi* gdi = back->gdi;
  if (session_.sink() != nullptr && gdi != nullptr && gdi->primary_buffer != nullptr &&
      gdi->width >= older_area_.left + older_area_.width && gdi->height >= older_area_.top + older_area_.height) {
    send_older(older_area_,
               gdi->primary_buffer + std::size_t{older_area_.top} * gdi->stride + pixel_size * older_area_.left,
               gdi->stride);
    return;
  }
  const RECTANGLE_16 area{older_area_.left, older_area_.top, static_cast<UINT16>(older_area_.left + older_area_.width),
                          static_cast<UINT16>(older_area_.top + older_area_.height)};
  static_cast<void>(back->update->RefreshRect(back, 1, &area));
}

// Uncompressed, from the bottom line to the top one (MS-RDPBCGR 2.2.9.1.1.3.1.2.2), in bands.
void SessionWarning::send_older(const Area& area, const std::uint8_t* pixels, std::size_t stride) {
  const std::size_t line = pixel_size * area.width;
  const std::uint32_t most_rows = std::max<std::uint32_t>(1, static_cast<std::uint32_t>(longest_bitmap / line));
  std::vector<std::uint8_t> band;
  for (std::uint32_t top = 0; top < area.height; top += most_rows) {
    const auto rows = std::min<std::uint32_t>(most_rows, area.height - top);
    band.resize(line * rows);
    for (std::uint32_t row = 0; row < rows; ++row) {
      std::memcpy(band.data() + line * (rows - 1 - row), pixels + stride * (top + row), line);
    }
    BITMAP_DATA data{};
    data.destLeft = area.left;
    data.destTop = area.top + top;
    data.destRight = area.left + area.width - 1U;
    data.destBottom = area.top + top + rows - 1;
    data.width = area.width;
    data.height = rows;
    data.bitsPerPixel = 32;
    data.bitmapLength = static_cast<UINT32>(band.size());
    data.bitmapDataStream = band.data();
    const BITMAP_UPDATE update{.number = 1, .rectangles = &data, .skipCompression = TRUE};
    rdpContext* front = session_.front();
    if (!front->update->BitmapUpdate(front, &update)) return;
  }
}

}  // namespace gatehouse::rdp
