// The rows that the store keeps, as the rest of the daemon sees them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/address.h"
#include "base/time.h"
#include "policy/bans.h"
#include "policy/vocabulary.h"

namespace gatehouse::store {

struct SessionRow {
  std::uint64_t id = 0;
  std::string user;
  std::string server;
  std::string service;
  std::string grant;
  std::string protocol;
  Endpoint client;
  Endpoint proxy;  // the original destination
  Endpoint backend;
  std::uint64_t policy_version = 0;
  WallTime started;
  std::optional<WallTime> ended;
  std::uint64_t bytes_from_client = 0;
  std::uint64_t bytes_to_client = 0;
  policy::EndReason end_reason = policy::EndReason::none;
  std::string end_detail;  // "connection refused"; for people
};

struct SessionEnd {
  std::uint64_t id = 0;
  WallTime ended;
  std::uint64_t bytes_from_client = 0;
  std::uint64_t bytes_to_client = 0;
  policy::EndReason reason = policy::EndReason::none;
  std::string detail;
};

// One thing that happened. `action` is one of policy::audit_actions; "ban_added" and "ban_removed" are written by the
// store itself, one row a call, and so is "daemon_died", at the next start.
struct AuditRow {
  std::uint64_t id = 0;  // given by the store when 0
  WallTime time;
  std::string action;
  std::string author;  // who did it: "uid 0 (root)"; empty where it was the gate itself
  std::string user;
  std::string service;
  std::optional<Address> source;
  std::optional<Endpoint> destination;
  std::optional<policy::Reason> reason;  // of a decision; none where nothing was decided
  std::uint64_t session_id = 0;
  std::string detail;
};

struct BanRow {
  policy::Ban ban;  // id, network, expires
  std::string reason;
  std::string author;
  WallTime created;
};

// A policy as it was applied; lists leave the text out.
struct PolicyVersion {
  std::uint64_t version = 0;
  std::string author;
  WallTime applied_at;
  std::string text;
};

struct SessionQuery {
  bool only_open = false;
  std::size_t limit = 100;  // newest first
};

struct AuditQuery {
  std::optional<WallTime> since = std::nullopt;
  std::optional<std::string> action = std::nullopt;
  std::optional<std::string> user = std::nullopt;
  std::optional<Address> source = std::nullopt;
  std::optional<policy::Reason> reason = std::nullopt;
  std::uint64_t after_id = 0;  // only rows with a larger id (for following), oldest first when set
  std::size_t limit = 100;     // newest first
};

}  // namespace gatehouse::store
