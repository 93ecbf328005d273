#include "daemon/event_feed.h"

#include "daemon/json.h"

namespace gatehouse::daemon {
namespace {

using admin::EventKind;
using nlohmann::json;

// One event for each, and one that counts the rest.
template <typename Rows, typename ToJson>
void publish_each(admin::EventHub& hub, EventKind kind, const Rows& rows, ToJson&& to_json) {
  if (!hub.is_wanted()) return;
  std::size_t told = 0;
  for (const auto& row : rows) {
    if (told == EventFeed::most_told) {
      hub.publish(kind, {{"more", rows.size() - told}});
      return;
    }
    hub.publish(kind, to_json(row));
    ++told;
  }
}

}  // namespace

void EventFeed::opened(const store::SessionRow& session) {
  hub_->publish(EventKind::session_opened, {{"id", session.id},
                                            {"user", session.user},
                                            {"server", session.server},
                                            {"service", session.service},
                                            {"grant", session.grant},
                                            {"protocol", session.protocol},
                                            {"client", session.client.text()},
                                            {"proxy", session.proxy.text()},
                                            {"backend", session.backend.text()},
                                            {"policy_version", session.policy_version},
                                            {"visit", session.visit},
                                            {"started", format_time(session.started)}});
}

void EventFeed::ended(const store::SessionEnd& end) {
  hub_->publish(EventKind::session_ended, {{"id", end.id},
                                           {"user", end.user},
                                           {"service", end.service},
                                           {"visit", end.visit},
                                           {"visit_over", end.visit_over},
                                           {"ended", format_time(end.ended)},
                                           {"bytes_from_client", end.bytes_from_client},
                                           {"bytes_to_client", end.bytes_to_client},
                                           {"peak_bytes_per_second", end.peak_rate},
                                           {"end_reason", policy::name(end.reason)},
                                           {"end_detail", end.detail}});
}

void EventFeed::audited(const store::AuditRow& row) {
  if (row.action == "session_denied") {
    hub_->publish(EventKind::session_denied, json_of(row));
  } else if (row.action == "kernel_denied") {
    hub_->publish(EventKind::kernel_denied, json_of(row));
  }
}

void EventFeed::bans_added(std::span<const store::BanRow> bans) {
  publish_each(*hub_, EventKind::ban_added, bans, [](const store::BanRow& row) { return json_of(row); });
}

void EventFeed::bans_removed(std::span<const policy::BanTarget> targets, const std::string& author) {
  publish_each(*hub_, EventKind::ban_removed, targets, [&](const policy::BanTarget& target) {
    auto data = json_of_target(target);
    data["author"] = author;
    return data;
  });
}

void EventFeed::bans_expired(std::span<const policy::BanTarget> targets) {
  publish_each(*hub_, EventKind::ban_expired, targets, json_of_target);
}

void EventFeed::policy_applied(std::uint64_t version, const std::string& author, std::size_t sessions_ended) {
  hub_->publish(EventKind::policy_applied,
                {{"policy_version", version}, {"author", author}, {"sessions_ended", sessions_ended}});
}

void EventFeed::alarm(const std::string& name, const Error* error) {
  if (error != nullptr) {
    hub_->publish(EventKind::alarm_raised, {{"name", name}, {"what", error->what}, {"mend", error->mend}});
  } else {
    hub_->publish(EventKind::alarm_cleared, {{"name", name}});
  }
}

}  // namespace gatehouse::daemon
