// Why an RDP session ended, out of what its worker says of it.
#pragma once

#include <string>

#include "policy/vocabulary.h"
#include "rdp/control_message.h"

namespace gatehouse::gate {

struct RdpEnd {
  policy::EndReason reason = policy::EndReason::error;
  std::string detail;
};

// `stalled`: the client had stopped to take what was sent to it.
RdpEnd rdp_end(const rdp::Ended& ended, bool stalled);

}  // namespace gatehouse::gate
