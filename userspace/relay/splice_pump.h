// One direction of a relay: takes bytes from one socket and hands them to the other, through a borrowed pipe
// (splice(2)).
//
// It reads only when it has handed on what it read before, so that a slow reader holds back its writer; it holds a pipe
// only between the two. It goes back to the loop after every burst, so that one bulk transfer does not keep the others
// waiting. Urgent data (RFC 6093): splice(2) stops for ever before an urgent byte; such a byte is copied and stays in
// its place in the stream.
#pragma once

#include <sys/types.h>

#include <cstdint>

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

class SplicePump {
 public:
  // Borrows all three; they belong to one loop.
  SplicePump(Socket& source, Socket& sink, PipePool& pipes) : source_(source), sink_(sink), pipes_(pipes) {}

  // `data_likely`: try to read before waiting. Once only. Closing both sockets makes it return.
  Task<PumpEnd> run(bool data_likely);

  [[nodiscard]] std::uint64_t bytes_taken() const { return taken_; }
  [[nodiscard]] std::uint64_t bytes_delivered() const { return delivered_; }
  // While it does not wait for data, nobody notices an error of the source: the owner asks for it now and then.
  [[nodiscard]] bool waits_for_data() const { return waits_for_data_; }

 private:
  // As read(2): 0 is the end of the stream for certain; -1 with EAGAIN: nothing there. `known_readable`: a wait has
  // said so.
  ssize_t take(const Pipe& pipe, bool known_readable);

  Socket& source_;
  Socket& sink_;
  PipePool& pipes_;
  std::uint64_t taken_ = 0;
  std::uint64_t delivered_ = 0;
  bool waits_for_data_ = false;
  char probe_ = 0;  // what a wait for data peeks at; never used
};

}  // namespace gatehouse::relay
