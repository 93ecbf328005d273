// Daemon: RustDesk devices as operators see and approve them. What is known of them is the rendezvous' thread's; why
// and by whom they are banned is the store's.
#include <algorithm>
#include <iterator>
#include <unordered_map>

#include "daemon/daemon.h"
#include "daemon/json.h"
#include "rustdesk/device_lists.h"

namespace gatehouse::daemon {
namespace {

using rustdesk::DeviceBan;
using rustdesk::DeviceView;

constexpr std::size_t most_in_an_answer = 1000;

nlohmann::json word_of(DeviceBan::By by) {
  switch (by) {
    case DeviceBan::By::id:
      return "id";
    case DeviceBan::By::uuid:
      return "uuid";
    case DeviceBan::By::pk:
      return "pk";
    case DeviceBan::By::machine:
      return "machine";
  }
  return nullptr;
}

nlohmann::json time_or_null(WallTime time) {
  return time == WallTime{} ? nlohmann::json(nullptr) : nlohmann::json(format_time(time));
}

nlohmann::json json_of_device(const DeviceView& view, const store::BanRow* ban) {
  auto addresses = nlohmann::json::array();
  for (const auto& address : view.addresses) addresses.push_back(address.text());
  return {{"id", view.id},
          {"online", view.online},
          {"banned", view.ban.has_value()},
          {"ban_id", view.ban ? view.ban->id : 0},
          {"banned_by_what", view.ban ? word_of(view.ban->by) : nlohmann::json(nullptr)},
          {"banned_through", view.ban ? view.ban->through : std::string()},
          {"banned_at", ban != nullptr ? nlohmann::json(format_time(ban->created)) : nlohmann::json(nullptr)},
          {"banned_by", ban != nullptr ? ban->author : std::string()},
          {"ban_reason", ban != nullptr ? ban->reason : std::string()},
          {"ban_expires", view.ban ? json_of(view.ban->expires) : nlohmann::json(nullptr)},
          {"pending", view.pending},
          {"approved", view.approved},
          {"confirmed", view.confirmed},
          {"last_address",
           view.last.port == 0 && view.addresses.empty() ? nlohmann::json(nullptr) : nlohmann::json(view.last.text())},
          {"addresses", std::move(addresses)},
          {"uuid", view.uuid},
          {"public_key", view.pk},
          {"first_seen", time_or_null(view.first_seen)},
          {"last_seen", time_or_null(view.last_seen)},
          {"same_machine", view.same_machine}};
}

}  // namespace

nlohmann::json Daemon::rustdesk_status() {
  const auto counters = rendezvous_->counters();
  auto judged = nlohmann::json::object();
  for (std::size_t check = 0; check < rustdesk::check_count; ++check) {
    for (std::size_t code = 0; code < rustdesk::code_count; ++code) {
      const auto count = counters.judged.judged.at(check).at(code);
      if (count == 0) continue;
      const std::string name(rustdesk::name(static_cast<rustdesk::Check>(check)));
      judged[name + "/" + std::string(rustdesk::name(static_cast<rustdesk::Code>(code)))] = count;
    }
  }
  return {{"devices", counters.devices},
          {"relay_tickets", counters.relay_tickets},
          {"datagrams", counters.datagrams},
          {"datagrams_passed", counters.datagrams_passed},
          {"datagrams_denied", counters.datagrams_denied},
          {"unreadable", counters.unreadable},
          {"unwritten", counters.unwritten},
          {"unsent", counters.unsent},
          {"judged", std::move(judged)}};
}

// Where any service asks for it, a device without approval is pending.
bool Daemon::asks_for_approval() const {
  return std::ranges::any_of(snapshot_.policy->services(), [](const auto& service) {
    return service.spec.kind == policy::Kind::rustdesk && service.spec.rustdesk.enrolment == policy::Enrolment::approve;
  });
}

admin::Outcome Daemon::devices(const admin::DevicesRequest& request) {
  const auto time = now();
  const bool approval = asks_for_approval();
  const rustdesk::DeviceFilter filter{.online = request.online, .banned = request.banned, .pending = request.pending};
  std::vector<DeviceView> views;
  std::optional<std::string> next = request.after;
  std::size_t total = 0;
  // In pieces: between them messages are judged. One more than is asked for says that there are more.
  while (next && views.size() <= request.limit) {
    rendezvous_->ask([&](rustdesk::Inspector& inspector) {
      const auto& table = inspector.devices();
      total = table.size();
      if (request.id) {
        auto view = rustdesk::view_of(table, *request.id, approval, time, filter);
        if (view) views.push_back(std::move(*view));
        next.reset();
        return;
      }
      auto page = rustdesk::list_devices(table, filter, *next, request.limit + 1 - views.size(), approval, time);
      std::ranges::move(page.devices, std::back_inserter(views));
      next = std::move(page.next);
    });
  }
  const bool more = views.size() > request.limit;
  if (more) views.resize(request.limit);
  std::vector<std::uint64_t> ids;
  for (const auto& view : views) {
    if (view.ban) ids.push_back(view.ban->id);
  }
  const auto rows = store_->bans_with_ids(ids, time);
  if (!rows) return unavailable(rows.error());
  std::unordered_map<std::uint64_t, const store::BanRow*> bans;
  for (const auto& row : *rows) bans.emplace(row.id, &row);
  auto list = nlohmann::json::array();
  for (const auto& view : views) {
    const auto ban = view.ban ? bans.find(view.ban->id) : bans.end();
    list.push_back(json_of_device(view, ban == bans.end() ? nullptr : ban->second));
  }
  return nlohmann::json{{"devices", std::move(list)}, {"more", more}, {"total", total}};
}

// Audited first: what is not written down does not happen.
admin::Outcome Daemon::approve_devices(const admin::ApproveRequest& request, const admin::Peer& peer) {
  std::string ids;
  for (const auto& id : request.ids) {
    if (ids.size() > most_in_an_answer) {
      ids += " ...";
      break;
    }
    ids += (ids.empty() ? "" : " ") + id;
  }
  auto audit = audit_of("device_approved", peer.text(), (request.approved ? "" : "withdrawn: ") + ids);
  if (auto written = store_->write_audit(std::move(audit)); !written) return unavailable(written.error());
  const auto time = now();
  auto changed = nlohmann::json::array();
  auto refused = nlohmann::json::array();
  std::size_t changed_count = 0;
  std::size_t unchanged_count = 0;
  std::size_t refused_count = 0;
  rendezvous_->ask([&](rustdesk::Inspector& inspector) {
    for (const auto& id : request.ids) {
      const auto slot = inspector.devices().find(id);
      const bool was = slot != rustdesk::no_slot && inspector.devices().device(slot).approved;
      if (was == request.approved) {
        ++unchanged_count;
      } else if (inspector.approve(id, request.approved, time)) {
        if (++changed_count <= most_in_an_answer) changed.push_back(id);
      } else if (++refused_count <= most_in_an_answer) {
        refused.push_back(id);
      }
    }
  });
  keep_devices();
  follow_devices(rendezvous_->follow());
  return nlohmann::json{{"approved", request.approved},   {"changed", std::move(changed)},
                        {"changed_count", changed_count}, {"unchanged_count", unchanged_count},
                        {"refused", std::move(refused)},  {"refused_count", refused_count}};
}

}  // namespace gatehouse::daemon
