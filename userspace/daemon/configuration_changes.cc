// What differs between two configurations, and what of it a running daemon can take over.
#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "daemon/configuration.h"

namespace gatehouse::daemon {
namespace {

// What a running daemon can take over of `rdp`.
rdp::RetentionOfRecordings kept_recordings(const Configuration& configuration) {
  return configuration.rdp ? configuration.rdp->keep_recordings : rdp::RetentionOfRecordings{};
}

// The rest.
std::optional<RdpOptions> settled(std::optional<RdpOptions> options) {
  if (options) options->keep_recordings = {};
  return options;
}

}  // namespace

ConfigurationChange compare(const Configuration& running, const Configuration& wanted) {
  ConfigurationChange change;
  const auto note = [](std::vector<std::string>& list, const char* key, bool differs) {
    if (differs) list.emplace_back(key);
  };
  const auto& a = running.dataplane;
  const auto& b = wanted.dataplane;
  note(change.applied, "mode", a.enforcement != b.enforcement);
  note(change.applied, "failsafe",
       a.failsafe.sources != b.failsafe.sources || a.failsafe.tcp_ports != b.failsafe.tcp_ports);
  note(change.applied, "deny_ttl", running.gate.deny_ttl != wanted.gate.deny_ttl);
  note(change.applied, "max_sessions", running.gate.max_sessions != wanted.gate.max_sessions);
  note(change.applied, "decision_hook", running.gate.hook != wanted.gate.hook);
  note(change.applied, "relay",
       running.gate.connect_timeout != wanted.gate.connect_timeout ||
           running.gate.idle_timeout != wanted.gate.idle_timeout || running.gate.keep_alive != wanted.gate.keep_alive ||
           running.gate.user_timeout != wanted.gate.user_timeout);
  note(change.applied, "reconcile_every", running.reconcile_every != wanted.reconcile_every);
  note(change.applied, "api", running.api != wanted.api);
  note(change.applied, "retention", running.retention != wanted.retention);
  note(change.applied, "device_bans", running.device_bans != wanted.device_bans);
  note(change.applied, "rdp", kept_recordings(running) != kept_recordings(wanted));
  note(change.applied, "log_level", running.log_level != wanted.log_level);

  note(change.restart_needed, "instance", a.instance != b.instance);
  note(change.restart_needed, "bpffs", a.bpffs != b.bpffs);
  note(change.restart_needed, "interfaces", a.interfaces != b.interfaces);
  note(change.restart_needed, "xdp", a.xdp != b.xdp);
  note(change.restart_needed, "steering", a.steering != b.steering);
  note(change.restart_needed, "on_stop", a.on_stop != b.on_stop);
  note(change.restart_needed, "reject", a.reject != b.reject);
  note(change.restart_needed, "table", a.table != b.table);
  note(change.restart_needed, "mark", a.mark != b.mark);
  note(change.restart_needed, "route_table", a.route_table != b.route_table);
  note(change.restart_needed, "rule_priority", a.rule_priority != b.rule_priority);
  note(change.restart_needed, "loops", running.gate.loops != wanted.gate.loops);
  note(change.restart_needed, "state_dir", running.state_dir != wanted.state_dir);
  note(change.restart_needed, "run_dir", running.run_dir != wanted.run_dir);
  note(change.restart_needed, "admin_group", running.admin_group != wanted.admin_group);
  note(change.restart_needed, "login_records", running.logins.on != wanted.logins.on);
  note(change.restart_needed, "utmp", running.logins.utmp != wanted.logins.utmp);
  note(change.restart_needed, "wtmp", running.logins.wtmp != wanted.logins.wtmp);
  note(change.restart_needed, "rdp", settled(running.rdp) != settled(wanted.rdp));
  note(change.restart_needed, "audit_queue", running.audit_queue != wanted.audit_queue);
  return change;
}

std::string describe_change(const Configuration& running, const Configuration& wanted,
                            const std::vector<std::string>& keys) {
  // Both have been read once, strictly.
  const auto before = YAML::Load(running.text);
  const auto after = YAML::Load(wanted.text);
  const auto value_of = [](const YAML::Node& configuration, const std::string& key) {
    const auto value = configuration.IsMap() ? configuration[key] : YAML::Node(YAML::NodeType::Undefined);
    if (!value.IsDefined()) return std::string("default");
    YAML::Emitter emitter;
    emitter.SetSeqFormat(YAML::Flow);
    emitter.SetMapFormat(YAML::Flow);
    emitter << value;
    std::string text = emitter.c_str();
    std::ranges::replace(text, '\n', ' ');
    return text;
  };
  std::string text;
  for (const auto& key : keys) {
    text += (text.empty() ? "" : ", ") + key + ": " + value_of(before, key) + " -> " + value_of(after, key);
  }
  return text;
}

}  // namespace gatehouse::daemon
