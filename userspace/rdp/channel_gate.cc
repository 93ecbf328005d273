#include "rdp/channel_gate.h"

#include <algorithm>
#include <utility>

namespace gatehouse::rdp {
namespace {

// MS-RDPBCGR 2.2.7.1.10: CHANNEL_CHUNK_LENGTH, what every side takes.
constexpr std::size_t chunk_length = 1600;
constexpr std::size_t most_waiting = 4096;

}  // namespace

class ChannelGate::Handler final : public MessageHandler {
 public:
  Handler(ChannelGate& gate, Direction direction) : gate_(gate), direction_(direction) {}
  Handling begin(Bytes head, std::size_t total) override { return gate_.begin(direction_, head, total); }
  void piece(Bytes piece) override { gate_.piece(direction_, piece); }
  void end() override { gate_.end(direction_); }
  Result<void> message(Bytes message) override { return gate_.message(direction_, message); }

 private:
  ChannelGate& gate_;
  Direction direction_;
};

ChannelGate::ChannelGate(Send send, std::size_t longest) : send_(std::move(send)), ways_{Way(longest), Way(longest)} {}

void ChannelGate::send(Direction direction, std::vector<std::uint8_t> message) {
  outgoing_.emplace_back(direction, std::move(message));
}

Result<bool> ChannelGate::take(Direction direction, const Chunk& chunk) {
  bool passes = false;
  std::vector<std::pair<Direction, std::vector<std::uint8_t>>> outgoing;
  {
    const std::lock_guard lock(mutex_);
    Handler handler(*this, direction);
    auto taken = way(direction).assembler.take(handler, chunk);
    if (!taken) return std::unexpected(taken.error());
    passes = *taken;
    outgoing = std::exchange(outgoing_, {});
  }
  if (passes && !pass(direction, chunk)) return false;
  return std::ranges::all_of(outgoing, [&](auto& each) { return deliver(each.first, std::move(each.second)); });
}

void ChannelGate::close() {
  const std::lock_guard lock(mutex_);
  finish();
}

bool ChannelGate::pass(Direction direction, const Chunk& chunk) {
  auto& to = way(direction);
  const std::lock_guard lock(to.sending);
  to.flags = chunk.flags & chunk_show_protocol;
  to.passing = (chunk.flags & chunk_last) == 0;
  if (!send_(direction, chunk)) return false;
  while (!to.passing && !to.waiting.empty()) {
    const auto message = std::move(to.waiting.front());
    to.waiting.pop_front();
    if (!send_chunks(direction, message)) return false;
  }
  return true;
}

bool ChannelGate::deliver(Direction direction, std::vector<std::uint8_t> message) {
  auto& to = way(direction);
  const std::lock_guard lock(to.sending);
  if (to.passing) {
    // Who asks without end while the answers cannot go is cut off.
    if (to.waiting.size() >= most_waiting) return false;
    to.waiting.push_back(std::move(message));
    return true;
  }
  return send_chunks(direction, message);
}

bool ChannelGate::send_chunks(Direction direction, Bytes message) {
  const auto flags = way(direction).flags;
  std::size_t at = 0;
  do {
    const auto size = std::min(chunk_length, message.size() - at);
    const bool last = at + size == message.size();
    const Chunk chunk{message.data() + at, size, flags | (at == 0 ? chunk_first : 0) | (last ? chunk_last : 0),
                      message.size()};
    if (!send_(direction, chunk)) return false;
    at += size;
  } while (at < message.size());
  return true;
}

}  // namespace gatehouse::rdp
