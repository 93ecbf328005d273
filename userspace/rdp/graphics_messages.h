// The graphics pipeline's messages, as far as something has to be drawn between them: each one's kind and extent, and
// the few that say where on the client's screen a surface lies. All else passes unread.
//
// Errors: a length that is shorter than its header or longer than what is there, a message shorter than its fields.
// MS-RDPEGFX 2.2.1, 2.2.2 (messages), 2.2.5 (segments).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "rdp/little_endian.h"

namespace gatehouse::rdp {

inline constexpr const char* graphics_channel = "Microsoft::Windows::RDS::Graphics";

// RDPGFX_CMDID
enum class GraphicsKind : std::uint16_t {
  wire_to_surface_1 = 0x0001,
  surface_to_surface = 0x0005,
  create_surface = 0x0009,
  delete_surface = 0x000A,
  start_frame = 0x000B,
  end_frame = 0x000C,
  frame_acknowledge = 0x000D,
  reset_graphics = 0x000E,
  map_surface_to_output = 0x000F,
  map_surface_to_window = 0x0015,
  qoe_frame_acknowledge = 0x0016,
  map_surface_to_scaled_output = 0x0017,
  map_surface_to_scaled_window = 0x0018,
};

struct GraphicsMessage {
  GraphicsKind kind{};
  Bytes whole;  // with its header
  [[nodiscard]] Bytes body() const { return whole.subspan(header_size); }
  static constexpr std::size_t header_size = 8;
};

// What one message of the channel holds, decompressed, one after the other.
Result<std::vector<GraphicsMessage>> split_graphics(Bytes data);

struct Area {
  std::uint16_t left = 0;
  std::uint16_t top = 0;
  std::uint16_t width = 0;
  std::uint16_t height = 0;
};

class GraphicsWriter {
 public:
  GraphicsWriter& create_surface(std::uint16_t surface, std::uint16_t width, std::uint16_t height, std::uint8_t format);
  GraphicsWriter& delete_surface(std::uint16_t surface);
  GraphicsWriter& start_frame(std::uint32_t frame);
  GraphicsWriter& end_frame(std::uint32_t frame);
  // 32 bits a pixel, as many as the area has.
  GraphicsWriter& pixels(std::uint16_t surface, std::uint8_t format, const Area& area, Bytes pixels);
  GraphicsWriter& copy(std::uint16_t from, const Area& area, std::uint16_t to, std::uint16_t x, std::uint16_t y);
  GraphicsWriter& message(const GraphicsMessage& message);  // as it is
  [[nodiscard]] std::vector<std::uint8_t> take() { return writer_.take(); }

 private:
  void header(GraphicsKind kind, std::size_t body);
  LittleEndianWriter writer_;
};

// RDP_SEGMENTED_DATA with nothing compressed: it needs no history, whatever came before.
std::vector<std::uint8_t> segments_of(Bytes data);
// How much a message of the channel says that it becomes when it is decompressed; of one that has only one segment, the
// most that can be.
std::optional<std::uint64_t> decompressed_size(Bytes message);

}  // namespace gatehouse::rdp
