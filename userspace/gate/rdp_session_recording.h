// Whether an RDP session is recorded, and what comes of it: its directory is made here, the worker writes into it; a
// recording that fails ends the session where it is required.
//
// Threads: the session's loop. `services` and `terms` outlive this.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "gate/rdp_forwarder.h"
#include "rdp/control_message.h"
#include "relay/tcp_relay.h"

namespace gatehouse::gate {

class RdpSessionRecording {
 public:
  RdpSessionRecording(RdpServices& services, const RdpTerms& terms) : services_(services), terms_(terms) {}

  // What the worker is told of it. Error: it must be recorded and cannot; `what` is why the session ends.
  Result<void> begin(rdp::Start& start, const Endpoint& client);
  // For the worker; invalid: nothing is recorded. Locked by its copy alone once this is given up.
  [[nodiscard]] const Fd& directory() const { return directory_; }
  void give_up_directory() { directory_.reset(); }

  // It failed; not nullopt: so the session ends, for that reason.
  std::optional<std::string> fail(const std::string& what);
  void end();      // it is whole, if it went well
  void discard();  // of a connection that became no session

 private:
  [[nodiscard]] policy::Recording wanted() const;

  RdpServices& services_;
  const RdpTerms& terms_;
  Fd directory_;
  bool goes_well_ = false;
  bool there_is_one_ = false;
  std::uint64_t number_ = 0;
};

}  // namespace gatehouse::gate
