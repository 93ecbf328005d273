// The connection to the backend of an RDP session: dialled here, as the policy says and from where it says, and used by
// the worker, which gets it by descriptor.
//
// Threads: the session's loop.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <utility>

#include "gate/forwarder.h"
#include "relay/dialer.h"
#include "relay/tcp_relay.h"

namespace gatehouse::gate {

class RdpBackendConnection {
 public:
  // `is_over`: of the session; then dialling ends. `options` outlive this.
  RdpBackendConnection(const LoopExecutor& executor, const relay::RelayOptions& options, std::function<bool()> is_over)
      : socket_(executor), options_(options), is_over_(std::move(is_over)) {}

  // Again, where there is one already. nullopt: it is there.
  Task<std::optional<relay::DialFailure>> dial();
  // Asked now and then.
  [[nodiscard]] bool is_overdue(relay::SteadyTime now) const {
    return dialing_since_ && now - *dialing_since_ > options_.connect_timeout;
  }
  void cancel();  // dial() ends soon, once the session is over
  void cut();     // both ways, whatever the worker thinks of it
  [[nodiscard]] int descriptor() { return socket_.native_handle(); }

 private:
  relay::Socket socket_;
  const relay::RelayOptions& options_;
  std::function<bool()> is_over_;
  std::optional<relay::SteadyTime> dialing_since_;
};

}  // namespace gatehouse::gate
