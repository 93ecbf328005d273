// The decision: a pure function of a snapshot and a question. No I/O, no clock, no lock; under a microsecond.
// Order: bans of the address, the user, the server -> service and server -> user -> maintenance -> denials -> grants.
// Deny by default, always.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/bans.h"
#include "policy/policy.h"
#include "policy/vocabulary.h"

namespace gatehouse::policy {

// What the event loops hold: swapped as a whole, never changed.
struct Snapshot {
  std::shared_ptr<const Policy> policy;
  std::shared_ptr<const BanTable> bans;
};

struct Question {
  Address source;
  Address destination;  // the proxy IP
  std::uint16_t port = 0;
  Transport transport = Transport::tcp;
  WallTime time;
  std::optional<std::string_view> login;  // where the protocol carries one and it is known already
  // How many sessions the user has open, this one not counted. Absent: limits of sessions are not looked at.
  std::optional<std::uint32_t> open_sessions = {};
  // About a session that is open already: the grace before a maintenance does not end it.
  bool live = false;
  std::optional<std::string_view> device = {};  // its id, uuid or key, where the protocol has one
  std::optional<std::string_view> user = {};    // who it is, where a decision hook says so and not the source address
};

struct Decision {
  bool allowed = false;
  Reason reason = Reason::internal_error;
  // Until when the answer holds if nothing is changed; nullopt: for ever. Half-open: at that moment ask again. Allowed:
  // the session may live until then, the latest moment up to which some matching grant allows without a gap (schedules
  // are followed over `schedule_sight`). Denied: nothing is allowed before then; the moment of the question itself
  // where the answer depends on what may change at any time (login, open sessions), so that no verdict may be kept of
  // it.
  std::optional<WallTime> holds_until;
  // Up to when the grant that is named allows by itself; after it another may go on, with other terms.
  std::optional<WallTime> grant_until;
  std::uint64_t ban_id = 0;
  // Into the snapshot's policy; null where the way to the decision did not reach them.
  const CompiledUser* user = nullptr;
  const CompiledService* service = nullptr;
  const CompiledServer* server = nullptr;
  const CompiledGrant* grant = nullptr;
  const CompiledDenial* denial = nullptr;            // the rule that denies
  const CompiledMaintenance* maintenance = nullptr;  // that turns away
  // Of the grant, where allowed.
  std::optional<Duration> idle_timeout;  // nullopt: the service's own, or the daemon's
  Recording recording = Recording::as_configured;
  Channels channels = 0;
  std::span<const std::string> dynamic_channels;  // in the snapshot's policy
};

// One step of the way to a decision, for `gatehouse check`.
struct Step {
  std::string subject;  // "ban", "service", "server", "source", "user", "maintenance", "denial", "grant"
  bool passed = false;
  std::string finding;  // "grant bob-win1 begins 2026-12-01T00:00:00Z"
};
using Trace = std::vector<Step>;

Decision decide(const Snapshot& snapshot, const Question& question, Trace* trace = nullptr);

}  // namespace gatehouse::policy
