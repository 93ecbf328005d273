// A picture over that of the graphics pipeline, by the pipeline's own means: nothing that a server has painted is lost,
// and what it paints meanwhile lands where it belongs.
//
//   show   a surface is made for the picture and one for what it covers; in a frame of its own the latter is saved, and
//          the picture is copied over it
//   passes of each frame of the server: after its beginning what is covered is put back, so that every command of the
//          server finds its own surface; before its end it is saved anew and covered again. The client shows a frame
//          when it is over, and sees none of that
//   hide   what is covered is put back, both surfaces go
//
// What a client acknowledges of frames that no server sent never reaches one.
//
// Threads: one, but for filter_from_client(), which may be on another. Errors: a stream that is not understood; the
// overlay is then given up, and the stream passes as it is.
// MS-RDPEGFX 2.2.2, 3.3.1 (surfaces), 2.2.2.13 (RDPGFX_FRAME_ACKNOWLEDGE_PDU).
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "rdp/graphics_messages.h"
#include "rdp/warning_banner.h"

namespace gatehouse::rdp {

class GraphicsOverlay {
 public:
  static constexpr std::size_t most_surfaces = 4096;

  // What the server sends, decompressed, in its order; what the client gets instead.
  Result<std::vector<std::uint8_t>> pass(Bytes data);
  // Whether there is a place for it, now: a surface on the screen, and no frame under way.
  [[nodiscard]] bool can_show() const;
  // How large the screen is on which it would be: that of the first monitor.
  struct Size {
    std::uint32_t width = 0;
    std::uint32_t height = 0;
  };
  [[nodiscard]] Size screen() const;
  [[nodiscard]] bool has_screen() const { return target().has_value(); }
  // For the client; empty where it does not fit.
  std::vector<std::uint8_t> show(const Banner& banner);
  [[nodiscard]] bool shows() const { return shown_.has_value(); }
  [[nodiscard]] bool in_frame() const { return in_frame_; }
  std::vector<std::uint8_t> hide();  // not within a frame

  // A message of the client, without what answers our own frames; empty: nothing is left. Any thread.
  [[nodiscard]] std::vector<std::uint8_t> filter_from_client(Bytes message) const;
  [[nodiscard]] bool has_shown() const { return frames_ != 0; }

 private:
  struct Surface {
    std::uint16_t width = 0;
    std::uint16_t height = 0;
    std::uint8_t format = 0;
    bool on_screen = false;
    bool scaled = false;
    std::uint32_t x = 0;
    std::uint32_t y = 0;
  };
  struct Monitor {
    std::uint32_t x = 0;
    std::uint32_t y = 0;
    std::uint32_t width = 0;
    std::uint32_t height = 0;
  };
  struct Target {
    std::uint16_t surface = 0;
    Area area;  // of the surface, that lies on the monitor
  };
  struct Shown {
    std::uint16_t surface = 0;
    std::uint16_t covered = 0;  // our surface with what lies beneath
    std::uint16_t picture = 0;  // our surface with the picture
    Area area;                  // on the server's surface
    bool lifted = false;        // within a frame: it is not there
  };

  Result<void> follow(const GraphicsMessage& message);
  Result<void> follow_reset(Bytes body);
  [[nodiscard]] std::optional<Target> target() const;
  [[nodiscard]] std::optional<std::uint16_t> free_surface(std::uint16_t below) const;
  [[nodiscard]] bool must_go(const GraphicsMessage& message) const;
  void cover(GraphicsWriter& writer) const;
  void uncover(GraphicsWriter& writer) const;
  void remove(GraphicsWriter& writer);
  std::uint32_t next_frame();

  std::map<std::uint16_t, Surface> surfaces_;
  Monitor monitor_;
  bool in_frame_ = false;
  std::optional<Shown> shown_;
  std::atomic<std::uint32_t> frames_ = 0;  // of our own
};

}  // namespace gatehouse::rdp
