// What the worker of an RDP session is told at its start.
#pragma once

#include "base/result.h"
#include "gate/rdp_forwarder.h"
#include "rdp/control_message.h"

namespace gatehouse::gate {

// With the front's key: a secret. `proxy`: where the client connected to. Of a recording it says nothing yet.
Result<rdp::Start> rdp_start(const RdpServices& services, const RdpTerms& terms, const Address& proxy);

}  // namespace gatehouse::gate
