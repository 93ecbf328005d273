#include "rdp/dynamic_data.h"

#include <algorithm>

namespace gatehouse::rdp {
namespace {

// The upper four bits of the first byte.
constexpr unsigned data_first = 2;
constexpr unsigned data_next = 3;
constexpr unsigned close_channel = 4;
constexpr unsigned data_first_compressed = 6;
constexpr unsigned data_compressed = 7;
constexpr std::size_t longest_piece = 1600;  // with its header

// Numbers of 1, 2 or 4 bytes; `width`: 0, 1, 2. 3 is no width.
std::uint32_t number_of(LittleEndianReader& reader, unsigned width) {
  switch (width) {
    case 0:
      return reader.u8();
    case 1:
      return reader.u16();
    default:
      return reader.u32();
  }
}
unsigned width_of(std::uint32_t number) {
  if (number <= 0xFF) return 0;
  return number <= 0xFFFF ? 1 : 2;
}
void write_number(LittleEndianWriter& writer, std::uint32_t number) {
  switch (width_of(number)) {
    case 0:
      writer.u8(static_cast<std::uint8_t>(number));
      break;
    case 1:
      writer.u16(static_cast<std::uint16_t>(number));
      break;
    default:
      writer.u32(number);
  }
}

}  // namespace

std::optional<DynamicData> read_dynamic_data(Bytes message) {
  LittleEndianReader reader(message);
  const unsigned header = reader.u8();
  const unsigned id_width = header & 3U;
  const unsigned length_width = header >> 2U & 3U;
  DynamicData data;
  switch (header >> 4U) {
    case data_first:
      data.kind = DynamicData::Kind::first;
      break;
    case data_next:
      data.kind = DynamicData::Kind::next;
      break;
    case close_channel:
      data.kind = DynamicData::Kind::close;
      break;
    case data_first_compressed:
    case data_compressed:
      data.kind = DynamicData::Kind::compressed;
      break;
    default:
      return std::nullopt;
  }
  if (id_width == 3) return std::nullopt;
  data.channel = number_of(reader, id_width);
  if (data.kind == DynamicData::Kind::first) {
    if (length_width == 3) return std::nullopt;
    data.length = number_of(reader, length_width);
  }
  if (!reader.whole()) return std::nullopt;
  data.payload = reader.rest();
  return data;
}

std::optional<std::uint32_t> dynamic_channel_of(Bytes id) {
  LittleEndianReader reader(id);
  switch (id.size()) {
    case 1:
      return reader.u8();
    case 2:
      return reader.u16();
    case 4:
      return reader.u32();
    default:
      return std::nullopt;
  }
}

std::vector<std::vector<std::uint8_t>> write_dynamic_data(std::uint32_t channel, Bytes message) {
  std::vector<std::vector<std::uint8_t>> pieces;
  const std::size_t next_header = 1 + (std::size_t{1} << width_of(channel));
  const auto length = static_cast<std::uint32_t>(message.size());
  bool first = message.size() > longest_piece - next_header;
  do {
    LittleEndianWriter writer;
    const auto command = first ? data_first << 4U | width_of(length) << 2U : data_next << 4U;
    writer.u8(static_cast<std::uint8_t>(command | width_of(channel)));
    write_number(writer, channel);
    std::size_t header = next_header;
    if (first) {
      write_number(writer, length);
      header += std::size_t{1} << width_of(length);
    }
    const auto piece = message.first(std::min(message.size(), longest_piece - header));
    writer.bytes(piece);
    message = message.subspan(piece.size());
    pieces.push_back(writer.take());
    first = false;
  } while (!message.empty());
  return pieces;
}

}  // namespace gatehouse::rdp
