// The way to a backend: a socket of its family, bound to the client's address where that is wanted, and a connect that
// is under way. Nothing here waits; the caller does.
#pragma once

#include <expected>
#include <string>

#include "base/address.h"
#include "base/fd.h"
#include "policy/vocabulary.h"

namespace gatehouse::relay {

struct DialFailure {
  policy::EndReason reason = policy::EndReason::error;
  std::string detail;
};

// A non-blocking socket whose connect has begun: when it becomes writable, connect_result() tells how it went.
// SourceMode::client binds to `client` (IP_TRANSPARENT needs CAP_NET_ADMIN or CAP_NET_RAW): with the client's own port,
// or with one that the kernel chooses where that port is taken. The client must then be of the backend's family.
std::expected<Fd, DialFailure> begin_connect(const Endpoint& backend, policy::SourceMode source,
                                             const Endpoint& client);

// 0: connected. EALREADY: still under way (the wait ended for nothing). Else why it failed.
int connect_result(int descriptor, const Endpoint& backend);

// What an errno of connecting to `backend` means for the session.
DialFailure connect_failure(const Endpoint& backend, int error_number);

}  // namespace gatehouse::relay
