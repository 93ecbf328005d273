// What carries the bytes of an allowed session. Each kind of service has its forwarder; make_forwarder() is the one
// place that knows which. Threads: everything of one forwarder happens on the event loop that owns it.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/time.h"
#include "policy/vocabulary.h"
#include "relay/tcp_relay.h"

namespace gatehouse::gate {

using relay::LoopExecutor;
using relay::Task;

class Forwarder {
 public:
  virtual ~Forwarder() = default;
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  // Reaches the backend; not a byte is passed. A value is the outcome of a session that never opened.
  virtual Task<std::optional<relay::RelayOutcome>> prepare() = 0;
  // Passes bytes until the end.
  virtual Task<relay::RelayOutcome> forward() = 0;
  // Ends it at once; false: it was about to end already, for a reason of its own, which counts. Safe at any moment.
  virtual bool abort(policy::EndReason reason, std::string detail) = 0;
  // Called a few times a second: time limits of its own.
  virtual void expire(relay::SteadyTime now) = 0;
  // Without a byte for so long it ends itself; 0: never.
  virtual void set_idle_timeout(std::chrono::milliseconds timeout) = 0;
  // Access ends in `left`, unless something is changed: told 5 minutes and 1 minute before. For forwarders that can
  // show it to the person; not told again unless the end moves.
  virtual void announce_end(Duration left) = 0;
  [[nodiscard]] virtual std::uint64_t bytes_from_client() const = 0;
  [[nodiscard]] virtual std::uint64_t bytes_to_client() const = 0;

 protected:
  Forwarder() = default;
};

std::unique_ptr<Forwarder> make_forwarder(policy::Kind kind, relay::Socket client, relay::PipePool& pipes,
                                          relay::RelayOptions options);

}  // namespace gatehouse::gate
