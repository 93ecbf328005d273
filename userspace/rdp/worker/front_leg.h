// The leg to the client: a FreeRDP peer on the accepted socket. What the client says goes to the session.
//
// Threads: all but wake() on the front's. Ownership: the socket is FreeRDP's from the beginning.
#pragma once

#include <cstdint>

#include "base/fd.h"
#include "base/result.h"

using freerdp_peer = struct rdp_freerdp_peer;

namespace gatehouse::rdp {

class Session;

class FrontLeg {
 public:
  FrontLeg(Session& session, Fd client);
  ~FrontLeg();
  FrontLeg(const FrontLeg&) = delete;
  FrontLeg& operator=(const FrontLeg&) = delete;

  Result<void> prepare();
  void run();  // until the client is gone or the session ends
  void wake(
      bool hears);  // any thread: run() looks whether the session ends; no client that is to hear why: no read waits
  // MS-RDPBCGR 2.2.5.1. Waits a moment for the client to have read it.
  void send_error_info(std::uint32_t code);
  void close();
  [[nodiscard]] freerdp_peer* peer() const { return peer_; }

 private:
  bool take_what_waits();  // false: the client is gone

  Session& session_;
  Fd client_;  // a duplicate, to shut it down from elsewhere
  freerdp_peer* peer_ = nullptr;
  void* woken_ = nullptr;  // a WinPR event
};

}  // namespace gatehouse::rdp
