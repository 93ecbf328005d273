// A session of RDP before it has a worker: the client's first word is waited for, then a place among those who are in
// their handshake, then a worker that is ready. So connections that say nothing or something else cost no process, and
// those that say little only a few.
//
// Threads: the socket's event loop. Ownership: the place is kept until the session is active or over.
#pragma once

#include <optional>
#include <string>

#include "gate/forwarder.h"
#include "gate/handshake_limit.h"
#include "rdp/worker_pool.h"

namespace gatehouse::gate {

struct ArrivalFault {
  policy::EndReason reason = policy::EndReason::none;  // none: it was cancelled
  std::string detail;
};

class RdpArrival {
 public:
  RdpArrival(rdp::WorkerPool& workers, HandshakeLimit& handshakes, relay::Socket& client, const Address& source)
      : workers_(workers), handshakes_(handshakes), client_(client), source_(source) {}

  // nullopt: `worker` is there, and not a byte of the client was read.
  Task<std::optional<ArrivalFault>> take_worker(std::optional<rdp::WorkerProcess>& worker);
  void cancel();  // take_worker() ends soon
  // Asked now and then: why it takes too long.
  [[nodiscard]] std::optional<ArrivalFault> overdue(relay::SteadyTime now) const;
  void is_active() { place_.reset(); }

 private:
  Task<std::optional<ArrivalFault>> await_first_word();
  Task<void> pause(std::chrono::milliseconds time);

  rdp::WorkerPool& workers_;
  HandshakeLimit& handshakes_;
  relay::Socket& client_;
  Address source_;
  std::optional<relay::SteadyTime> since_;  // nullopt: it is not under way
  bool heard_ = false;
  bool cancelled_ = false;
  std::optional<HandshakeLimit::Place> place_;
};

}  // namespace gatehouse::gate
