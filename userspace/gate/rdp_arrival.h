// The wait before a session of RDP has a worker: for the client's first word, so that connections that say nothing or
// something else cost no process.
//
// Threads: the socket's event loop. Cancelling what the socket waits for ends the wait.
#pragma once

#include <optional>
#include <string>

#include "gate/forwarder.h"

namespace gatehouse::gate {

struct ArrivalFault {
  policy::EndReason reason = policy::EndReason::none;  // none: it was cancelled
  std::string detail;
};

// Until a whole connection request is there, unread. A value: none will come.
Task<std::optional<ArrivalFault>> await_connection_request(relay::Socket& client);

}  // namespace gatehouse::gate
