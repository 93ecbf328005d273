// Daemon: recordings of RDP sessions: which there are, what is in them, which key vouches for them, and which go.
#include <spdlog/spdlog.h>

#include "daemon/daemon.h"
#include "daemon/json.h"
#include "rdp/recording_search.h"
#include "rdp/recordings.h"

namespace gatehouse::daemon {
namespace {

// The control thread has other work: a page ends after so long, and the next request goes on.
constexpr std::chrono::milliseconds longest_look{150};
constexpr std::size_t most_told = 1000;  // of the recordings that were removed

admin::Outcome nothing_recorded() {
  return fault(404, {"nothing is recorded here", "set `recordings` of `rdp` in the configuration"});
}

bool is_wanted(const admin::RecordingsRequest& request, const rdp::RecordingEntry& entry) {
  if (request.only_open && entry.state != rdp::RecordingState::open) return false;
  // Of one that nobody can say anything about nothing is hidden, unless something is asked for.
  const bool asks = request.user || request.server || request.service || request.since || request.until;
  if (!entry.identity) return !asks;
  const auto& identity = *entry.identity;
  const auto started = parse_time(identity.started);
  return (!request.user || identity.user == *request.user) && (!request.server || identity.server == *request.server) &&
         (!request.service || identity.service == *request.service) &&
         (!request.since || (started && *started >= *request.since)) &&
         (!request.until || (started && *started < *request.until));
}

nlohmann::json row_of(const rdp::RecordingEntry& entry) {
  nlohmann::json row{{"id", entry.session},
                     {"state", rdp::name(entry.state)},
                     {"bytes", entry.bytes},
                     {"last_written", json_of(entry.last_written)},
                     {"fault", entry.fault.empty() ? nlohmann::json(nullptr) : nlohmann::json(entry.fault)}};
  const auto identity = entry.identity.value_or(rdp::RecordingIdentity{});
  row["user"] = identity.user;
  row["server"] = identity.server;
  row["service"] = identity.service;
  row["grant"] = identity.grant;
  row["client"] = identity.client;
  row["started"] = identity.started.empty() ? nlohmann::json(nullptr) : nlohmann::json(identity.started);
  return row;
}

// Newest first, each that is wanted to `take`, which says how many rows it made.
template <typename Take>
Result<nlohmann::json> each_recording(const std::filesystem::path& recordings, const admin::RecordingsRequest& request,
                                      Take&& take) {
  const auto sessions = rdp::recorded_sessions(recordings, request.before_id);
  if (!sessions) return std::unexpected(sessions.error());
  const auto until = std::chrono::steady_clock::now() + longest_look;
  std::uint64_t next = request.before_id;
  std::size_t rows = 0;
  for (const auto session : *sessions) {
    if (rows >= request.limit || (next != request.before_id && std::chrono::steady_clock::now() > until)) {
      return nlohmann::json{{"next", next}, {"complete", false}};
    }
    next = session;
    const auto entry = rdp::look_at_recording(recordings, session);
    if (entry && is_wanted(request, *entry)) rows += take(*entry);
  }
  return nlohmann::json{{"next", next}, {"complete", true}};
}

}  // namespace

admin::Outcome Daemon::recordings(const admin::RecordingsRequest& request) {
  if (!recording_keeper_) return nothing_recorded();
  auto list = nlohmann::json::array();
  auto page = each_recording(recording_keeper_->recordings(), request, [&](const rdp::RecordingEntry& entry) {
    list.push_back(row_of(entry));
    return 1U;
  });
  if (!page) return unavailable(page.error());
  (*page)["recordings"] = std::move(list);
  return std::move(*page);
}

admin::Outcome Daemon::search_recordings(const admin::RecordingsRequest& request, const std::string& text) {
  if (!recording_keeper_) return nothing_recorded();
  const auto& recordings = recording_keeper_->recordings();
  auto list = nlohmann::json::array();
  auto page = each_recording(recordings, request, [&](const rdp::RecordingEntry& entry) -> std::size_t {
    const auto found = rdp::search_recording(rdp::recording_of(recordings, entry.session), entry.identity, text);
    if (found.list.empty() && found.complete) return 0;
    auto row = row_of(entry);
    row["complete"] = found.complete;
    row["matches"] = nlohmann::json::array();
    for (const auto& match : found.list) {
      row["matches"].push_back({{"t", match.time ? nlohmann::json(*match.time) : nlohmann::json(nullptr)},
                                {"event", match.event},
                                {"text", match.text}});
    }
    list.push_back(std::move(row));
    return 1;
  });
  if (!page) return unavailable(page.error());
  (*page)["recordings"] = std::move(list);
  return std::move(*page);
}

admin::Outcome Daemon::recording_key() {
  if (!recording_keeper_) return nothing_recorded();
  const auto& key = rdp_->recording_key->public_key();
  return nlohmann::json{{"key", rdp::pem_of(key)},
                        {"hexadecimal", rdp::hexadecimal(key)},
                        {"directory", recording_keeper_->recordings().string()}};
}

admin::Outcome Daemon::prune_recordings(const admin::PruneRequest& request, const admin::Peer& peer) {
  if (!recording_keeper_) return nothing_recorded();
  rdp::RetentionOfRecordings rules{.age = request.older_than, .size = request.over};
  if (!rules.any()) rules = recording_keeper_->rules();
  if (!rules.any()) {
    return fault(400, {"nothing says which recordings shall go",
                       "send older_than or over, or set `keep_recordings` of `rdp` in the configuration"});
  }
  const auto number = recording_keeper_->begin({.rules = rules, .dry_run = request.dry_run, .author = peer.text()});
  spdlog::info("recordings are pruned, asked by {}", peer.text());
  return nlohmann::json{{"pass", number}};
}

admin::Outcome Daemon::prune_outcome(std::uint64_t pass) {
  const auto outcome = recording_keeper_ ? recording_keeper_->outcome(pass) : std::nullopt;
  if (!outcome) return fault(404, {"there is no pass " + std::to_string(pass), "take the number that was answered"});
  if (outcome->fault) return unavailable(*outcome->fault);
  auto removed = nlohmann::json::array();
  std::uint64_t bytes = 0;
  for (const auto& each : outcome->removed) {
    bytes += each.bytes;
    if (removed.size() < most_told) removed.push_back(each.session);
  }
  return nlohmann::json{{"pass", outcome->number},
                        {"done", outcome->done},
                        {"dry_run", outcome->dry_run},
                        {"removed", std::move(removed)},
                        {"removed_count", outcome->removed.size()},
                        {"removed_bytes", bytes}};
}

}  // namespace gatehouse::daemon
