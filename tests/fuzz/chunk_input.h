// An input of a fuzz target as what goes over a channel: how it is allowed, and then chunks, each
//
//   1 byte: 1 to the client (or else to the server), 2 first, 4 last, 8 compressed; 4 bytes: length of the whole
//   message; 2 bytes: length of the chunk; the chunk (what there is of it)
//
// Seeds are conversations of real peers: tests/fuzz/corpus.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "rdp/little_endian.h"
#include "rdp/message_assembler.h"

namespace gatehouse::fuzz {

class ChunkInput {
 public:
  explicit ChunkInput(rdp::Bytes input) : reader_(input) {}

  std::uint32_t number() { return reader_.u32(); }
  std::optional<std::pair<rdp::Direction, rdp::Chunk>> next() {
    const auto kind = reader_.u8();
    const auto total = reader_.u32();
    const auto size = reader_.u16();
    if (!reader_.whole()) return std::nullopt;
    const auto data = reader_.bytes(std::min<std::size_t>(size, reader_.rest().size()));
    std::uint32_t flags = rdp::chunk_show_protocol;
    if ((kind & 2U) != 0) flags |= rdp::chunk_first;
    if ((kind & 4U) != 0) flags |= rdp::chunk_last;
    if ((kind & 8U) != 0) flags |= rdp::chunk_compressed;
    const auto direction = (kind & 1U) != 0 ? rdp::Direction::to_client : rdp::Direction::to_server;
    return std::pair{direction, rdp::Chunk{data.data(), data.size(), flags, total}};
  }

 private:
  rdp::LittleEndianReader reader_;
};

// The end of a channel as a strict peer has it: each message comes whole, and none within another.
class StrictEnd {
 public:
  // The message that this chunk completes.
  std::optional<std::vector<std::uint8_t>> take(const rdp::Chunk& chunk) {
    const bool first = (chunk.flags & rdp::chunk_first) != 0;
    if (first == open_ || (chunk.flags & rdp::chunk_compressed) != 0) std::abort();
    if (first) total_ = chunk.total;
    open_ = (chunk.flags & rdp::chunk_last) == 0;
    message_.insert(message_.end(), chunk.data, chunk.data + chunk.size);
    if (chunk.total != total_ || message_.size() > total_ || (!open_ && message_.size() != total_)) std::abort();
    if (open_) return std::nullopt;
    return std::exchange(message_, {});
  }

 private:
  bool open_ = false;
  std::size_t total_ = 0;
  std::vector<std::uint8_t> message_;
};

}  // namespace gatehouse::fuzz
