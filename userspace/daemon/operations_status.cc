// Daemon: status, reload and restart.
#include <spdlog/spdlog.h>

#include "daemon/daemon.h"
#include "daemon/json.h"
#include "daemon/rehearsal.h"

namespace gatehouse::daemon {

admin::Outcome Daemon::status() {
  const auto kernel = dataplane_->status();
  const auto health = store_->health();
  const auto gate = gate_->counters();
  const auto uptime = std::chrono::steady_clock::now() - started_steady_;
  nlohmann::json answer{{"version", GATEHOUSE_VERSION},
                        {"instance", configuration_.dataplane.instance},
                        {"started", format_time(started_)},
                        {"uptime_seconds", std::chrono::duration_cast<std::chrono::seconds>(uptime).count()},
                        {"policy_version", snapshot_.policy->version()},
                        {"users", snapshot_.policy->document().users.size()},
                        {"services", snapshot_.policy->services().size()},
                        {"grants", snapshot_.policy->document().grants.size()},
                        {"bans", snapshot_.bans->size() + snapshot_.bans->names().size()},
                        {"sessions_open", gate.open},
                        {"loops", configuration_.gate.loops},
                        {"steering", kernel.steering},
                        {"enforcement", kernel.enforcement},
                        {"pins", kernel.pins.string()},
                        {"verdicts", kernel.verdicts},
                        {"unaudited_kernel_events", unaudited_kernel_events_},
                        {"last_reconciled", json_of(last_reconciled_)}};
  auto& alarms = answer["alarms"] = nlohmann::json::array();
  for (const auto& [name, error] : alarms_.list())
    alarms.push_back({{"name", name}, {"what", error.what}, {"mend", error.mend}});
  auto& guards = answer["guards"] = nlohmann::json::array();
  for (const auto& guard : kernel.guards) guards.push_back({{"interface", guard.interface}, {"mode", guard.mode}});
  auto& counters = answer["counters"] = nlohmann::json::object();
  for (const auto& [name, value] : dataplane_->counters().values) counters[name] = value;
  auto& features = answer["features"] = nlohmann::json::object();
  for (const auto& feature : dataplane_->features().table()) features[feature.name] = feature.present;
  answer["store"] = {{"queued", health.queued},
                     {"queue_capacity", health.queue_capacity},
                     {"rows_written", health.rows_written},
                     {"failed_writes", health.failed_writes},
                     {"alarm", health.alarm},
                     {"fault", health.fault}};
  answer["gate"] = {{"accepted", gate.accepted},
                    {"allowed", gate.allowed},
                    {"denied", gate.denied},
                    {"refused", gate.refused},
                    {"ended", gate.ended},
                    {"bytes_from_client", gate.bytes_from_client},
                    {"bytes_to_client", gate.bytes_to_client},
                    {"verdict_failures", gate.verdict_failures},
                    {"accept_failures", gate.accept_failures},
                    {"pipe_failures", gate.pipe_failures},
                    {"held_back", gate.held_back}};
  answer["rustdesk"] = rustdesk_status();
  answer["drift"] = {{"services", last_drift_.services},
                     {"bans", last_drift_.bans},
                     {"rules", last_drift_.rules},
                     {"guards", last_drift_.guards}};
  return answer;
}

admin::Outcome Daemon::reload(const admin::Peer& peer) {
  auto wanted = read_configuration(configuration_file_);
  if (!wanted) {
    return std::unexpected(admin::Fault{
        400, {"the configuration has faults, nothing was changed", "mend them and try again"}, wanted.error().list()});
  }
  const auto change = compare(configuration_, *wanted);
  const auto detail = describe_change(configuration_, *wanted, change.applied);
  // What can be refused comes first, each step with the way back: a reload is whole or did not happen.
  const auto& former = configuration_.dataplane;
  if (auto set = dataplane_->set_failsafe(wanted->dataplane.failsafe); !set) {
    static_cast<void>(dataplane_->set_failsafe(former.failsafe));
    return unavailable(set.error());
  }
  if (auto set = dataplane_->set_enforcement(wanted->dataplane.enforcement); !set) {
    static_cast<void>(dataplane_->set_failsafe(former.failsafe));
    return unavailable(set.error());
  }
  if (auto written = store_->write_audit(audit_of("configuration_reloaded", peer.text(), detail)); !written) {
    static_cast<void>(dataplane_->set_enforcement(former.enforcement));
    static_cast<void>(dataplane_->set_failsafe(former.failsafe));
    return unavailable(written.error());
  }
  configuration_.dataplane.enforcement = wanted->dataplane.enforcement;
  configuration_.dataplane.failsafe = wanted->dataplane.failsafe;
  const auto loops = configuration_.gate.loops;
  configuration_.gate = wanted->gate;
  configuration_.gate.loops = loops;
  configuration_.gate.rdp = rdp_;
  configuration_.gate.rendezvous = rendezvous_;
  rendezvous_->set_deny_ttl(configuration_.gate.deny_ttl);
  gate_->set_options(configuration_.gate);
  if (!wanted->api || !configuration_.api || wanted->api->listen != configuration_.api->listen) tls_server_.reset();
  configuration_.api = wanted->api;
  follow_remote_api();
  configuration_.text = wanted->text;
  configuration_.log_level = wanted->log_level;
  spdlog::set_level(spdlog::level::from_str(configuration_.log_level));
  configuration_.reconcile_every = wanted->reconcile_every;
  every(reconcile_timer_, configuration_.reconcile_every, &Daemon::reconcile);
  configuration_.retention = wanted->retention;
  next_retention_ = {};  // with the next sweep
  if (wanted->device_bans != configuration_.device_bans) {
    configuration_.device_bans = wanted->device_bans;
    begin_console();
  }
  if (recording_keeper_ && configuration_.rdp) {
    configuration_.rdp->keep_recordings = wanted->rdp ? wanted->rdp->keep_recordings : rdp::RetentionOfRecordings{};
    recording_keeper_->set_rules(configuration_.rdp->keep_recordings);
  }
  spdlog::info("configuration reloaded ({})", detail.empty() ? "no change" : detail);
  for (const auto& key : change.restart_needed) spdlog::warn("the new value of {} needs `gatehouse restart`", key);
  return nlohmann::json{{"changed", change.applied}, {"restart_needed", change.restart_needed}};
}

admin::Outcome Daemon::restart(const admin::Peer& peer) {
  // A configuration that would not start must not take the running daemon down.
  if (auto wanted = read_configuration(configuration_file_); !wanted) {
    return std::unexpected(admin::Fault{
        400, {"the configuration has faults, the daemon goes on", "mend them and try again"}, wanted.error().list()});
  }
  if (auto rehearsed = rehearse_start(binary_, configuration_file_); !rehearsed)
    return fault(409, {"the daemon goes on: " + rehearsed.error().what, rehearsed.error().mend});
  spdlog::info("to be executed anew, asked by {}", peer.text());
  ending_ = Ending::execute_anew;
  // After the answer is on its way.
  restart_timer_.expires_after(std::chrono::milliseconds(100));
  restart_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) context_.stop();
  });
  return nlohmann::json::object();
}

}  // namespace gatehouse::daemon
