// Why somebody may not come in or has to go, as error information that their client shows: MS-RDPBCGR 2.2.5.1.1 (Set
// Error Info PDU).
#pragma once

#include <cstdint>

#include "policy/vocabulary.h"

namespace gatehouse::gate {

enum class ErrorInfo : std::uint32_t {
  none = 0x0,
  rpc_initiated_disconnect = 0x1,
  idle_timeout = 0x3,
  logon_timeout = 0x4,
  disconnected_by_other_connection = 0x5,
  out_of_memory = 0x6,
  server_denied_connection = 0x7,
  server_insufficient_privileges = 0x9,
};

ErrorInfo error_info_of(policy::EndReason reason);
ErrorInfo error_info_of(policy::Reason reason);  // of a denial

}  // namespace gatehouse::gate
