// The decision: a pure function of a snapshot and a question. No I/O, no clock, no lock; under a microsecond.
// Order: ban -> service and server -> principal -> grants -> (protocol, period, login). Deny by default, always.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
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
};

struct Decision {
  bool allowed = false;
  Reason reason = Reason::internal_error;
  // Until when the answer holds if nothing is changed; nullopt: for ever. Allowed: the latest moment up to which some
  // matching grant allows without a gap. Denied: the earliest moment at which a grant begins or a ban ends. Half-open:
  // at that moment ask again.
  std::optional<WallTime> holds_until;
  std::uint64_t ban_id = 0;
  // Into the snapshot's policy; null where the way to the decision did not reach them.
  const CompiledUser* user = nullptr;
  const CompiledService* service = nullptr;
  const CompiledServer* server = nullptr;
  const CompiledGrant* grant = nullptr;
};

// One step of the way to a decision, for `gatehouse check`.
struct Step {
  std::string subject;  // "ban", "service", "source", "user", "grant"
  bool passed = false;
  std::string finding;  // "grant bob-win1 begins 2026-12-01T00:00:00Z"
};
using Trace = std::vector<Step>;

Decision decide(const Snapshot& snapshot, const Question& question, Trace* trace = nullptr);

}  // namespace gatehouse::policy
