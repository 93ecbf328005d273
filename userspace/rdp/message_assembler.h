// Messages out of the chunks of a static channel (MS-RDPBCGR 2.2.6.1, 3.1.5.2.2): every chunk bears the length of the
// whole message and whether it is the first or the last of it. Those that an inspector needs whole are put together;
// others are seen as they pass, so that a large one costs no memory.
//
// Errors: lengths that contradict each other, a compressed chunk (nobody offers compression), a message that is longer
// than what is put together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "rdp/little_endian.h"

namespace gatehouse::rdp {

enum class Direction : std::uint8_t { to_server, to_client };
inline constexpr Direction opposite(Direction direction) {
  return direction == Direction::to_server ? Direction::to_client : Direction::to_server;
}

struct Chunk {
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;
  std::uint32_t flags = 0;
  std::size_t total = 0;  // of the message
};

// MS-RDPBCGR 2.2.6.1.1
inline constexpr std::uint32_t chunk_first = 0x1;
inline constexpr std::uint32_t chunk_last = 0x2;
inline constexpr std::uint32_t chunk_show_protocol = 0x10;
inline constexpr std::uint32_t chunk_compressed = 0x200000;

enum class Handling : std::uint8_t {
  pass,   // each chunk goes on as it came
  drop,   // none does
  whole,  // it is put together first
};

class MessageHandler {
 public:
  virtual ~MessageHandler() = default;
  // A message begins; `head` is its first chunk.
  virtual Handling begin(Bytes head, std::size_t total) = 0;
  // Of one that passes: each piece (the first one too), and then its end.
  virtual void piece(Bytes piece) = 0;
  virtual void end() = 0;
  // One that was put together.
  virtual Result<void> message(Bytes message) = 0;
};

class MessageAssembler {
 public:
  explicit MessageAssembler(std::size_t longest) : longest_(longest) {}

  // Whether this chunk goes on now.
  Result<bool> take(MessageHandler& handler, const Chunk& chunk);

 private:
  Result<void> check(const Chunk& chunk) const;

  const std::size_t longest_;
  Handling handling_ = Handling::drop;
  bool open_ = false;
  std::size_t total_ = 0;
  std::size_t received_ = 0;
  std::vector<std::uint8_t> whole_;
};

}  // namespace gatehouse::rdp
