// The warning that a session ends soon, drawn over the client's picture for some seconds: over the graphics pipeline by
// its own means (worker/graphics_stream.h), over older graphics as a bitmap. That is painted again whenever the server
// has painted over it: before the end of the server's frame where it marks its frames (MS-RDPBCGR 2.2.9.2.3), else at
// once; and it is replaced by the server's picture in the end.
//
// Threads: warn() any; from_client() the front's; all else the back's, which waits for wake_up() as well.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "rdp/worker/graphics_stream.h"
#include "rdp/worker/painted_bitmap.h"

using rdpContext = struct rdp_context;

namespace gatehouse::rdp {

class Session;

class SessionWarning {
 public:
  static constexpr std::chrono::seconds shown_for{10};
  static constexpr std::chrono::seconds tried_for{10};

  explicit SessionWarning(Session& session);
  ~SessionWarning();
  SessionWarning(const SessionWarning&) = delete;
  SessionWarning& operator=(const SessionWarning&) = delete;

  void warn(std::uint32_t seconds);
  [[nodiscard]] void* wake_up() const { return woken_; }  // a WinPR event

  GraphicsStream& stream() { return stream_; }
  // Of older graphics: what the client has been sent, and before it is sent that a frame ends.
  void frame_has_begun() { in_frame_ = true; }
  void has_painted(const Area& area);
  void frame_ends();
  void was_resized();  // all of it is painted anew
  // Does what is due; true: it wants to be called again soon, whatever comes.
  bool look(rdpContext* back);

 private:
  using Clock = std::chrono::steady_clock;
  struct Wanted {
    Clock::time_point end;    // of the session
    Clock::time_point until;  // it is shown, or tried
    bool told = false;
    [[nodiscard]] std::uint32_t seconds() const;
  };
  bool draw();
  void end(rdpContext* back);
  void draw_older();
  void paint_older();
  void restore_older(const Area& area, rdpContext* back);
  void tell(bool shown);

  Session& session_;
  void* woken_ = nullptr;
  GraphicsStream stream_;
  std::mutex mutex_;
  std::optional<Clock::time_point> request_;  // when the session ends

  std::optional<Wanted> wanted_;
  std::optional<PaintedBitmap> older_;  // it is there over older graphics
  Clock::time_point older_drawn_;
  bool painted_over_ = false;
  bool in_frame_ = false;
};

}  // namespace gatehouse::rdp
