// Daemon: bans out of the database of a RustDesk console, once and at an operator's word.
#include <algorithm>

#include "daemon/daemon.h"
#include "daemon/json.h"
#include "store/console_database.h"

namespace gatehouse::daemon {
namespace {

constexpr std::size_t most_imported = 1000;

}  // namespace

admin::Outcome Daemon::import_device_bans(const admin::DeviceBanImport& request, const admin::Peer& peer) {
  const auto found = store::read_console_bans(request.path, store::CountDevices::yes);
  if (!found) return fault(400, found.error());
  const auto time = now();
  std::vector<admin::BanRequest> requests;
  for (const auto& ban : found->bans) {
    if (snapshot_.bans->names().find(policy::Subject::device, ban.id, time) != nullptr) continue;
    requests.push_back({.target = policy::NamedTarget{policy::Subject::device, ban.id},
                        .reason = store::reason_of(ban),
                        .expires = std::nullopt});
  }
  std::size_t sessions_ended = 0;
  if (!request.dry_run && !requests.empty()) {
    const auto done = add_bans(requests, peer);
    if (!done) return done;
    sessions_ended = done->at("sessions_ended").get<std::size_t>();
  }
  auto added = nlohmann::json::array();
  for (std::size_t i = 0; i < std::min(requests.size(), most_imported); ++i) {
    added.push_back(policy::name_of(requests[i].target));
  }
  auto refused = nlohmann::json::array();
  for (const auto& row : found->refused) refused.push_back({{"device", row.device}, {"why", row.why}});
  return nlohmann::json{{"dry_run", request.dry_run},
                        {"devices", found->devices},
                        {"banned", found->bans.size() + found->refused_count},
                        {"added", std::move(added)},
                        {"added_count", requests.size()},
                        {"known_count", found->bans.size() - requests.size()},
                        {"refused", std::move(refused)},
                        {"refused_count", found->refused_count},
                        {"sessions_ended", sessions_ended}};
}

}  // namespace gatehouse::daemon
