// The rows that the store keeps, as the rest of the daemon sees them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/time.h"
#include "policy/ban_target.h"
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
  std::uint64_t visit = 0;
  WallTime started;
  std::optional<WallTime> ended;
  std::uint64_t bytes_from_client = 0;
  std::uint64_t bytes_to_client = 0;
  std::uint64_t peak_rate = 0;  // bytes a second, both ways together
  policy::EndReason end_reason = policy::EndReason::none;
  std::string end_detail;  // "connection refused"; for people
  bool continues = false;  // of a row to write: the session is there, and its end is taken back
};

struct SessionEnd {
  std::uint64_t id = 0;  // 0: none, only the visit is over
  std::uint64_t visit = 0;
  bool visit_over = false;  // with this end
  WallTime ended = {};
  std::uint64_t bytes_from_client = 0;
  std::uint64_t bytes_to_client = 0;
  std::uint64_t peak_rate = 0;
  policy::EndReason reason = policy::EndReason::none;
  std::string detail = {};
  std::string user = {};  // these two for who is told of it; the row has them
  std::string service = {};
};

// One person's period inside, over all sessions.
struct VisitRow {
  std::uint64_t id = 0;
  std::string user;
  Address source;  // of its first session
  WallTime started;
  std::optional<WallTime> ended;
  std::uint64_t sessions = 0;                              // begun until now
  policy::EndReason end_reason = policy::EndReason::none;  // of the last session
};

// One thing that happened. `action` is one of policy::audit_actions; "ban_added", "ban_removed" and "retention_removed"
// are written by the store itself, one row a call, and so is "daemon_died", at the next start.
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

// The last row of the audit's chain that retention removed.
struct AuditCut {
  std::uint64_t position = 0;
  std::string hash{};
};

// What a look at the audit's chain found.
struct AuditFinding {
  std::uint64_t position = 0;                  // the last that is right
  std::string hash{};                          // of it
  std::uint64_t beside = 0;                    // up to this id of the audit no row stands beside the chain
  bool complete = false;                       // nothing is left to look at
  std::string fault{};                         // what is wrong after `position`; empty: nothing
  std::optional<AuditCut> cut = std::nullopt;  // behind which the chain begins
};

// How long and how much is kept; what is absent sets no limit.
struct RetentionRules {
  std::optional<Duration> audit = std::nullopt;            // age of a row
  std::optional<std::uint64_t> audit_rows = std::nullopt;  // at least 1
  std::optional<Duration> sessions = std::nullopt;         // and of visits: since their end
  std::optional<std::uint64_t> store_size = std::nullopt;  // bytes in use
  [[nodiscard]] bool any() const { return audit || audit_rows || sessions || store_size; }
  bool operator==(const RetentionRules&) const = default;
};

struct RetentionOutcome {
  std::uint64_t removed = 0;  // rows; 0: nothing was due
  std::string fault{};        // why rows of the audit stay that are due; empty: none do
};

struct BanRow {
  std::uint64_t id = 0;  // of one sequence for all kinds; given by the store
  policy::BanTarget target;
  std::optional<WallTime> expires;  // nullopt: permanent
  std::string reason;
  std::string author;
  WallTime created;
};

// The live bans, as the policy asks them.
struct LiveBans {
  std::vector<policy::Ban> networks;
  std::vector<policy::NameBan> names;
};

struct BanQuery {
  std::optional<policy::BanKind> kind = std::nullopt;
  // A name: the bans of it. An address or network: those that cover it, and those that lie inside it.
  std::optional<policy::BanTarget> target = std::nullopt;
  std::uint64_t before_id = 0;  // of the history: only events with a smaller id; 0: from the newest on
  std::size_t limit = 100;      // newest first
};

// One line of the life of a ban.
struct BanEvent {
  std::uint64_t id = 0;  // of the event
  std::uint64_t ban_id = 0;
  std::string event;  // "added", "removed", "expired", "replaced" (by a newer ban of the same)
  policy::BanTarget target;
  std::optional<WallTime> expires;
  std::string reason;  // of the ban
  std::string author;  // of the event; empty where the ban expired
  WallTime time;
};
using BanHistoryQuery = BanQuery;

// A token of the API: what it may do, and the hash that knows it.
struct TokenRow {
  std::string name;
  std::string role;
  std::array<std::uint8_t, 32> hash{};
  std::string author;
  WallTime created;
  std::optional<WallTime> expires;
};

// The certificate that a backend showed and is known by since.
struct BackendCertificateRow {
  std::string server;
  std::string fingerprint;  // SHA-256, hexadecimal with colons
  WallTime since;
};

// A RustDesk device, as it was seen (rustdesk/device_records.h).
struct DeviceRow {
  std::string id;
  std::string uuid;  // bytes; empty: not known
  std::string public_key;
  std::vector<Endpoint> addresses;  // newest first
  WallTime first_seen;
  WallTime last_seen;
  WallTime identity_since;
  bool confirmed = false;
  bool identity_confirmed = false;
  bool approved = false;
  friend bool operator==(const DeviceRow&, const DeviceRow&) = default;
};

// An account that RDP clients log in with at the gateway (NLA), of one user of the policy.
struct RdpAccountRow {
  std::string name;  // small letters
  std::string user;
  std::string sealed;  // bytes (rdp/secret_box.h)
  std::string author;
  WallTime created;
};

// What a server is logged in to with.
struct RdpCredentialRow {
  std::string server;
  std::string user;  // of the policy; empty: everybody who has none of their own
  std::string login;
  std::string domain;
  std::string sealed;
  std::string author;
  WallTime created;
};

// What has come to its end by itself.
struct ExpiredBans {
  std::vector<policy::BanTarget> targets;
  std::optional<WallTime> next;  // when the next one will; nullopt: no ban that is left ends
};

// A policy as it was applied; lists leave the text out.
struct PolicyVersion {
  std::uint64_t version = 0;
  std::string author;
  WallTime applied_at;
  std::string text;
};

// One page of a list. A call looks at a bounded number of rows, whether or not they are wanted, so a page may be short,
// or empty, and not the last.
template <typename Row>
struct Page {
  std::vector<Row> rows;
  std::uint64_t next = 0;  // where the next page begins: its before_id, or after_id
  bool complete = true;    // there is no next page
};

// What is asked of lists: all that is given must hold. Newest first; with after_id oldest first, from there on.
// `since` and `until` are exact as long as the clock was never set back by more than a day.
struct SessionQuery {
  bool only_open = false;
  std::optional<std::string> user = std::nullopt;
  std::optional<Prefix> source = std::nullopt;
  std::optional<Prefix> backend = std::nullopt;  // of sessions only
  std::optional<std::string> server = std::nullopt;
  std::optional<std::string> service = std::nullopt;
  std::optional<policy::EndReason> reason = std::nullopt;
  std::optional<WallTime> since = std::nullopt;  // begun then or later
  std::optional<WallTime> until = std::nullopt;  // begun before
  std::uint64_t before_id = 0;                   // only smaller ids; 0: all
  std::optional<std::uint64_t> after_id = std::nullopt;
  std::size_t limit = 100;
};
using VisitQuery = SessionQuery;  // server and service: of one of its sessions

struct AuditQuery {
  std::optional<WallTime> since = std::nullopt;
  std::optional<WallTime> until = std::nullopt;
  std::optional<std::string> action = std::nullopt;
  std::optional<std::string> user = std::nullopt;
  std::optional<Prefix> source = std::nullopt;
  std::optional<std::string> server = std::nullopt;  // by the row's session, or its service in the policy in force
  std::optional<std::string> service = std::nullopt;
  std::optional<policy::Reason> reason = std::nullopt;
  std::uint64_t before_id = 0;
  std::optional<std::uint64_t> after_id = std::nullopt;  // for following
  std::size_t limit = 100;
};

}  // namespace gatehouse::store
