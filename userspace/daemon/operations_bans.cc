// Daemon: bans. Stored first, then in the kernel, then in the loops (which ends the sessions they cover); gone in the
// opposite order.
#include <spdlog/spdlog.h>

#include <set>

#include "daemon/daemon.h"
#include "daemon/json.h"

namespace gatehouse::daemon {
namespace {

constexpr std::size_t most_listed = 1000;             // of one change in its answer; the rest is counted
constexpr std::size_t most_expired_at_once = 20'000;  // the writer has sessions to write as well

std::unexpected<admin::Fault> verdicts_stayed(const std::string& what, const Error& error) {
  return fault(500,
               {what + ", but verdicts that are no longer true stay in the kernel until they run out: " + error.what,
                "it is tried again each second; see `gatehouse doctor`"});
}

// Bans by how they are asked: networks in the kernel and the table, names in the table alone.
store::LiveBans live_bans_of(const std::vector<store::BanRow>& rows) {
  store::LiveBans bans;
  bans.networks.reserve(rows.size());
  for (const auto& row : rows) {
    if (const auto* network = std::get_if<Prefix>(&row.target)) {
      bans.networks.push_back({row.id, *network, row.expires});
    } else {
      const auto& named = std::get<policy::NamedTarget>(row.target);
      bans.names.push_back({row.id, named.subject, named.name, row.expires});
    }
  }
  return bans;
}

struct Lifted {
  std::vector<Prefix> networks;
  std::vector<policy::NameBan> names;
};

Lifted lifted_of(const std::vector<policy::BanTarget>& targets) {
  Lifted lifted;
  for (const auto& target : targets) {
    if (const auto* network = std::get_if<Prefix>(&target)) {
      lifted.networks.push_back(*network);
    } else {
      const auto& named = std::get<policy::NamedTarget>(target);
      lifted.names.push_back({0, named.subject, named.name, std::nullopt});
    }
  }
  return lifted;
}

std::shared_ptr<const policy::BanTable> changed(const policy::BanTable& table, const store::LiveBans& added,
                                                const Lifted& lifted) {
  auto next = table.with(added.networks, lifted.networks);
  if (added.names.empty() && lifted.names.empty()) return next;
  return next->with_names(table.names().with(added.names, lifted.names));
}

nlohmann::json texts_of(std::span<const policy::BanTarget> targets) {
  auto list = nlohmann::json::array();
  for (const auto& target : targets.first(std::min(targets.size(), most_listed))) {
    list.push_back(policy::text_of(target));
  }
  return list;
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

admin::Outcome Daemon::bans(const admin::BansRequest& request) {
  auto rows = store_->bans(now(), {.kind = request.kind, .target = request.target, .limit = request.limit});
  if (!rows) return unavailable(rows.error());
  auto list = nlohmann::json::array();
  for (const auto& row : *rows) list.push_back(json_of(row));
  return nlohmann::json{{"bans", std::move(list)}, {"total", snapshot_.bans->size() + snapshot_.bans->names().size()}};
}

admin::Outcome Daemon::ban_history(const admin::BansRequest& request) {
  auto page = store_->ban_history(
      {.kind = request.kind, .target = request.target, .before_id = request.before_id, .limit = request.limit});
  if (!page) return unavailable(page.error());
  auto list = nlohmann::json::array();
  for (const auto& each : page->rows) {
    auto event = json_of_target(each.target);
    event["id"] = each.id;
    event["ban_id"] = each.ban_id;
    event["event"] = each.event;
    event["time"] = format_time(each.time);
    event["author"] = each.author;
    event["reason"] = each.reason;
    event["expires"] = json_of(each.expires);
    list.push_back(std::move(event));
  }
  return page_of("events", std::move(list), *page);
}

// What the policy does not have may come; the answer says so, for it may be a slip of the pen.
nlohmann::json Daemon::notes_on(const std::vector<store::BanRow>& rows) const {
  auto notes = nlohmann::json::array();
  const auto& document = snapshot_.policy->document();
  for (const auto& row : rows) {
    const auto* named = std::get_if<policy::NamedTarget>(&row.target);
    if (named == nullptr) continue;
    const bool absent = (named->subject == policy::Subject::user && !document.users.contains(named->name)) ||
                        (named->subject == policy::Subject::server && !document.servers.contains(named->name));
    if (!absent) continue;
    notes.push_back("the policy has no " + std::string(policy::name(policy::kind_of(row.target))) + " " + named->name +
                    ": the ban stands, and counts as soon as it has");
    if (notes.size() == most_listed) break;
  }
  return notes;
}

admin::Outcome Daemon::add_bans(const std::vector<admin::BanRequest>& requests, const admin::Peer& peer) {
  return add_bans_of(requests, peer.text());
}

admin::Outcome Daemon::add_bans_of(const std::vector<admin::BanRequest>& requests, const std::string& author) {
  const auto time = now();
  std::vector<store::BanRow> rows;
  rows.reserve(requests.size());
  for (const auto& request : requests) {
    if (request.expires && *request.expires <= time) {
      return fault(400, {"the ban of " + policy::text_of(request.target) + " would have ended at " +
                             format_time(*request.expires),
                         "give a moment to come, or none for a permanent ban"});
    }
    rows.push_back({.id = 0,
                    .target = request.target,
                    .expires = request.expires,
                    .reason = request.reason,
                    .author = author,
                    .created = time});
  }
  if (auto kept = keep_devices_of(rows); !kept) return unavailable(kept.error());
  auto ids = store_->add_bans(rows, author);
  if (!ids) return unavailable(ids.error());

  auto added = nlohmann::json::array();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto& row = rows[i];
    row.id = ids->at(i);
    if (row.expires && (!next_ban_end_ || *row.expires < *next_ban_end_)) next_ban_end_ = row.expires;
    if (added.size() == most_listed) continue;
    added.push_back(json_of_target(row.target));
    added.back()["id"] = row.id;
  }
  const auto bans = live_bans_of(rows);
  const auto in_kernel = dataplane_->add_bans(bans.networks);
  const auto consequences = put_in_force({snapshot_.policy, changed(*snapshot_.bans, bans, {})});
  events_->bans_added(rows);
  spdlog::info("{} bans added by {}: {} sessions ended", rows.size(), author, consequences.sessions_ended);
  follow_bans(in_kernel);
  if (!in_kernel) {
    return fault(500,
                 {"the bans are stored and in force in the daemon, but not in the kernel: " + in_kernel.error().what,
                  in_kernel.error().mend});
  }
  if (consequences.fault) return verdicts_stayed("the bans are stored and in force", *consequences.fault);
  return nlohmann::json{{"added", std::move(added)},
                        {"added_count", rows.size()},
                        {"sessions_ended", consequences.sessions_ended},
                        {"notes", notes_on(rows)}};
}

admin::Outcome Daemon::remove_bans(const admin::RemoveBansRequest& request, const admin::Peer& peer) {
  return remove_bans_of(request, peer.text());
}

admin::Outcome Daemon::remove_bans_of(const admin::RemoveBansRequest& request, const std::string& author) {
  const auto named = store_->bans_with_ids(request.ids, now());
  if (!named) return unavailable(named.error());
  auto targets = request.targets;
  std::set<std::uint64_t> known_ids;
  for (const auto& row : *named) {
    targets.push_back(row.target);
    known_ids.insert(row.id);
  }
  auto removed = store_->remove_bans(targets, author);
  if (!removed) return unavailable(removed.error());
  const auto lifted = lifted_of(*removed);
  const auto consequences = put_in_force({snapshot_.policy, changed(*snapshot_.bans, {}, lifted)});
  const auto in_kernel = dataplane_->remove_bans(lifted.networks);
  events_->bans_removed(*removed, author);
  spdlog::info("{} bans removed by {}", removed->size(), author);
  follow_bans(in_kernel);
  if (!in_kernel) {
    return fault(500,
                 {"the bans are gone from the store and the daemon, but not from the kernel: " + in_kernel.error().what,
                  in_kernel.error().mend});
  }
  if (consequences.fault) return verdicts_stayed("the bans are gone", *consequences.fault);

  const std::set<policy::BanTarget> gone(removed->begin(), removed->end());
  std::vector<policy::BanTarget> unknown;
  std::ranges::copy_if(targets, std::back_inserter(unknown),
                       [&](const auto& target) { return !gone.contains(target); });
  auto unknown_ids = nlohmann::json::array();
  for (const auto id : request.ids) {
    if (!known_ids.contains(id)) unknown_ids.push_back(id);
  }
  return nlohmann::json{{"removed", texts_of(*removed)},
                        {"removed_count", removed->size()},
                        {"unknown", texts_of(unknown)},
                        {"unknown_count", unknown.size() + unknown_ids.size()},
                        {"unknown_ids", std::move(unknown_ids)}};
}

// What has ended is enforced no longer, whatever happens here: this takes it out of the tables and puts it into the
// history. While the store is at fault it waits.
void Daemon::expire_bans() {
  const auto time = now();
  if (!next_ban_end_ || *next_ban_end_ > time || store_->health().alarm) return;
  const auto expired = store_->expire_bans(time, most_expired_at_once);
  if (!expired) return;
  next_ban_end_ = expired->next;
  if (expired->targets.empty()) return;
  // The kernel's part is done by Dataplane::sweep().
  put_in_force({snapshot_.policy, changed(*snapshot_.bans, {}, lifted_of(expired->targets))});
  events_->bans_expired(expired->targets);
  spdlog::info("{} bans have ended", expired->targets.size());
}

}  // namespace gatehouse::daemon
