// The leg to the backend: a FreeRDP client on a socket that the daemon has connected. It connects once, with one
// security protocol, and follows no redirection.
//
// Threads: one of its own from start() to stop(). Ownership: the socket is FreeRDP's once it has asked for it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/fd.h"
#include "base/result.h"
#include "rdp/control_message.h"

using rdpContext = struct rdp_context;
using freerdp = struct rdp_freerdp;

namespace gatehouse::rdp {

class PictureTap;
class Session;

class BackLeg {
 public:
  BackLeg(Session& session, Fd backend, Security security);
  ~BackLeg();
  BackLeg(const BackLeg&) = delete;
  BackLeg& operator=(const BackLeg&) = delete;

  // `cookie`: to go on with a session of the backend.
  Result<void> start(const std::optional<Credentials>& credentials, const std::optional<ReconnectCookie>& cookie);
  void stop();  // any thread but its own; joins
  [[nodiscard]] rdpContext* context() const;

  // ---- of the callbacks
  [[nodiscard]] Session& session() { return session_; }
  [[nodiscard]] PictureTap* tap() { return tap_.get(); }
  int take_socket();                               // once; then -1
  void recording_failed(const std::string& what);  // told once
  void note_certificate() { certificate_seen_ = true; }
  void note_redirection() { redirected_ = true; }

 private:
  void run();
  bool take_what_waits();  // false: the backend is gone
  void tell_failure();

  Session& session_;
  Security security_;
  Fd backend_;
  Fd to_shut_;  // a duplicate
  std::unique_ptr<PictureTap> tap_;
  freerdp* instance_ = nullptr;
  bool redirected_ = false;
  bool connected_ = false;  // of the thread, until it is joined
  bool recording_failed_ = false;
  bool certificate_seen_ = false;
  std::thread thread_;
};

}  // namespace gatehouse::rdp
