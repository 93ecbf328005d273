// Who wants to hear of rows once they are on the disk.
//
// Threads: called by the writer, between the opening of the store and its end. What waits for the disk waits meanwhile:
// a call may take no longer than putting something into a queue.
#pragma once

#include "store/records.h"

namespace gatehouse::store {

class Watcher {
 public:
  virtual ~Watcher() = default;

  // Asked before each group of rows: false saves the calls.
  [[nodiscard]] virtual bool wants() const = 0;
  virtual void opened(const SessionRow& session) = 0;
  virtual void ended(const SessionEnd& end) = 0;  // of sessions only
  // Of the connections: "session_denied", "kernel_denied". What operators do is not told here.
  virtual void audited(const AuditRow& row) = 0;
};

}  // namespace gatehouse::store
