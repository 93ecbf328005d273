// Data of dynamic channels within drdynvc, both ways: which channel it is for, and messages in pieces that fit into a
// chunk.
// MS-RDPEDYC 2.2.3 (DYNVC_DATA_FIRST, DYNVC_DATA), 2.2.4 (DYNVC_CLOSE).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "rdp/little_endian.h"

namespace gatehouse::rdp {

struct DynamicData {
  enum class Kind : std::uint8_t { first, next, close, compressed };
  Kind kind = Kind::next;
  std::uint32_t channel = 0;
  std::uint32_t length = 0;  // of the whole message, with `first`
  Bytes payload;
};

// What is none of these, or has not even its fields: nullopt.
std::optional<DynamicData> read_dynamic_data(Bytes message);

// Of a request that opens a channel: read_create_request() gives its bytes.
std::optional<std::uint32_t> dynamic_channel_of(Bytes id);

// One message for a channel, as what goes over drdynvc, one after the other.
std::vector<std::vector<std::uint8_t>> write_dynamic_data(std::uint32_t channel, Bytes message);

}  // namespace gatehouse::rdp
