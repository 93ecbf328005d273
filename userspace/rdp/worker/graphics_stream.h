// The graphics pipeline on its way to the client, with something drawn over it. It is followed from its beginning, for
// what is compressed in it refers to what came before; but until something is drawn not a byte of it is changed. From
// then on the client's history is another one than the server's, and the client gets the same messages uncompressed.
//
// Threads: from_client() on the front's; all else on the back's. Errors: what is not understood ends the following, and
// nothing can be drawn any more; what passes then passes as it came.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "rdp/graphics_overlay.h"
#include "rdp/message_assembler.h"

namespace gatehouse::rdp {

class GraphicsStream {
 public:
  static constexpr std::size_t longest_piece = 65536;         // of drdynvc
  static constexpr std::size_t longest_message = 64U << 20U;  // of the pipeline, compressed or not
  // To the client, over drdynvc; false: it is gone.
  using Send = std::function<bool(const Chunk&)>;

  explicit GraphicsStream(Send send);
  ~GraphicsStream();
  GraphicsStream(const GraphicsStream&) = delete;
  GraphicsStream& operator=(const GraphicsStream&) = delete;

  enum class Taken : std::uint8_t {
    pass,  // it goes on as it is
    done,  // it need not, or went
    gone,  // the client is
  };
  Taken take(const Chunk& chunk);
  // What goes to the server instead of the chunk (nothing: empty). nullopt: the chunk itself.
  std::optional<std::vector<std::uint8_t>> from_client(const Chunk& chunk);

  [[nodiscard]] bool has_channel() const { return channel_ >= 0; }
  [[nodiscard]] bool has_screen() const { return !given_up_ && overlay_.has_screen(); }
  [[nodiscard]] GraphicsOverlay::Size screen() const { return overlay_.screen(); }
  [[nodiscard]] bool can_draw() const;  // between two messages and two frames
  [[nodiscard]] bool shows() const { return overlay_.shows(); }
  bool show(const Banner& banner);
  bool hide();

 private:
  struct Zgfx;
  Taken take_message(Bytes message, bool held);
  Taken take_data(const std::vector<std::uint8_t>& data);
  std::optional<std::vector<std::uint8_t>> decompressed(Bytes data);
  bool send_graphics(Bytes data);
  bool send_message(Bytes message);
  void forget_channel();
  void give_up();

  const Send send_;
  std::unique_ptr<Zgfx> history_;
  GraphicsOverlay overlay_;
  std::atomic<std::int64_t> channel_ = -1;  // the pipeline's, within drdynvc
  bool rewrites_ = false;                   // the client's history is its own
  bool opaque_ = false;                     // decompressed, but not understood
  bool given_up_ = false;
  std::uint32_t flags_ = chunk_show_protocol;
  std::vector<std::uint8_t> piece_;  // of drdynvc, not whole yet
  bool in_piece_ = false;
  bool skips_ = false;
  std::vector<std::uint8_t> data_;  // of the pipeline, not whole yet
  std::size_t data_length_ = 0;
  bool in_data_ = false;
  std::uint64_t client_rest_ = 0;  // of a long message of the client; on the front's thread
};

}  // namespace gatehouse::rdp
