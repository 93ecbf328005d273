// What the store has written and what the control thread does, as events of the API's stream (admin/event_hub.h).
// docs/api.md describes the data of each.
//
// Threads: the store's writer and the control thread.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "admin/event_hub.h"
#include "base/result.h"
#include "policy/ban_target.h"
#include "store/watcher.h"

namespace gatehouse::daemon {

class EventFeed final : public store::Watcher {
 public:
  static constexpr std::size_t most_told = 1000;  // of one change; the rest is a number

  explicit EventFeed(std::shared_ptr<admin::EventHub> hub) : hub_(std::move(hub)) {}
  [[nodiscard]] const std::shared_ptr<admin::EventHub>& hub() const { return hub_; }

  // store::Watcher
  [[nodiscard]] bool wants() const override { return hub_->is_wanted(); }
  void opened(const store::SessionRow& session) override;
  void ended(const store::SessionEnd& end) override;
  void audited(const store::AuditRow& row) override;

  void bans_added(std::span<const store::BanRow> bans);
  void bans_removed(std::span<const policy::BanTarget> targets, const std::string& author);
  void bans_expired(std::span<const policy::BanTarget> targets);
  void policy_applied(std::uint64_t version, const std::string& author, std::size_t sessions_ended);
  void alarm(const std::string& name, const Error* error);  // nullptr: it is over

 private:
  std::shared_ptr<admin::EventHub> hub_;
};

}  // namespace gatehouse::daemon
