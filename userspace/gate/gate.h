// The gate: one event loop a core, each with its own listeners, sessions and view of the policy. An accepted connection
// is judged before its first byte is looked at; denied, it is audited, its verdict goes into the kernel and it is
// reset; allowed, its rows are written and its forwarder runs.
//
// Threads: the public calls are for the control thread and block until every loop has done its part (messages to the
// loops; no lock is shared with them). The store, the data plane and the watcher outlive the gate's run: call stop()
// before they go.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "gate/decision_hook.h"
#include "gate/listeners.h"
#include "gate/presence.h"
#include "gate/session.h"
#include "gate/session_watcher.h"
#include "kernel/dataplane.h"
#include "policy/engine.h"
#include "store/store.h"

namespace gatehouse::gate {

struct RdpServices;
class Rendezvous;

struct GateOptions {
  std::size_t loops = 1;
  Duration deny_ttl{30'000};
  std::size_t max_sessions = 9000;  // of all loops
  // Defaults of every relay; a service may have its own.
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds idle_timeout{0};
  std::chrono::seconds keep_alive{60};
  std::chrono::milliseconds user_timeout{30'000};
  HookOptions hook{};
  std::shared_ptr<RdpServices> rdp;        // nullptr: sessions of kind rdp are relayed as they are
  std::shared_ptr<Rendezvous> rendezvous;  // judges what passes through services of kind rustdesk
};

struct GateCounters {
  std::uint64_t accepted = 0;
  std::uint64_t allowed = 0;
  std::uint64_t denied = 0;
  std::uint64_t refused = 0;  // allowed by the policy, but not opened: no room, no descriptor, no store
  std::uint64_t ended = 0;
  std::uint64_t open = 0;
  std::uint64_t bytes_from_client = 0;  // of ended sessions
  std::uint64_t bytes_to_client = 0;
  std::uint64_t verdict_failures = 0;  // verdicts the kernel did not take: those connections were denied here
  std::uint64_t accept_failures = 0;   // accept(2) without a descriptor left
  std::uint64_t pipe_failures = 0;     // times that a live session waited, for no descriptor was left for its bytes
  std::uint64_t held_back = 0;         // times a loop stopped accepting because the store had no room

  GateCounters& operator+=(const GateCounters& other);
};

class Loop;

class Gate {
 public:
  // The loops accept from the moment this returns.
  static Result<std::unique_ptr<Gate>> start(const GateOptions& options, const Listeners& listeners,
                                             const policy::Snapshot& snapshot, store::Store& store,
                                             kernel::Dataplane& dataplane, SessionWatcher* watcher = nullptr);
  ~Gate();  // stop(service_restart) if that was not done
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // From the return of this call on every decision is made with `snapshot`, and every live session that it does not
  // allow has been ended; their number. The loops do it in slices of some milliseconds, between which bytes go on.
  std::size_t publish(const policy::Snapshot& snapshot);
  // For sessions that begin after the call.
  void set_options(const GateOptions& options);
  [[nodiscard]] std::vector<LiveSession> sessions();
  // The ids that were live and have been ended.
  std::vector<std::uint64_t> end_sessions(const std::vector<std::uint64_t>& ids, policy::EndReason reason,
                                          const std::string& detail);
  [[nodiscard]] GateCounters counters();
  [[nodiscard]] std::uint32_t sessions_of(const std::string& user) const { return presence_.sessions_of(user); }

  // Stops accepting (what waits in the listening sockets stays there), ends every session with this reason and hands
  // its end to the store, joins the loops. Nothing is live afterwards; the store may still answer to the loops, whose
  // memory is there as long as the gate is: destroy the store first.
  void stop(policy::EndReason reason);

 private:
  explicit Gate(store::Store& store);
  // The loops that answer: none after stop().
  [[nodiscard]] std::span<const std::unique_ptr<Loop>> running() const;

  store::Store& store_;
  std::atomic<std::size_t> open_ = 0;  // sessions of all loops, for max_sessions
  Presence presence_;
  std::vector<std::unique_ptr<Loop>> loops_;
  bool stopped_ = false;
};

}  // namespace gatehouse::gate
