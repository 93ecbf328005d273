// Daemon: services of kind rustdesk: the thread that judges what passes there, with what the store has of devices; and
// what is kept of them.
#include <spdlog/spdlog.h>

#include <cstring>
#include <utility>

#include "daemon/daemon.h"

namespace gatehouse::daemon {
namespace {

constexpr std::size_t most_kept_at_once = 5000;
constexpr std::size_t most_kept_with_bans = 100;  // beyond that those alone that the store has not as they are
constexpr Duration heartbeat_row_every = std::chrono::hours(1);  // of one device: it sends one every 3 s
constexpr std::size_t most_heartbeat_rows = 10'000;              // that are remembered

store::DeviceRow row_of(rustdesk::DeviceEntry entry) {
  return {.id = std::move(entry.id),
          .uuid = std::move(entry.uuid),
          .public_key = std::move(entry.pk),
          .addresses = std::move(entry.addresses),
          .first_seen = entry.first_seen,
          .last_seen = entry.last_seen,
          .identity_since = entry.identity_since,
          .confirmed = entry.confirmed,
          .identity_confirmed = entry.identity_confirmed,
          .approved = entry.approved};
}

rustdesk::DeviceEntry entry_of(store::DeviceRow row) {
  return {.id = std::move(row.id),
          .uuid = std::move(row.uuid),
          .pk = std::move(row.public_key),
          .addresses = std::move(row.addresses),
          .first_seen = row.first_seen,
          .last_seen = row.last_seen,
          .identity_since = row.identity_since,
          .confirmed = row.confirmed,
          .identity_confirmed = row.identity_confirmed,
          .approved = row.approved};
}

}  // namespace

Result<void> Daemon::open_rendezvous() {
  auto stored = store_->devices();
  if (!stored) return std::unexpected(stored.error());
  auto started =
      gate::Rendezvous::start(listeners_.port(), configuration_.gate.deny_ttl, snapshot_, *store_, *dataplane_);
  if (!started) return std::unexpected(started.error());
  rendezvous_ = std::move(*started);
  std::vector<rustdesk::DeviceEntry> entries;
  entries.reserve(stored->size());
  for (auto& row : *stored) entries.push_back(entry_of(std::move(row)));
  rendezvous_->ask([&](rustdesk::Inspector& inspector) { inspector.devices().import(std::move(entries)); });
  const auto known = rendezvous_->publish(snapshot_);
  if (auto set = dataplane_->set_device_bans(known.kernel_bans.put); !set) return set;
  configuration_.gate.rendezvous = rendezvous_;
  return {};
}

void Daemon::keep_devices() {
  // What the store did not take is tried again, before anything newer.
  if (unkept_devices_.empty()) {
    for (auto& entry : rendezvous_->take_changed(most_kept_at_once))
      unkept_devices_.push_back(row_of(std::move(entry)));
  }
  if (unkept_devices_.empty()) return;
  if (auto kept = store_->keep_devices(unkept_devices_); !kept) {
    alarms_.raise("devices", kept.error());
  } else {
    alarms_.clear("devices");
    unkept_devices_.clear();
  }
}

Result<void> Daemon::keep_devices_of(const std::vector<store::BanRow>& bans) {
  if (!rendezvous_) return {};
  std::vector<std::string> ids;
  for (const auto& ban : bans) {
    const auto* named = std::get_if<policy::NamedTarget>(&ban.target);
    if (named != nullptr && named->subject == policy::Subject::device) ids.push_back(named->name);
  }
  if (ids.empty()) return {};
  const bool all = ids.size() <= most_kept_with_bans;
  const auto rows = rendezvous_->ask([&](rustdesk::Inspector& inspector) {
    std::vector<store::DeviceRow> known;
    const auto& devices = inspector.devices();
    for (const auto& id : ids) {
      const auto slot = devices.find(id);
      if (slot != rustdesk::no_slot && (all || devices.device(slot).changed))
        known.push_back(row_of(devices.entry(slot)));
    }
    return known;
  });
  return rows.empty() ? Result<void>() : store_->keep_devices(rows);
}

// Ids that banned machines took, bans that ended, relays that are no longer allowed since.
void Daemon::follow_rendezvous() {
  follow_devices(rendezvous_->follow());
  keep_devices();
  if (auto fault = rendezvous_->server_keys().fault()) {
    alarms_.raise("server_key", *fault);
  } else {
    alarms_.clear("server_key");
  }
  std::erase_if(heartbeat_rows_,
                [time = now()](const auto& each) { return time - each.second >= heartbeat_row_every; });
}

// The banned device goes on being known by where it is. One row tells of many heartbeats.
void Daemon::take_dropped_heartbeat(const deny_event& event) {
  Endpoint source{{}, event.source_port};
  std::memcpy(source.address.bytes.data(), event.source.bytes, source.address.bytes.size());
  const std::string id(event.device.id, ::strnlen(event.device.id, sizeof event.device.id));
  rendezvous_->saw_dropped(source, id);
  if (heartbeat_rows_.contains(id) || heartbeat_rows_.size() >= most_heartbeat_rows) return;
  heartbeat_rows_.emplace(id, now());
  record_kernel_event(event);
}

}  // namespace gatehouse::daemon
