// Daemon: bans. Stored first, then in the kernel, then in the loops (which ends the sessions they cover); gone in the
// opposite order.
#include <spdlog/spdlog.h>

#include "daemon/daemon.h"
#include "daemon/json.h"

namespace gatehouse::daemon {
namespace {

std::unexpected<admin::Fault> verdicts_stayed(const std::string& what, const Error& error) {
  return fault(500,
               {what + ", but verdicts that are no longer true stay in the kernel until they run out: " + error.what,
                "it is tried again each second; see `gatehouse doctor`"});
}

}  // namespace

// The alarm stands until all of them are in the kernel, not only the last ones.
void Daemon::follow_bans(const Result<void>& changed) {
  if (!changed) {
    alarms_.raise("bans", changed.error());
  } else if (dataplane_->status().bans_in_step) {
    alarms_.clear("bans");
  }
}

admin::Outcome Daemon::bans(std::size_t limit) {
  auto rows = store_->bans(now(), limit);
  if (!rows) return unavailable(rows.error());
  auto list = nlohmann::json::array();
  for (const auto& row : *rows) {
    list.push_back({{"id", row.ban.id},
                    {"network", row.ban.network.text()},
                    {"reason", row.reason},
                    {"author", row.author},
                    {"created", format_time(row.created)},
                    {"expires", json_of(row.ban.expires)}});
  }
  return nlohmann::json{{"bans", std::move(list)}, {"total", snapshot_.bans->size()}};
}

admin::Outcome Daemon::add_bans(const std::vector<admin::BanRequest>& requests, const admin::Peer& peer) {
  const auto time = now();
  std::vector<store::BanRow> rows;
  rows.reserve(requests.size());
  for (const auto& request : requests) {
    if (request.expires && *request.expires <= time) {
      return fault(400,
                   {"the ban of " + request.network.text() + " would have ended at " + format_time(*request.expires),
                    "give a moment to come, or none for a permanent ban"});
    }
    rows.push_back({.ban = {.id = 0, .network = request.network, .expires = request.expires},
                    .reason = request.reason,
                    .author = peer.text(),
                    .created = time});
  }
  auto ids = store_->add_bans(rows, peer.text());
  if (!ids) return unavailable(ids.error());

  std::vector<policy::Ban> bans;
  bans.reserve(rows.size());
  auto added = nlohmann::json::array();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].ban.id = ids->at(i);
    bans.push_back(rows[i].ban);
    added.push_back({{"id", rows[i].ban.id}, {"network", rows[i].ban.network.text()}});
  }
  const auto in_kernel = dataplane_->add_bans(bans);
  const auto consequences = put_in_force({snapshot_.policy, snapshot_.bans->with(bans, {})});
  spdlog::info("{} bans added by {}: {} sessions ended", bans.size(), peer.text(), consequences.sessions_ended);
  follow_bans(in_kernel);
  if (!in_kernel) {
    return fault(500,
                 {"the bans are stored and in force in the daemon, but not in the kernel: " + in_kernel.error().what,
                  in_kernel.error().mend});
  }
  if (consequences.fault) return verdicts_stayed("the bans are stored and in force", *consequences.fault);
  return nlohmann::json{{"added", std::move(added)}, {"sessions_ended", consequences.sessions_ended}};
}

admin::Outcome Daemon::remove_bans(const std::vector<Prefix>& networks, const admin::Peer& peer) {
  auto removed = store_->remove_bans(networks, peer.text());
  if (!removed) return unavailable(removed.error());
  const auto consequences = put_in_force({snapshot_.policy, snapshot_.bans->with({}, *removed)});
  const auto in_kernel = dataplane_->remove_bans(*removed);
  spdlog::info("{} bans removed by {}", removed->size(), peer.text());
  follow_bans(in_kernel);
  if (!in_kernel) {
    return fault(500,
                 {"the bans are gone from the store and the daemon, but not from the kernel: " + in_kernel.error().what,
                  in_kernel.error().mend});
  }
  if (consequences.fault) return verdicts_stayed("the bans are gone", *consequences.fault);
  auto answer = nlohmann::json{{"removed", nlohmann::json::array()}, {"unknown", nlohmann::json::array()}};
  std::unordered_map<Prefix, bool> gone;
  for (const auto& network : *removed) {
    gone.emplace(network, true);
    answer["removed"].push_back(network.text());
  }
  for (const auto& network : networks) {
    if (!gone.contains(network)) answer["unknown"].push_back(network.text());
  }
  return answer;
}

}  // namespace gatehouse::daemon
