// An RDP client without a display, on libfreerdp-client: one session that says when it was active and when the picture
// came, counts what it gets, and clicks. With `decode` it has the picture as well; without, it parses and throws away,
// so that many of them cost little.
//
// Times are milliseconds since the connection was begun. Threads: one of its own for the session; the rest from any.
// Errors: std::runtime_error with what the library said.
#pragma once

#include <freerdp/freerdp.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace gatehouse::bench {

enum class Graphics {
  pipeline,  // RDPGFX with H.264, as today's clients do
  bitmaps,   // bitmap updates only, all that is left where a gateway in between knows nothing else
};

struct RdpTarget {
  std::string address;
  std::uint16_t port = 3389;
  Graphics graphics = Graphics::pipeline;
  bool decode = false;
};

struct Counts {
  std::uint64_t frames = 0;  // of the pipeline, or bitmap updates
  std::uint64_t bytes = 0;   // from the server, before TLS
};

class RdpClient {
 public:
  explicit RdpClient(const RdpTarget& target);  // begins to connect
  ~RdpClient();                                 // disconnects
  RdpClient(const RdpClient&) = delete;
  RdpClient& operator=(const RdpClient&) = delete;

  // Until the connection is active, until the first frame; nullopt: not within `patience`, or it has failed.
  std::optional<double> active(std::chrono::milliseconds patience);
  std::optional<double> first_frame(std::chrono::milliseconds patience);
  // With `decode`: until the pixel has, within the codec's loss, the colour 0xRRGGBB.
  std::optional<double> pixel(std::uint32_t x, std::uint32_t y, std::uint32_t colour,
                              std::chrono::milliseconds patience);
  // With `decode`: from a click at (x, y) until the pixel beside it is another one.
  std::optional<double> click(std::uint32_t x, std::uint32_t y, std::chrono::milliseconds patience);

  [[nodiscard]] bool is_alive() const { return alive_; }
  [[nodiscard]] Counts counts();
  [[nodiscard]] const char* error() const;

  // ---- of the library's callbacks
  void saw_frame();
  void saw_picture();
  [[nodiscard]] const RdpTarget& target() const { return target_; }

 private:
  using Clock = std::chrono::steady_clock;

  void set_up();
  void run();
  [[nodiscard]] std::uint32_t colour_at(std::uint32_t x, std::uint32_t y) const;
  [[nodiscard]] double since_start(Clock::time_point time) const {
    return std::chrono::duration<double, std::milli>(time - begun_).count();
  }

  const RdpTarget target_;
  freerdp* instance_ = nullptr;
  Clock::time_point begun_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Clock::time_point> active_;
  std::optional<Clock::time_point> first_frame_;
  std::optional<Clock::time_point> picture_;  // the latest
  bool ended_ = false;
  std::atomic<bool> alive_ = false;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::uint64_t> frames_ = 0;
  std::thread thread_;
};

// Once, before the first client.
void set_up_library();

}  // namespace gatehouse::bench
