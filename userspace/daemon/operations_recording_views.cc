// Daemon: recordings, for who watches them. Whoever opens one is in the audit before a byte of it is given out.
#include <algorithm>

#include "daemon/daemon.h"
#include "daemon/json.h"
#include "daemon/recording_access.h"

namespace gatehouse::daemon {
namespace {

std::unexpected<admin::Fault> no_recording(std::uint64_t id) {
  return fault(404,
               {"there is no recording of session " + std::to_string(id),
                "it was not recorded, or its recording has been removed: `gatehouse sessions --all` lists sessions"});
}

// A browser by its login, everybody else by what they are.
std::string viewer_of(const admin::Peer& peer) {
  return peer.login > 0 ? "login " + std::to_string(peer.login) : peer.text();
}

}  // namespace

std::expected<Fd, admin::Fault> Daemon::open_recording(std::uint64_t id, const admin::Peer& peer) {
  if (!rdp_ || rdp_->recordings.empty()) {
    return fault(404, {"nothing is recorded here", "set `recordings` of `rdp` in the configuration"});
  }
  auto directory = open_recording_directory(rdp_->recordings, id);
  if (!directory) return unavailable(directory.error());
  if (!*directory) return no_recording(id);
  const auto time = std::chrono::steady_clock::now();
  if (const auto who = viewer_of(peer); recording_views_.is_new(who, id, time)) {
    auto row = audit_of("recording_viewed", peer.text(), peer.login > 0 ? "in a browser" : "");
    row.session_id = id;
    if (!store_->submit_audit(std::move(row))) {
      return unavailable({"the audit has no room for who watches this", "try again in a moment"});
    }
    recording_views_.add(who, id, time);
  }
  return std::move(**directory);
}

admin::Outcome Daemon::recording(std::uint64_t id, const admin::Peer& peer) {
  const auto directory = open_recording(id, peer);
  if (!directory) return std::unexpected(directory.error());
  const auto outline = outline_recording(*directory);
  if (!outline) return unavailable(outline.error());
  const auto page = store_->sessions({.before_id = id + 1, .limit = 1});
  if (!page) return unavailable(page.error());
  const auto* row = !page->rows.empty() && page->rows.front().id == id ? &page->rows.front() : nullptr;
  const bool growing = row != nullptr && !row->ended;
  auto files = nlohmann::json::array();
  for (const auto& file : outline->files) files.push_back({{"name", file.name}, {"size", file.size}});
  nlohmann::json answer{{"id", id},
                        {"growing", growing},
                        {"duration_ms", outline->last_event},
                        {"elapsed_ms", nullptr},
                        {"event_count", nullptr},
                        {"files", std::move(files)},
                        {"session", nullptr}};
  if (growing && outline->began) {
    answer["elapsed_ms"] = std::max<std::int64_t>(outline->last_event, (now() - *outline->began).count());
  }
  if (outline->events) answer["event_count"] = *outline->events;
  if (row != nullptr) {
    answer["session"] = {{"user", row->user},
                         {"server", row->server},
                         {"service", row->service},
                         {"client", row->client.text()},
                         {"started", format_time(row->started)},
                         {"ended", json_of(row->ended)},
                         {"end_reason", policy::name(row->end_reason)}};
  }
  return answer;
}

std::expected<admin::OpenFile, admin::Fault> Daemon::recording_file(std::uint64_t id, const std::string& name,
                                                                    const admin::Peer& peer) {
  if (!is_recording_file(name)) {
    return fault(404, {"a recording has no such file",
                       "it has events.jsonl, chain.jsonl, 000.mp4 and on, and file-00001 and on where files are kept"});
  }
  const auto directory = open_recording(id, peer);
  if (!directory) return std::unexpected(directory.error());
  auto file = open_recorded_file(*directory, name);
  if (!file) return unavailable(file.error());
  if (!*file)
    return fault(404, {"this recording has no " + name + ", or not yet", "GET /v1/recordings/ID lists its files"});
  return admin::OpenFile{std::move((*file)->file), (*file)->size};
}

}  // namespace gatehouse::daemon
