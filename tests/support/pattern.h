// Bytes that can be checked at any place of a stream: lost, repeated, exchanged or changed ones are found, and where.
// The stream is one block of random bytes over and over; its length is prime, so that a piece that moved by any usual
// size differs.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/fd.h"
#include "support/sockets.h"

namespace gatehouse::test {

class Pattern {
 public:
  static constexpr std::size_t block = 1'048'573;

  explicit Pattern(std::uint64_t seed);
  // The stream from `offset` on, as far as it is in one piece; at most `most` bytes.
  [[nodiscard]] std::span<const char> at(std::uint64_t offset, std::uint64_t most) const;
  // True if `data` is what stands in the stream at `offset`.
  [[nodiscard]] bool matches(std::uint64_t offset, std::span<const char> data) const;

 private:
  std::vector<char> bytes_;
};

// What to send and to expect over one connection, both at the same time.
struct TransferPlan {
  std::uint64_t send_bytes = 0;
  std::uint64_t send_seed = 0;
  std::uint64_t receive_seed = 0;
  bool shut_down = true;  // after the last byte sent
};
struct TransferResult {
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  bool intact = true;            // every byte received was the right one
  Ending ending = Ending::open;  // of the receiving direction
};
// Ends when everything is sent and the other side's end of stream has come, at an error, or at the limit.
TransferResult transfer(const Fd& socket, const TransferPlan& plan, std::chrono::milliseconds limit);

}  // namespace gatehouse::test
