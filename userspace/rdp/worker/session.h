// One RDP session in the middle: the leg to the client (a FreeRDP peer, which plays the server) and the leg to the
// backend (a FreeRDP client), and what passes between them. Static channels, and with them all dynamic ones and the
// graphics pipeline, pass as they are; input and the older graphics pass as FreeRDP has parsed them.
//
//   front: handshake, Client Info ─▶ the daemon is asked ─▶ PostConnect: the backend is connected, with what this
//   client can do ─▶ sizes differ? reactivation ─▶ Activate ─▶ the gate opens, and both pass what comes
//
// The gate: of what the backend sends after its own connect nothing may be lost, and nothing may reach a client that is
// not active (the first message of a codec carries its headers; the first one of drdynvc its version). So the back's
// thread waits at it.
//
// Threads: run() is the front's; the back has one of its own; end() comes from the link's. Ownership: the session has
// both legs; the back's thread is joined before the front goes.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "base/fd.h"
#include "rdp/control_message.h"
#include "rdp/pulse.h"
#include "rdp/worker/daemon_link.h"
#include "rdp/worker/frame_sink.h"

using freerdp_peer = struct rdp_freerdp_peer;
using rdpContext = struct rdp_context;

namespace gatehouse::rdp {

class BackLeg;
class EventTrack;
class FileCopies;
class ChannelGates;
class FrontLeg;
class LegTransport;
class SessionWarning;

class Session {
 public:
  // `sink`: who sees the picture; nullptr: it is not decoded. `events`: who is told what happens; or nullptr. `copies`:
  // where files go that pass; nullptr: none are kept.
  Session(Start start, Fd client, DaemonLink& link, FrameSink* sink, EventTrack* events = nullptr,
          FileCopies* copies = nullptr);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Ended run();

  // From any thread. The first reason counts. With error information the client is told, if it can be.
  void end(std::string reason, std::string detail, std::uint32_t error_info = 0);
  [[nodiscard]] bool is_ending() const { return ending_; }
  // A leg has been at one thing for longer than anything may take.
  [[nodiscard]] bool stands_still() const;
  // From any thread: that it ends in so many seconds.
  void warn(std::uint32_t seconds);

  // ---- of the front, on its thread
  [[nodiscard]] Pulse& front_pulse() { return front_pulse_; }
  // The NT hash of who logs in by NLA (16 bytes), or nothing.
  std::optional<std::string> account_hash(const std::string& user, const std::string& domain);
  void has_logged_in() { account_.reset(); }
  void front_has_failed();  // a client that has not logged in with its account is said to be one
  void handshake_went_on();
  // What the client gives for the server after NLA (CredSSP, MS-CSSP 2.2.1.2); then this counts, and not what stands in
  // its Client Info.
  void take_delegated(Credentials credentials);
  bool connect_back();  // at PostConnect
  bool open_gate();     // at Activate

  // ---- of the back, on its thread
  [[nodiscard]] Pulse& back_pulse() { return back_pulse_; }
  bool is_right_certificate(const std::string& pem, const std::string& fingerprint);
  void back_is_connected(bool connected);
  void back_refuses_nla();
  bool wait_at_gate();  // false: it ends
  void back_has_ended(std::string reason, std::string detail, std::uint32_t error_info);
  bool back_was_resized();
  [[nodiscard]] bool is_open();  // the client is active

  [[nodiscard]] const Start& start() const { return start_; }
  [[nodiscard]] DaemonLink& link() { return link_; }
  [[nodiscard]] FrameSink* sink() { return sink_; }
  [[nodiscard]] ChannelGates& gates() { return *gates_; }
  [[nodiscard]] SessionWarning& warning() { return *warning_; }
  [[nodiscard]] LegTransport& front_transport() { return *front_transport_; }
  [[nodiscard]] LegTransport& back_transport() { return *back_transport_; }
  [[nodiscard]] EventTrack* events() { return events_; }
  [[nodiscard]] FileCopies* copies() { return copies_; }
  // To the daemon, and the events.
  void tell(const Message& notice);
  [[nodiscard]] freerdp_peer* peer() const;
  [[nodiscard]] rdpContext* front() const;
  // nullptr until it is connected: what the client says before is for nobody.
  [[nodiscard]] rdpContext* back() const { return back_context_.load(std::memory_order_acquire); }

 private:
  void take_terms(ChannelTerms terms);
  void start_back(Fd backend, Security security, const std::optional<Credentials>& credentials,
                  const std::optional<ReconnectCookie>& cookie);
  [[nodiscard]] bool may_fall_back() const;
  [[nodiscard]] bool sizes_differ() const;
  bool activate();  // the daemon lets the session begin
  void tell_active();

  Start start_;
  DaemonLink& link_;
  FrameSink* sink_;
  EventTrack* events_;
  FileCopies* copies_;
  std::optional<std::string> account_;  // whose password is being looked at
  std::optional<Credentials> delegated_;
  std::unique_ptr<ChannelGates> gates_;
  std::unique_ptr<SessionWarning> warning_;
  std::unique_ptr<LegTransport> front_transport_;
  std::unique_ptr<LegTransport> back_transport_;
  std::unique_ptr<FrontLeg> front_;
  std::unique_ptr<BackLeg> back_;
  std::atomic<rdpContext*> back_context_{nullptr};
  Pulse front_pulse_;
  Pulse back_pulse_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool back_settled_ = false;
  bool back_connected_ = false;
  bool back_refuses_nla_ = false;
  bool gate_open_ = false;
  std::atomic<bool> ever_active_ = false;  // the client could be told something
  bool is_open_ = false;                   // of the front's thread
  std::atomic<bool> ending_ = false;
  Ended ended_;
  std::uint32_t error_info_ = 0;
};

}  // namespace gatehouse::rdp
