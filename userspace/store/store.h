// What is wanted and what happened, in SQLite (WAL). One file, schema migrations by PRAGMA user_version, integrity
// check at start.
//
// Threads: one writer thread owns the writing connection; everything that writes goes to it through a bounded queue and
// it commits whatever is waiting as one transaction. Reading calls use a second, read-only connection guarded by a
// mutex, from any thread but an event loop. Nothing on the way of a connection waits for the disk: event loops call the
// `submit` family, which never blocks.
//
// Failure: a row that cannot be written (disk full, I/O error) raises the alarm. While it is raised,
// `submit_session_opened` refuses at once; everything else that was accepted is kept in memory, in order, and tried
// again every second; the alarm falls when a write succeeds. A session's end always finds room (it was reserved when
// the session opened).
//
// Durability: WAL with synchronous=NORMAL: what was acknowledged survives the death of the daemon at any moment; a loss
// of power may take the last moments with it (docs/operating.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "policy/document.h"
#include "store/records.h"
#include "store/watcher.h"

namespace gatehouse::store {

struct StoreOptions {
  std::filesystem::path file;
  std::size_t queue_capacity = 8192;  // rows waiting for the writer, of all kinds
  Watcher* watcher = nullptr;         // outlives the store
};

struct PolicyRecord {
  std::uint64_t version = 0;  // 1, 2, 3, ...; 0: nothing applied yet
  policy::Document document;
};

struct StoreHealth {
  bool alarm = false;
  std::string fault;       // of the last failed write
  std::size_t queued = 0;  // ends of sessions included, which have room of their own
  std::size_t queue_capacity = 0;
  std::uint64_t rows_written = 0;
  std::uint64_t failed_writes = 0;
};

class Store {
 public:
  // Creates or migrates the file; refuses one that is damaged, newer than this program, or in use by another daemon.
  // Closes the session rows that a dead daemon left open as service_restart (how many: sessions_closed_at_start), with
  // the end time of the last sign of life.
  static Result<std::unique_ptr<Store>> open(const StoreOptions& options);
  ~Store();  // writes what is queued (at most 5 s), joins the writer
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  Store(Store&&) = delete;
  Store& operator=(Store&&) = delete;

  [[nodiscard]] std::uint64_t sessions_closed_at_start() const;

  // ---- from the event loops: never block. `written(bool)` is called once on the writer thread after the commit (true)
  // or when the row is given up (false). It must be quick: post to your own loop.
  using Written = std::move_only_function<void(bool)>;
  std::uint64_t next_session_id();
  std::uint64_t next_visit_id();
  std::uint64_t next_audit_id();
  // False: not accepted (queue full, or the alarm is raised); `written` is not called, nothing is kept. Both rows go in
  // one transaction. When the write fails the rows are given up: written(false), and the session must not open.
  // A session with id 0: only the row of the audit, which somebody waits for. One that `continues` is open again.
  [[nodiscard]] bool submit_session_opened(SessionRow session, AuditRow audit, Written written);
  // Always accepted, kept until it is written.
  void submit_session_ended(SessionEnd end);
  // Nobody waits for an end or an audit row: they gather for up to 5 ms, or until a session is to be written.
  // False: queue full: the caller must hold back (stop accepting) and try again. Once accepted, kept until written.
  [[nodiscard]] bool submit_audit(AuditRow audit);
  // Room for at least one session with its rows. Event loops stop accepting while this is false.
  [[nodiscard]] bool has_room() const;
  [[nodiscard]] StoreHealth health() const;

  // ---- from the control thread: block until committed (at most 10 s).
  [[nodiscard]] Result<PolicyRecord> load_policy();
  // One transaction: the policy as the next version, with its full text and the audit row. `expected_version` guards
  // against a change in between: another current version is an error.
  [[nodiscard]] Result<std::uint64_t> save_policy(const policy::Document& document, std::uint64_t expected_version,
                                                  AuditRow audit);
  // Any of those there ever were; none: there is no such version.
  [[nodiscard]] Result<std::optional<PolicyVersion>> policy_version(std::uint64_t version);
  // Newest first; only those before `before`, if it is not 0.
  [[nodiscard]] Result<std::vector<PolicyVersion>> policy_versions(std::uint64_t before, std::size_t limit);
  [[nodiscard]] Result<LiveBans> load_bans(WallTime now);
  // One transaction each, history kept; a ban of what is already banned replaces it. Ids are given by the store, in
  // order of `bans`. The audit row ("ban_added", "ban_removed": one a call) is written with them.
  [[nodiscard]] Result<std::vector<std::uint64_t>> add_bans(std::span<const BanRow> bans, const std::string& author);
  // What was banned and now is not; what is unknown is passed over.
  [[nodiscard]] Result<std::vector<policy::BanTarget>> remove_bans(std::span<const policy::BanTarget> targets,
                                                                   const std::string& author);
  // The targets of the live bans with these ids; unknown ones are passed over. In order of `ids`.
  [[nodiscard]] Result<std::vector<BanRow>> bans_with_ids(std::span<const std::uint64_t> ids, WallTime now);
  // Moves bans that have ended into the history, at most `most` at once, those that ended first first.
  [[nodiscard]] Result<ExpiredBans> expire_bans(WallTime now, std::size_t most);
  [[nodiscard]] Result<std::vector<TokenRow>> tokens();  // by name
  // With its audit row. False: there is one of that name.
  [[nodiscard]] Result<bool> add_token(const TokenRow& token, AuditRow audit);
  // The names of those that were there; the audit's detail names them.
  [[nodiscard]] Result<std::vector<std::string>> remove_tokens(const std::vector<std::string>& names, AuditRow audit);
  // Removes the next piece of what `rules` say is due, at most some thousand rows, with the row of the audit that tells
  // it in the same transaction; writes nothing where nothing is due. To be called again while it removes something.
  [[nodiscard]] Result<RetentionOutcome> remove_due(const RetentionRules& rules, WallTime now);
  [[nodiscard]] Result<std::vector<BackendCertificateRow>> backend_certificates();  // by server
  // Instead of a former one, with its audit row.
  [[nodiscard]] Result<void> keep_backend_certificate(const BackendCertificateRow& row, AuditRow audit);
  // Accounts and credentials of RDP sessions, each change with its audit row; an existing one is replaced.
  [[nodiscard]] Result<std::vector<RdpAccountRow>> rdp_accounts();  // by name
  [[nodiscard]] Result<void> set_rdp_account(const RdpAccountRow& row, AuditRow audit);
  [[nodiscard]] Result<bool> remove_rdp_account(const std::string& name, AuditRow audit);  // false: there is none
  [[nodiscard]] Result<std::vector<RdpCredentialRow>> rdp_credentials();                   // by server and user
  [[nodiscard]] Result<void> set_rdp_credential(const RdpCredentialRow& row, AuditRow audit);
  [[nodiscard]] Result<bool> remove_rdp_credential(const std::string& server, const std::string& user, AuditRow audit);
  // RustDesk devices: all of them, in any order; and those that changed, an existing one replaced.
  [[nodiscard]] Result<std::vector<DeviceRow>> devices();
  [[nodiscard]] Result<void> keep_devices(std::span<const DeviceRow> rows);
  // Written and committed before it returns.
  [[nodiscard]] Result<void> write_audit(AuditRow audit);

  [[nodiscard]] Result<std::vector<BanRow>> bans(WallTime now, const BanQuery& query);
  // Of names of this kind, those behind `after`, in the order of the names' bytes.
  [[nodiscard]] Result<std::vector<BanRow>> bans_by_name(WallTime now, policy::BanKind kind, const std::string& after,
                                                         std::size_t limit);
  // Pages: each call looks at some thousand rows at most.
  [[nodiscard]] Result<Page<BanEvent>> ban_history(const BanHistoryQuery& query);
  [[nodiscard]] Result<Page<SessionRow>> sessions(const SessionQuery& query);
  [[nodiscard]] Result<Page<VisitRow>> visits(const VisitQuery& query);
  [[nodiscard]] Result<Page<AuditRow>> audit(const AuditQuery& query);
  // Of the audit's chain, `limit` rows after a position that was found right before (0: from the beginning), and from
  // its end on as many of the audit's rows after the id `beside`, as the finding before had it. Where retention has
  // removed rows after that position, the step leads to where the chain begins.
  [[nodiscard]] Result<AuditFinding> verify_audit(std::uint64_t after, std::uint64_t beside, std::size_t limit);

 private:
  class Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gatehouse::store
