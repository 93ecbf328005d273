// One direction of a relay: takes bytes from one socket and hands them to the other. Short pieces (a key, a screen
// update, a request) are copied, which for them costs least; where more keeps coming it is spliced through a borrowed
// pipe (splice(2)) and never seen by the process.
//
// It reads only when it has handed on what it read before, so that a slow reader holds back its writer; it holds a
// pipe, or a buffer, only between the two. It goes back to the loop after every piece or burst, so that one bulk
// transfer does not keep the others waiting. Urgent data (RFC 6093): splice(2) stops for ever before an urgent byte;
// such a byte is copied and stays in its place in the stream.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "relay/loop.h"
#include "relay/pipe_pool.h"

namespace gatehouse::relay {

struct PumpEnd {
  enum class Kind {
    end_of_stream,  // the source has ended and all of it is with the sink's kernel
    source_failed,
    sink_failed,
    out_of_service,  // the pipe or the loop failed
    closed           // a socket was closed while it waited
  };
  Kind kind = Kind::closed;
  int error_number = 0;
};

class Pump {
 public:
  // Borrows all three; they belong to one loop.
  Pump(Socket& source, Socket& sink, PipePool& pipes) : source_(source), sink_(sink), pipes_(pipes) {}

  // Once only. Closing both sockets makes it return.
  Task<PumpEnd> run();

  [[nodiscard]] std::uint64_t bytes_taken() const { return taken_; }
  [[nodiscard]] std::uint64_t bytes_delivered() const { return delivered_; }
  // While it does not wait for data, nobody notices an error of the source: the owner asks for it now and then.
  [[nodiscard]] bool waits_for_data() const { return waits_for_data_; }

 private:
  struct Piece {
    std::vector<char> undelivered;  // the sink had no room for it
    int source_error = 0;
    int sink_error = 0;
  };

  // nullopt: go on; `streaming_` says how.
  Task<std::optional<PumpEnd>> copy_piece();
  Task<std::optional<PumpEnd>> splice_stream();
  // What is in probe_, `first` bytes, and what else is there.
  Piece pass_on(std::size_t first);
  Task<std::optional<PumpEnd>> deliver(std::vector<char> bytes);
  // As read(2): 0 is the end of the stream for certain; -1 with EAGAIN: nothing there. `known_readable`: a wait has
  // said so.
  ssize_t take(const Pipe& pipe, bool known_readable);

  Socket& source_;
  Socket& sink_;
  PipePool& pipes_;
  std::uint64_t taken_ = 0;
  std::uint64_t delivered_ = 0;
  bool streaming_ = false;
  bool waits_for_data_ = false;
  std::array<char, 1024> probe_{};  // what a wait for data reads at once
};

}  // namespace gatehouse::relay
