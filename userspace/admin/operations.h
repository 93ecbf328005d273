// What an operator can ask of the daemon: the one list of verbs behind the HTTP API (and so behind the command). The
// daemon implements it; admin translates HTTP. Called on the control thread, one at a time; each call has done what it
// says when it returns.
//
// Answers are JSON, as the API gives them out (docs/api.md describes every field). Times are RFC 3339 strings,
// durations seconds (number), addresses text.
#pragma once

#include <cstdint>
#include <expected>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "admin/role.h"
#include "admin/token.h"
#include "base/fd.h"
#include "base/result.h"
#include "base/strict_yaml.h"
#include "policy/ban_target.h"
#include "policy/loader.h"

namespace gatehouse::admin {

// Who asks: the peer credentials of the Unix socket, whoever may open which may do everything; or over TLS the name of
// a token with its role.
struct Peer {
  unsigned uid = 0;
  unsigned gid = 0;
  int pid = 0;
  Role role = Role::admin;
  std::string token = {};                  // its name; empty: the Unix socket
  Address source = {};                     // of a token
  TokenHash token_hash = {};               // of a token
  std::uint64_t login = 0;                 // of a browser, by that token (admin/browser_logins.h); 0: none
  std::optional<WallTime> expires = {};    // of a token
  [[nodiscard]] std::string text() const;  // "uid 0 (root)", "token ci (192.0.2.7)", for author fields
};

struct Fault {
  int status = 400;  // HTTP: 400 bad input, 404 not there, 409 conflict, 500 our fault, 503 cannot now
  Error error;
  std::vector<Issue> issues;  // of a policy text
};
using Outcome = std::expected<nlohmann::json, Fault>;

struct CheckRequest {
  Address source;
  Endpoint destination;
  policy::Transport transport = policy::Transport::tcp;
  std::optional<WallTime> time;
  std::optional<std::string> login;
};
struct BanRequest {
  policy::BanTarget target;
  std::string reason;
  std::optional<WallTime> expires;
};
// Of the bans in force, or of their history.
struct BansRequest {
  std::optional<policy::BanKind> kind;
  std::optional<policy::BanTarget> target;  // of a network: what covers it and what lies inside it
  std::uint64_t before_id = 0;              // of the history only; 0: from the newest on
  std::size_t limit = 100;
};
struct RemoveBansRequest {
  std::vector<policy::BanTarget> targets;
  std::vector<std::uint64_t> ids;
};
struct VersionsRequest {
  std::uint64_t before = 0;  // 0: from the newest on
  std::size_t limit = 100;
};
// Lists come in pages: newest first; with after_id oldest first, from there on (a follower goes on from `next`).
struct SessionsRequest {
  bool only_open = false;
  std::optional<std::string> user;
  std::optional<Prefix> source;
  std::optional<Prefix> backend;  // of sessions only
  std::optional<std::string> server;
  std::optional<std::string> service;
  std::optional<policy::EndReason> reason;
  std::optional<WallTime> since;
  std::optional<WallTime> until;
  std::uint64_t before_id = 0;  // 0: from the newest on
  std::optional<std::uint64_t> after_id;
  std::size_t limit = 100;
};
using VisitsRequest = SessionsRequest;
struct AuditRequest {
  std::optional<WallTime> since;
  std::optional<WallTime> until;
  std::optional<std::string> action;
  std::optional<std::string> user;
  std::optional<Prefix> source;
  std::optional<std::string> server;
  std::optional<std::string> service;
  std::optional<policy::Reason> reason;
  std::uint64_t before_id = 0;
  std::optional<std::uint64_t> after_id;
  std::size_t limit = 100;
};

struct VerifyRequest {
  std::uint64_t after = 0;   // position in the chain
  std::uint64_t beside = 0;  // id of a row
  std::size_t limit = 10'000;
};

// In pages, newest first.
struct RecordingsRequest {
  bool only_open = false;
  std::optional<std::string> user;
  std::optional<std::string> server;
  std::optional<std::string> service;
  std::optional<WallTime> since;  // of its beginning
  std::optional<WallTime> until;
  std::uint64_t before_id = 0;  // 0: from the newest on
  std::size_t limit = 100;
};
// Without either: what the configuration says.
struct PruneRequest {
  std::optional<Duration> older_than;
  std::optional<std::uint64_t> over;  // bytes
  bool dry_run = false;
};

struct TokenRequest {
  std::string name;
  Role role = Role::viewer;
  std::optional<WallTime> expires;
};

// Passwords are in no answer, and in nothing that is written but the sealed form in the store.
struct AccountRequest {
  std::string name;
  std::string user;  // of the policy
  std::string password;
};
struct CredentialRequest {
  std::string server;
  std::string user;  // of the policy; empty: everybody
  std::string login;
  std::string domain;
  std::string password;
};
struct CredentialName {
  std::string server;
  std::string user;
};
// Of RustDesk devices; by id, and all that are given must hold.
struct DevicesRequest {
  std::optional<std::string> id;  // exactly this one
  std::optional<bool> online;
  std::optional<bool> banned;
  std::optional<bool> pending;
  std::string after;  // the last id of the page before; empty: from the beginning
  std::size_t limit = 100;
};
struct ApproveRequest {
  std::vector<std::string> ids;  // whether they were ever seen or not
  bool approved = true;          // false: approval is withdrawn
};
// What a console for RustDesk keeps: BetterDesk's and hbbs's own database.
struct DeviceBanImport {
  std::string path;  // of db_v2.sqlite3 on the gateway's machine, absolute
  bool dry_run = false;
};
// A file of a recording, opened for reading, as long as it is now; it may grow.
struct OpenFile {
  Fd file;
  std::uint64_t size = 0;
};

class Operations {
 public:
  virtual ~Operations() = default;

  // {version, instance, started, uptime_seconds, policy_version, users, services, grants, bans, sessions_open, loops,
  //  alarms: [{name, what, mend}], steering, enforcement, guards: [{interface, mode}], pins, verdicts,
  //  unaudited_kernel_events, counters: {name: n}, store: {queued, queue_capacity, rows_written, failed_writes, alarm,
  //  fault}, features: {name: bool}, gate: {accepted, allowed, denied, refused, ended, bytes_from_client,
  //  bytes_to_client, verdict_failures, accept_failures, pipe_failures, held_back}, rustdesk: {...}, drift: {...},
  //  last_reconciled}
  virtual Outcome status() = 0;

  // {policy_version, changes: [{verb: add|remove|modify, section, name, details: [..]}], text}
  virtual Outcome plan(const std::vector<policy::SourceText>& texts) = 0;
  // The same with the new policy_version, and {sessions_ended, verdicts_removed}. `expected_version`: refused (409)
  // when the policy has changed since the plan.
  virtual Outcome apply(const std::vector<policy::SourceText>& texts, std::optional<std::uint64_t> expected_version,
                        const Peer& peer) = 0;

  // {version, policy_version (the one in force), author, applied_at|null, text}: YAML that loads to the policy in
  // force, or to that of a former version (404: there was none).
  virtual Outcome policy_text(std::optional<std::uint64_t> version) = 0;
  // {policy_version, versions: [{version, author, applied_at}]}, newest first.
  virtual Outcome policy_versions(const VersionsRequest& request) = 0;

  // {allowed, reason, description, holds_until|null, user, service, server, grant, ban_id, backend, policy_version,
  //  steps: [{subject, passed, finding}], kernel_verdict: {expires, reason, hits}|null}
  virtual Outcome check(const CheckRequest& request) = 0;

  // {sessions: [{id, user, server, service, grant, protocol, client, proxy, backend, started, ended|null,
  // duration_seconds,
  //  bytes_from_client, bytes_to_client, peak_bytes_per_second, end_reason, end_detail, holds_until|null,
  //  end_announced_seconds|null, visit, policy_version}], next, complete}
  virtual Outcome sessions(const SessionsRequest& request) = 0;
  // {visits: [{id, user, source, started, ended|null, duration_seconds, sessions, end_reason}], next, complete}
  virtual Outcome visits(const VisitsRequest& request) = 0;
  // {killed: [ids], unknown: [ids]}; `ids` empty means all of `user`, if given.
  virtual Outcome kill(const std::vector<std::uint64_t>& ids, const std::optional<std::string>& user,
                       const Peer& peer) = 0;

  // {bans: [{id, subject, network|user|server|device, reason, author, created, expires|null}], total}
  virtual Outcome bans(const BansRequest& request) = 0;
  // {events: [{id, ban_id, event, subject, network|user|server|device, reason, author, time, expires|null}], next,
  //  complete}
  virtual Outcome ban_history(const BansRequest& request) = 0;
  // {added: [{id, subject, network|user|server|device}], added_count, sessions_ended, notes: [text]}
  virtual Outcome add_bans(const std::vector<BanRequest>& requests, const Peer& peer) = 0;
  // {removed: [texts], removed_count, unknown: [texts], unknown_ids: [ids], unknown_count}
  virtual Outcome remove_bans(const RemoveBansRequest& request, const Peer& peer) = 0;

  // {devices: [{id, online, banned, ban_id, banned_by_what: id|uuid|pk|machine|null, banned_through (an id of the same
  //  machine), banned_at|null, banned_by, ban_reason, ban_expires|null, pending, approved, confirmed,
  //  last_address|null, addresses: [text], uuid (base64), public_key (base64), first_seen|null, last_seen|null,
  //  same_machine: [ids]}], more, total}, in the order of the ids' bytes; `total` is of all, whatever was asked for
  virtual Outcome devices(const DevicesRequest& request) = 0;
  // {approved, changed: [ids], changed_count, unchanged_count, refused: [ids], refused_count}; refused: no room for
  // more
  virtual Outcome approve_devices(const ApproveRequest& request, const Peer& peer) = 0;
  // {dry_run, devices, banned, added: [ids], added_count, known_count, refused: [{device, why}], refused_count,
  //  sessions_ended}: how many devices stand in the file, how many are banned there, and what became of those
  virtual Outcome import_device_bans(const DeviceBanImport& request, const Peer& peer) = 0;

  // {rows: [{id, time, action, author, user, service, source, destination, reason, session_id, detail}], next,
  //  complete}
  virtual Outcome audit(const AuditRequest& request) = 0;

  // Some rows of the audit's chain after a position that was right: {position, hash, beside, complete,
  // fault|null}
  virtual Outcome verify_audit(const VerifyRequest& request) = 0;

  // {certificate: PEM, fingerprint, expires, former|null}: of the gateway's own authority; `former`: the certificate of
  // before the last rotation. 404: there is none.
  virtual Outcome authority() = 0;
  // The same: of a new authority in the place of the old one.
  virtual Outcome rotate_authority(const Peer& peer) = 0;
  // {server, fingerprint}: the certificate that was refused last is that server's from now on. 404: none was.
  virtual Outcome trust_backend(const std::string& server, const Peer& peer) = 0;

  // {accounts: [{name, user, author, created}]}, by name: what RDP clients log in with at the gateway (NLA)
  virtual Outcome accounts() = 0;
  // {name, user}: a new one, or another password or user for an existing one.
  virtual Outcome set_account(const AccountRequest& request, const Peer& peer) = 0;
  // {removed: name}. 404: there is none.
  virtual Outcome remove_account(const std::string& name, const Peer& peer) = 0;
  // {credentials: [{server, user|null, login, domain, author, created}]}: what the gateway logs in to servers with
  virtual Outcome credentials() = 0;
  // {server, user|null, login, domain}
  virtual Outcome set_credential(const CredentialRequest& request, const Peer& peer) = 0;
  // {server, user|null}. 404: there are none.
  virtual Outcome remove_credential(const CredentialName& request, const Peer& peer) = 0;
  // {recordings: [{id, state: open|ended|broken_off, user, server, service, grant, client, started|null, bytes,
  //  last_written|null, fault|null}], next, complete}. 404: nothing is recorded.
  virtual Outcome recordings(const RecordingsRequest& request) = 0;
  // The same of those with `text` in them, each with {matches: [{t|null, event, text}], complete}.
  virtual Outcome search_recordings(const RecordingsRequest& request, const std::string& text) = 0;
  // {key: PEM, hexadecimal, directory}: what vouches for recordings, and where they are.
  virtual Outcome recording_key() = 0;
  // {pass}: it goes on by itself; prune_outcome() tells of it.
  virtual Outcome prune_recordings(const PruneRequest& request, const Peer& peer) = 0;
  // {pass, done, dry_run, removed: [ids], removed_count, removed_bytes}. 404: no such pass.
  virtual Outcome prune_outcome(std::uint64_t pass) = 0;
  // {id, growing, duration_ms, elapsed_ms|null, event_count|null, files: [{name, size}], session|null}. 404: there is
  // no recording of that session. This and the next are audited: once for a browser's login, or for who else asks once
  // in eight hours.
  virtual Outcome recording(std::uint64_t id, const Peer& peer) = 0;
  virtual std::expected<OpenFile, Fault> recording_file(std::uint64_t id, const std::string& name,
                                                        const Peer& peer) = 0;

  // {tokens: [{name, role, author, created, expires|null}]}, by name
  virtual Outcome tokens() = 0;
  // {name, role, expires|null, token}: the only time that the token itself is told. 409: the name is taken.
  virtual Outcome add_token(const TokenRequest& request, const Peer& peer) = 0;
  // {removed: [names], unknown: [names]}; 404 when none of them is there.
  virtual Outcome remove_tokens(const std::vector<std::string>& names, const Peer& peer) = 0;

  // {changed: [keys], restart_needed: [keys]}
  virtual Outcome reload(const Peer& peer) = 0;
  // {}: the daemon then executes its binary anew in place, with the same listening sockets.
  virtual Outcome restart(const Peer& peer) = 0;
};

}  // namespace gatehouse::admin
