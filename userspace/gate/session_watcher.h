// Who wants to hear of each session: when it carries its first byte, and when it is over. The gate tells; what is done
// with it is the watcher's own matter.
//
// Threads: called by every event loop of the gate, at any time between Gate::start() and the end of Gate::stop(). The
// others' bytes wait meanwhile: a call may take no longer than putting something into a queue.
#pragma once

#include <cstdint>
#include <string>

#include "base/address.h"
#include "base/time.h"

namespace gatehouse::gate {

struct OpenedSession {
  std::uint64_t id = 0;
  std::string user;
  std::string protocol;  // as grants name it: "rdp", "ssh"
  Address client;
  WallTime time;
};

class SessionWatcher {
 public:
  virtual ~SessionWatcher() = default;

  // Its rows are written and its backend has answered. False: nothing needs to be said of its end.
  virtual bool opened(OpenedSession session) = 0;
  // Once for each that opened() said true to.
  virtual void ended(std::uint64_t id, WallTime time) = 0;
};

}  // namespace gatehouse::gate
