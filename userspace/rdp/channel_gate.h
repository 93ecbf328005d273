// A static channel that is looked into: what passes, what is answered here instead, what is told. One for each channel
// of a session that has rules (rdp/clipboard_gate.h, rdp/device_gate.h).
//
// Threads: take() from both legs' threads at once, each for its own direction. What a gate knows is behind one mutex;
// sending is not, so that a leg that is slow to read holds up nobody but who sends to it. Messages to one leg never
// mix: what is answered here waits until the message that is passing there has ended.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include "base/result.h"
#include "rdp/message_assembler.h"

namespace gatehouse::rdp {

class ChannelGate {
 public:
  // To the leg in that direction; false: it is gone.
  using Send = std::function<bool(Direction, const Chunk&)>;

  ChannelGate(Send send, std::size_t longest);
  virtual ~ChannelGate() = default;
  ChannelGate(const ChannelGate&) = delete;
  ChannelGate& operator=(const ChannelGate&) = delete;

  // false: the leg that it goes to is gone. Error: what no peer sends that means well; the session ends.
  Result<bool> take(Direction direction, const Chunk& chunk);
  // The session is over: what was under way is told.
  void close();

 protected:
  // All called with the gate's mutex held.
  virtual Handling begin(Direction direction, Bytes head, std::size_t total) = 0;
  virtual void piece(Direction direction, Bytes piece) = 0;
  virtual void end(Direction direction) = 0;
  virtual Result<void> message(Direction direction, Bytes message) = 0;
  virtual void finish() = 0;
  void send(Direction direction, std::vector<std::uint8_t> message);

 private:
  // Of one direction.
  struct Way {
    explicit Way(std::size_t longest) : assembler(longest) {}
    MessageAssembler assembler;
    std::mutex sending;
    bool passing = false;  // a message is on its way, chunk by chunk
    std::uint32_t flags = chunk_show_protocol;
    std::deque<std::vector<std::uint8_t>> waiting;
  };
  class Handler;
  Way& way(Direction direction) { return ways_.at(static_cast<std::size_t>(direction)); }
  bool pass(Direction direction, const Chunk& chunk);
  bool deliver(Direction direction, std::vector<std::uint8_t> message);
  bool send_chunks(Direction direction, Bytes message);

  const Send send_;
  std::mutex mutex_;
  std::array<Way, 2> ways_;
  std::vector<std::pair<Direction, std::vector<std::uint8_t>>> outgoing_;
};

}  // namespace gatehouse::rdp
