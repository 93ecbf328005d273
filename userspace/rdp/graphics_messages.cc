#include "rdp/graphics_messages.h"

#include <algorithm>

namespace gatehouse::rdp {
namespace {

// MS-RDPEGFX 2.2.5.1, 2.2.5.2, 2.2.5.3
constexpr std::uint8_t single_segment = 0xE0;
constexpr std::uint8_t several_segments = 0xE1;
constexpr std::uint8_t rdp8_uncompressed = 0x04;
constexpr std::size_t longest_segment = 65535;
constexpr std::uint16_t uncompressed_codec = 0x0000;  // RDPGFX_CODECID_UNCOMPRESSED

}  // namespace

Result<std::vector<GraphicsMessage>> split_graphics(Bytes data) {
  std::vector<GraphicsMessage> messages;
  while (!data.empty()) {
    LittleEndianReader reader(data);
    const auto kind = reader.u16();
    reader.skip(2);  // flags
    const auto length = reader.u32();
    if (!reader.whole() || length < GraphicsMessage::header_size || length > data.size()) {
      return failure("a message of the graphics pipeline has a length that cannot be");
    }
    messages.push_back({static_cast<GraphicsKind>(kind), data.first(length)});
    data = data.subspan(length);
  }
  return messages;
}

void GraphicsWriter::header(GraphicsKind kind, std::size_t body) {
  writer_.u16(static_cast<std::uint16_t>(kind))
      .u16(0)
      .u32(static_cast<std::uint32_t>(GraphicsMessage::header_size + body));
}

GraphicsWriter& GraphicsWriter::create_surface(std::uint16_t surface, std::uint16_t width, std::uint16_t height,
                                               std::uint8_t format) {
  header(GraphicsKind::create_surface, 7);
  writer_.u16(surface).u16(width).u16(height).u8(format);
  return *this;
}

GraphicsWriter& GraphicsWriter::delete_surface(std::uint16_t surface) {
  header(GraphicsKind::delete_surface, 2);
  writer_.u16(surface);
  return *this;
}

GraphicsWriter& GraphicsWriter::start_frame(std::uint32_t frame) {
  header(GraphicsKind::start_frame, 8);
  writer_.u32(0).u32(frame);  // no time
  return *this;
}

GraphicsWriter& GraphicsWriter::end_frame(std::uint32_t frame) {
  header(GraphicsKind::end_frame, 4);
  writer_.u32(frame);
  return *this;
}

GraphicsWriter& GraphicsWriter::pixels(std::uint16_t surface, std::uint8_t format, const Area& area, Bytes pixels) {
  header(GraphicsKind::wire_to_surface_1, 17 + pixels.size());
  writer_.u16(surface).u16(uncompressed_codec).u8(format);
  writer_.u16(area.left).u16(area.top).u16(static_cast<std::uint16_t>(area.left + area.width));
  writer_.u16(static_cast<std::uint16_t>(area.top + area.height));
  writer_.u32(static_cast<std::uint32_t>(pixels.size())).bytes(pixels);
  return *this;
}

GraphicsWriter& GraphicsWriter::copy(std::uint16_t from, const Area& area, std::uint16_t to, std::uint16_t x,
                                     std::uint16_t y) {
  header(GraphicsKind::surface_to_surface, 18);
  writer_.u16(from).u16(to);
  writer_.u16(area.left).u16(area.top).u16(static_cast<std::uint16_t>(area.left + area.width));
  writer_.u16(static_cast<std::uint16_t>(area.top + area.height));
  writer_.u16(1).u16(x).u16(y);
  return *this;
}

GraphicsWriter& GraphicsWriter::message(const GraphicsMessage& message) {
  writer_.bytes(message.whole);
  return *this;
}

std::vector<std::uint8_t> segments_of(Bytes data) {
  LittleEndianWriter writer;
  if (data.size() <= longest_segment) {
    writer.u8(single_segment).u8(rdp8_uncompressed).bytes(data);
    return writer.take();
  }
  const auto count = (data.size() + longest_segment - 1) / longest_segment;
  writer.u8(several_segments).u16(static_cast<std::uint16_t>(count)).u32(static_cast<std::uint32_t>(data.size()));
  while (!data.empty()) {
    const auto part = data.first(std::min(longest_segment, data.size()));
    writer.u32(static_cast<std::uint32_t>(part.size() + 1)).u8(rdp8_uncompressed).bytes(part);
    data = data.subspan(part.size());
  }
  return writer.take();
}

std::optional<std::uint64_t> decompressed_size(Bytes message) {
  LittleEndianReader reader(message);
  const auto descriptor = reader.u8();
  if (descriptor == single_segment && reader.whole()) return longest_segment;
  reader.skip(2);  // the number of segments
  const auto size = reader.u32();
  if (descriptor != several_segments || !reader.whole()) return std::nullopt;
  return size;
}

}  // namespace gatehouse::rdp
