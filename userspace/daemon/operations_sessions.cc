// Daemon: sessions, visits, kill and audit.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "daemon/daemon.h"
#include "daemon/json.h"

namespace gatehouse::daemon {

namespace {

store::SessionQuery query_of(const admin::SessionsRequest& request) {
  return {.only_open = request.only_open,
          .user = request.user,
          .source = request.source,
          .backend = request.backend,
          .server = request.server,
          .service = request.service,
          .reason = request.reason,
          .since = request.since,
          .until = request.until,
          .before_id = request.before_id,
          .after_id = request.after_id,
          .limit = request.limit};
}

}  // namespace

admin::Outcome Daemon::sessions(const admin::SessionsRequest& request) {
  auto page = store_->sessions(query_of(request));
  if (!page) return unavailable(page.error());
  std::unordered_map<std::uint64_t, gate::LiveSession> live;
  if (std::ranges::any_of(page->rows, [](const auto& row) { return !row.ended; })) {
    for (auto& session : gate_->sessions()) live.emplace(session.id, session);
  }
  auto list = nlohmann::json::array();
  const auto time = now();
  for (const auto& row : page->rows) {
    const auto found = live.find(row.id);
    // A row that is still open while the loops no longer know the session: its end is on the way to the disk.
    if (request.only_open && found == live.end()) continue;
    const bool is_live = found != live.end() && !row.ended;
    const auto seconds = std::chrono::duration<double>(row.ended.value_or(time) - row.started).count();
    list.push_back({{"id", row.id},
                    {"user", row.user},
                    {"server", row.server},
                    {"service", row.service},
                    {"grant", is_live ? found->second.grant : row.grant},
                    {"protocol", row.protocol},
                    {"client", row.client.text()},
                    {"proxy", row.proxy.text()},
                    {"backend", row.backend.text()},
                    {"policy_version", row.policy_version},
                    {"visit", row.visit},
                    {"started", format_time(row.started)},
                    {"ended", json_of(row.ended)},
                    {"duration_seconds", seconds},
                    {"bytes_from_client", is_live ? found->second.bytes_from_client : row.bytes_from_client},
                    {"bytes_to_client", is_live ? found->second.bytes_to_client : row.bytes_to_client},
                    {"peak_bytes_per_second", row.peak_rate},
                    {"end_reason", policy::name(row.end_reason)},
                    {"end_detail", row.end_detail},
                    {"holds_until", is_live ? json_of(found->second.holds_until) : nlohmann::json(nullptr)},
                    {"end_announced_seconds", nullptr}});
    if (is_live && found->second.announced) {
      list.back()["end_announced_seconds"] = std::chrono::duration<double>(*found->second.announced).count();
    }
  }
  return page_of("sessions", std::move(list), *page);
}

admin::Outcome Daemon::visits(const admin::VisitsRequest& request) {
  auto page = store_->visits(query_of(request));
  if (!page) return unavailable(page.error());
  auto list = nlohmann::json::array();
  const auto time = now();
  for (const auto& row : page->rows) {
    list.push_back({{"id", row.id},
                    {"user", row.user},
                    {"source", row.source.text()},
                    {"started", format_time(row.started)},
                    {"ended", json_of(row.ended)},
                    {"duration_seconds", std::chrono::duration<double>(row.ended.value_or(time) - row.started).count()},
                    {"sessions", row.sessions},
                    {"end_reason", policy::name(row.end_reason)}});
  }
  return page_of("visits", std::move(list), *page);
}

admin::Outcome Daemon::kill(const std::vector<std::uint64_t>& ids, const std::optional<std::string>& user,
                            const admin::Peer& peer) {
  std::vector<std::uint64_t> wanted = ids;
  std::map<std::uint64_t, gate::LiveSession> live;
  for (auto& session : gate_->sessions()) {
    if (user && session.user == *user) wanted.push_back(session.id);
    live.emplace(session.id, std::move(session));
  }
  std::ranges::sort(wanted);
  wanted.erase(std::ranges::unique(wanted).begin(), wanted.end());

  std::vector<std::uint64_t> unknown;
  std::ranges::copy_if(wanted, std::back_inserter(unknown), [&](auto id) { return !live.contains(id); });
  // Written before it is done: no operator action without its row.
  for (const auto id : wanted) {
    const auto found = live.find(id);
    if (found == live.end()) continue;
    auto row = audit_of("session_killed", peer.text(), {});
    row.session_id = id;
    row.user = found->second.user;
    row.service = found->second.service;
    row.source = found->second.client.address;
    row.destination = found->second.proxy;
    if (auto written = store_->write_audit(std::move(row)); !written) return unavailable(written.error());
  }
  const auto killed = gate_->end_sessions(wanted, policy::EndReason::killed, "by " + peer.text());
  spdlog::info("{} sessions killed by {}", killed.size(), peer.text());
  if (killed.empty() && !unknown.empty()) {
    return fault(
        404, {"there is no open session " + std::to_string(unknown.front()), "`gatehouse sessions --open` lists them"});
  }
  return nlohmann::json{{"killed", killed}, {"unknown", unknown}};
}

admin::Outcome Daemon::audit(const admin::AuditRequest& request) {
  auto page = store_->audit({.since = request.since,
                             .until = request.until,
                             .action = request.action,
                             .user = request.user,
                             .source = request.source,
                             .server = request.server,
                             .service = request.service,
                             .reason = request.reason,
                             .before_id = request.before_id,
                             .after_id = request.after_id,
                             .limit = request.limit});
  if (!page) return unavailable(page.error());
  auto list = nlohmann::json::array();
  for (const auto& row : page->rows) list.push_back(json_of(row));
  return page_of("rows", std::move(list), *page);
}

admin::Outcome Daemon::verify_audit(const admin::VerifyRequest& request) {
  auto finding = store_->verify_audit(request.after, request.beside, request.limit);
  if (!finding) return unavailable(finding.error());
  if (!finding->fault.empty()) {
    spdlog::error("the audit's chain is broken after position {}: {}", finding->position, finding->fault);
  }
  auto cut = nlohmann::json(nullptr);
  if (finding->cut) cut = {{"position", finding->cut->position}, {"hash", finding->cut->hash}};
  return nlohmann::json{{"position", finding->position},
                        {"hash", finding->hash},
                        {"beside", finding->beside},
                        {"cut", std::move(cut)},
                        {"complete", finding->complete},
                        {"fault", finding->fault.empty() ? nlohmann::json(nullptr) : nlohmann::json(finding->fault)}};
}

}  // namespace gatehouse::daemon
