// OnlineResponse.states of rendezvous.proto: one bit for each of OnlineRequest.peers in their order, the first in the
// highest bit of the first byte.
#pragma once

#include <cstddef>

#include "rustdesk/bytes.h"

namespace gatehouse::rustdesk {

inline std::size_t online_states_size(std::size_t peers) {
  return (peers + 7) / 8;
}
// false beyond the end.
inline bool is_online(Bytes states, std::size_t peer) {
  return peer / 8 < states.size() && (states[peer / 8] >> (7 - peer % 8) & 1U) != 0;
}
// Nothing beyond the end.
inline void set_online(std::span<std::uint8_t> states, std::size_t peer, bool online) {
  if (peer / 8 >= states.size()) return;
  const auto bit = static_cast<std::uint8_t>(1U << (7 - peer % 8));
  auto& byte = states[peer / 8];
  byte = static_cast<std::uint8_t>(online ? byte | bit : byte & ~bit);
}

}  // namespace gatehouse::rustdesk
