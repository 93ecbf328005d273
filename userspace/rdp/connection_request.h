// The first thing that a client of RDP sends: a TPKT (RFC 1006 section 6) with an X.224 Connection Request (MS-RDPBCGR
// 2.2.1.1; ITU-T X.224 13.3). Only its frame is looked at, so that nobody gets a worker who has said nothing, or
// something else; what is in it is the worker's.
//
// Errors: it is no connection request, whatever may follow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/result.h"

namespace gatehouse::rdp {

// Far more than a cookie or a routing token needs.
inline constexpr std::size_t longest_connection_request = 1024;

// Its length, once all of it is there. nullopt: so far it may become one.
Result<std::optional<std::size_t>> read_connection_request(std::span<const std::uint8_t> bytes);

}  // namespace gatehouse::rdp
