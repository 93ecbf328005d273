// The channel between daemon and worker: a pair of connected Unix sockets that keep the bounds of messages
// (SOCK_SEQPACKET), over which descriptors go along.
//
// Threads: a message is sent or received whole; who shares an end sees to its own order.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace gatehouse::rdp {

inline constexpr std::size_t longest_message = 128U << 10U;
inline constexpr std::size_t most_descriptors = 4;

struct Packet {
  std::string text;
  std::vector<Fd> descriptors;  // closed on exec
};

// Both non-blocking and closed on exec.
Result<std::pair<Fd, Fd>> make_channel();

// Waits where the peer is slow only if the socket does (`wait`). Error: the peer is gone, too long, no room.
Result<void> send_packet(const Fd& channel, std::string_view text, const std::vector<int>& descriptors = {});

// nullopt: nothing there now. Error: the peer is gone, or what came is no whole message.
Result<std::optional<Packet>> receive_packet(const Fd& channel);

}  // namespace gatehouse::rdp
