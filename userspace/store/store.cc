#include "store/store.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <atomic>
#include <mutex>
#include <utility>

#include "store/audit.h"
#include "store/audit_cut.h"
#include "store/backend_certificates.h"
#include "store/bans.h"
#include "store/devices.h"
#include "store/faults.h"
#include "store/file_lock.h"
#include "store/life.h"
#include "store/policies.h"
#include "store/policy_versions.h"
#include "store/rdp_secrets.h"
#include "store/retention.h"
#include "store/schema.h"
#include "store/sessions.h"
#include "store/tokens.h"
#include "store/visits.h"
#include "store/writer.h"

namespace gatehouse::store {
namespace {

constexpr std::size_t most_targets_named = 10;

// One row a call, however many bans: each of them stands in the history.
template <typename Row, typename TargetOf>
AuditRow ban_audit(std::string action, const std::string& author, std::span<const Row> rows, TargetOf&& target_of) {
  AuditRow audit;
  audit.time = now();
  audit.action = std::move(action);
  audit.author = author;
  if (rows.size() == 1) {
    const policy::BanTarget& target = target_of(rows.front());
    if (const auto* network = std::get_if<Prefix>(&target)) {
      if (network->is_host()) audit.source = network->address;
    } else if (policy::kind_of(target) == policy::BanKind::user) {
      audit.user = policy::name_of(target);
    }
  }
  for (std::size_t i = 0; i < rows.size() && i < most_targets_named; ++i) {
    audit.detail += (i == 0 ? "" : ", ") + policy::text_of(target_of(rows[i]));
  }
  if (rows.size() > most_targets_named) {
    audit.detail += " and " + std::to_string(rows.size() - most_targets_named) + " more";
  }
  return audit;
}

}  // namespace

class Store::Impl {
 public:
  Impl(FileLock lock, std::filesystem::path file, SQLite::Database writing, const StoreOptions& options,
       std::uint64_t closed)
      : lock_(std::move(lock)),
        file_(std::move(file)),
        closed_at_start(closed),
        last_session(last_session_id(writing)),
        last_visit(last_visit_id(writing)),
        last_audit(last_audit_id(writing)),
        writer(std::move(writing), file_, options.queue_capacity, options.watcher),
        reading_(file_.string(), SQLite::OPEN_READONLY | one_thread_at_a_time, busy_timeout_ms) {}

  // One consistent view for all that `work` asks.
  template <typename Work>
  auto read(Work&& work) -> Result<std::invoke_result_t<Work, SQLite::Database&>> {
    const std::lock_guard lock(reading_mutex_);
    try {
      SQLite::Transaction view(reading_);
      return work(reading_);
    } catch (const SQLite::Exception& exception) {
      return std::unexpected(fault_of(exception, "reading the store", file_, reading_.getHandle()));
    } catch (const DamagedRow& exception) {
      return std::unexpected(damaged(file_, exception.what()));
    }
  }

  void number(AuditRow& audit) {
    if (audit.id == 0) audit.id = ++last_audit;
  }

 private:
  FileLock lock_;
  std::filesystem::path file_;

 public:
  const std::uint64_t closed_at_start;
  std::atomic<std::uint64_t> last_session;
  std::atomic<std::uint64_t> last_visit;
  std::atomic<std::uint64_t> last_audit;
  Writer writer;

 private:
  // Closed before the writer's connection: the last one to close clears the log away, and this one may not write.
  std::mutex reading_mutex_;
  SQLite::Database reading_;
};

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(const StoreOptions& options) {
  auto lock = FileLock::take(options.file);
  if (!lock) return std::unexpected(lock.error());
  try {
    auto database = open_database(options.file);
    if (!database) return std::unexpected(database.error());
    const auto closed = begin_life(*database, now());
    auto impl = std::make_unique<Impl>(std::move(*lock), options.file, std::move(*database), options, closed);
    return std::unique_ptr<Store>(new Store(std::move(impl)));
  } catch (const SQLite::Exception& exception) {
    return std::unexpected(fault_of(exception, "opening the store", options.file, nullptr));
  } catch (const DamagedRow& exception) {
    return std::unexpected(damaged(options.file, exception.what()));
  }
}

std::uint64_t Store::sessions_closed_at_start() const {
  return impl_->closed_at_start;
}
std::uint64_t Store::next_session_id() {
  return ++impl_->last_session;
}
std::uint64_t Store::next_visit_id() {
  return ++impl_->last_visit;
}
std::uint64_t Store::next_audit_id() {
  return ++impl_->last_audit;
}

bool Store::submit_session_opened(SessionRow session, AuditRow audit, Written written) {
  impl_->number(audit);
  return impl_->writer.submit_opened(std::move(session), std::move(audit), std::move(written));
}

void Store::submit_session_ended(SessionEnd end) {
  impl_->writer.submit_ended(std::move(end));
}

bool Store::submit_audit(AuditRow audit) {
  impl_->number(audit);
  return impl_->writer.submit_audit(std::move(audit));
}

bool Store::has_room() const {
  return impl_->writer.has_room();
}
StoreHealth Store::health() const {
  return impl_->writer.health();
}

Result<PolicyRecord> Store::load_policy() {
  return impl_->read(
      [](SQLite::Database& database) { return PolicyRecord{current_policy_version(database), read_policy(database)}; });
}

Result<std::optional<PolicyVersion>> Store::policy_version(std::uint64_t version) {
  return impl_->read([&](SQLite::Database& database) { return read_policy_version(database, version); });
}

Result<std::vector<PolicyVersion>> Store::policy_versions(std::uint64_t before, std::size_t limit) {
  return impl_->read([&](SQLite::Database& database) { return read_policy_versions(database, before, limit); });
}

Result<std::uint64_t> Store::save_policy(const policy::Document& document, std::uint64_t expected_version,
                                         AuditRow audit) {
  impl_->number(audit);
  const auto version = expected_version + 1;
  auto saved = impl_->writer.perform([&](Writer::Desk& desk) -> Result<void> {
    const auto current = current_policy_version(desk.database);
    if (current != expected_version) {
      return failure("the policy in force is version " + std::to_string(current) + " and not " +
                         std::to_string(expected_version) + ": it was changed in between",
                     "look at the difference again and apply anew");
    }
    replace_policy(desk.database, document, version, audit.author, audit.time);
    desk.audit.add(audit);
    return {};
  });
  if (!saved) return std::unexpected(saved.error());
  return version;
}

Result<LiveBans> Store::load_bans(WallTime now) {
  return impl_->read([&](SQLite::Database& database) { return read_live_bans(database, now); });
}

Result<std::vector<std::uint64_t>> Store::add_bans(std::span<const BanRow> bans, const std::string& author) {
  std::vector<std::uint64_t> ids;
  if (bans.empty()) return ids;
  auto audit =
      ban_audit("ban_added", author, bans, [](const BanRow& row) -> const policy::BanTarget& { return row.target; });
  impl_->number(audit);
  if (bans.size() == 1 && !bans.front().reason.empty()) audit.detail += " (" + bans.front().reason + ")";
  auto added = impl_->writer.perform([&](Writer::Desk& desk) -> Result<void> {
    ids = insert_bans(desk.database, bans, author, audit.time);
    desk.audit.add(audit);
    return {};
  });
  if (!added) return std::unexpected(added.error());
  return ids;
}

Result<std::vector<policy::BanTarget>> Store::remove_bans(std::span<const policy::BanTarget> targets,
                                                          const std::string& author) {
  std::vector<policy::BanTarget> removed;
  if (targets.empty()) return removed;
  auto done = impl_->writer.perform([&](Writer::Desk& desk) -> Result<void> {
    removed = delete_bans(desk.database, targets, author, now());
    if (removed.empty()) return {};
    auto audit = ban_audit("ban_removed", author, std::span<const policy::BanTarget>(removed),
                           [](const policy::BanTarget& target) { return target; });
    impl_->number(audit);
    desk.audit.add(audit);
    return {};
  });
  if (!done) return std::unexpected(done.error());
  return removed;
}

Result<std::vector<BanRow>> Store::bans_with_ids(std::span<const std::uint64_t> ids, WallTime now) {
  return impl_->read([&](SQLite::Database& database) { return read_bans_with_ids(database, ids, now); });
}

Result<ExpiredBans> Store::expire_bans(WallTime now, std::size_t most) {
  ExpiredBans expired;
  auto done = impl_->writer.perform([&](Writer::Desk& desk) -> Result<void> {
    expired = store::expire_bans(desk.database, now, most);
    return {};
  });
  if (!done) return std::unexpected(done.error());
  return expired;
}

Result<std::vector<TokenRow>> Store::tokens() {
  return impl_->read([](SQLite::Database& database) { return read_tokens(database); });
}

Result<bool> Store::add_token(const TokenRow& token, AuditRow audit) {
  impl_->number(audit);
  bool added = false;
  auto done = impl_->writer.perform([&](Writer::Desk& desk) -> Result<void> {
    added = insert_token(desk.database, token);
    if (added) desk.audit.add(audit);
    return {};
  });
  if (!done) return std::unexpected(done.error());
  return added;
}

Result<std::vector<std::string>> Store::remove_tokens(const std::vector<std::string>& names, AuditRow audit) {
  impl_->number(audit);
  std::vector<std::string> removed;
  auto done = impl_->writer.perform([&](Writer::Desk& desk) -> Result<void> {
    removed = delete_tokens(desk.database, names);
    if (removed.empty()) return {};
    for (const auto& name : removed) audit.detail += (audit.detail.empty() ? "" : ", ") + name;
    desk.audit.add(audit);
    return {};
  });
  if (!done) return std::unexpected(done.error());
  return removed;
}

Result<RetentionOutcome> Store::remove_due(const RetentionRules& rules, WallTime now) {
  RetentionOutcome outcome;
  if (!rules.any()) return outcome;
  // Looked at beside the writer first, which has nothing to do with it most of the time.
  const auto due = impl_->read([&](SQLite::Database& database) { return plan_retention(database, rules, now); });
  if (!due) return std::unexpected(due.error());
  outcome.fault = due->audit_stays;
  if (due->rows() == 0) return outcome;
  auto done = impl_->writer.perform([&](Writer::Desk& desk) -> Result<void> {
    const auto plan = plan_retention(desk.database, rules, now);
    outcome = {.removed = plan.rows(), .fault = plan.audit_stays};
    if (plan.rows() == 0) return {};
    AuditRow audit;
    audit.time = now;
    audit.action = retention_action;
    audit.detail = detail_of(plan);
    impl_->number(audit);
    remove_planned(desk.database, plan, audit.id);
    desk.audit.add(audit);
    return {};
  });
  if (!done) return std::unexpected(done.error());
  return outcome;
}

Result<std::vector<BackendCertificateRow>> Store::backend_certificates() {
  return impl_->read([](SQLite::Database& database) { return read_backend_certificates(database); });
}

Result<void> Store::keep_backend_certificate(const BackendCertificateRow& row, AuditRow audit) {
  impl_->number(audit);
  return impl_->writer.perform([&](Writer::Desk& desk) -> Result<void> {
    replace_backend_certificate(desk.database, row);
    desk.audit.add(audit);
    return {};
  });
}

Result<std::vector<DeviceRow>> Store::devices() {
  return impl_->read([](SQLite::Database& database) { return read_devices(database); });
}

Result<void> Store::keep_devices(std::span<const DeviceRow> rows) {
  return impl_->writer.perform([&](Writer::Desk& desk) -> Result<void> {
    replace_devices(desk.database, rows);
    return {};
  });
}

Result<std::vector<RdpAccountRow>> Store::rdp_accounts() {
  return impl_->read([](SQLite::Database& database) { return read_rdp_accounts(database); });
}

Result<void> Store::set_rdp_account(const RdpAccountRow& row, AuditRow audit) {
  impl_->number(audit);
  return impl_->writer.perform([&](Writer::Desk& desk) -> Result<void> {
    replace_rdp_account(desk.database, row);
    desk.audit.add(audit);
    return {};
  });
}

Result<bool> Store::remove_rdp_account(const std::string& name, AuditRow audit) {
  impl_->number(audit);
  bool removed = false;
  auto done = impl_->writer.perform([&](Writer::Desk& desk) -> Result<void> {
    removed = delete_rdp_account(desk.database, name);
    if (removed) desk.audit.add(audit);
    return {};
  });
  if (!done) return std::unexpected(done.error());
  return removed;
}

Result<std::vector<RdpCredentialRow>> Store::rdp_credentials() {
  return impl_->read([](SQLite::Database& database) { return read_rdp_credentials(database); });
}

Result<void> Store::set_rdp_credential(const RdpCredentialRow& row, AuditRow audit) {
  impl_->number(audit);
  return impl_->writer.perform([&](Writer::Desk& desk) -> Result<void> {
    replace_rdp_credential(desk.database, row);
    desk.audit.add(audit);
    return {};
  });
}

Result<bool> Store::remove_rdp_credential(const std::string& server, const std::string& user, AuditRow audit) {
  impl_->number(audit);
  bool removed = false;
  auto done = impl_->writer.perform([&](Writer::Desk& desk) -> Result<void> {
    removed = delete_rdp_credential(desk.database, server, user);
    if (removed) desk.audit.add(audit);
    return {};
  });
  if (!done) return std::unexpected(done.error());
  return removed;
}

Result<void> Store::write_audit(AuditRow audit) {
  impl_->number(audit);
  return impl_->writer.perform([&](Writer::Desk& desk) -> Result<void> {
    desk.audit.add(audit);
    return {};
  });
}

Result<std::vector<BanRow>> Store::bans_by_name(WallTime now, policy::BanKind kind, const std::string& after,
                                                std::size_t limit) {
  return impl_->read([&](SQLite::Database& database) { return read_bans_by_name(database, now, kind, after, limit); });
}
Result<std::vector<BanRow>> Store::bans(WallTime now, const BanQuery& query) {
  return impl_->read([&](SQLite::Database& database) { return read_bans(database, now, query); });
}

Result<Page<BanEvent>> Store::ban_history(const BanHistoryQuery& query) {
  return impl_->read([&](SQLite::Database& database) { return read_ban_history(database, query); });
}

Result<Page<SessionRow>> Store::sessions(const SessionQuery& query) {
  return impl_->read([&](SQLite::Database& database) { return read_sessions(database, query); });
}

Result<Page<VisitRow>> Store::visits(const VisitQuery& query) {
  return impl_->read([&](SQLite::Database& database) { return read_visits(database, query); });
}

Result<Page<AuditRow>> Store::audit(const AuditQuery& query) {
  return impl_->read([&](SQLite::Database& database) { return read_audit(database, query, now()); });
}

Result<AuditFinding> Store::verify_audit(std::uint64_t after, std::uint64_t beside, std::size_t limit) {
  return impl_->read([&](SQLite::Database& database) { return verify_chain(database, after, beside, limit); });
}

}  // namespace gatehouse::store
