#include "admin/metrics.h"

#include <array>
#include <string_view>

#include "base/time.h"

namespace gatehouse::admin {
namespace {

using nlohmann::json;

struct Metric {
  const char* name;
  const char* type;
  const char* help;
  const char* place;  // in the status, as a JSON pointer
};

constexpr std::array<Metric, 28> single_values{{
    {"gatehouse_policy_version", "gauge", "Number of the policy in force; 0: none was applied.", "/policy_version"},
    {"gatehouse_users", "gauge", "Users of the policy.", "/users"},
    {"gatehouse_services", "gauge", "Services of the policy.", "/services"},
    {"gatehouse_grants", "gauge", "Grants of the policy.", "/grants"},
    {"gatehouse_bans", "gauge", "Bans, of addresses, networks, users, servers and devices.", "/bans"},
    {"gatehouse_sessions", "gauge", "Open sessions.", "/sessions_open"},
    {"gatehouse_verdicts", "gauge", "Verdicts in the kernel.", "/verdicts"},
    {"gatehouse_connections_accepted_total", "counter", "Connections accepted.", "/gate/accepted"},
    {"gatehouse_sessions_opened_total", "counter", "Connections that the policy let in.", "/gate/allowed"},
    {"gatehouse_connections_denied_total", "counter", "Connections that the policy or a ban denied, in the daemon.",
     "/gate/denied"},
    {"gatehouse_connections_refused_total", "counter",
     "Connections that were allowed and could not be opened: no room, no descriptor, no store.", "/gate/refused"},
    {"gatehouse_sessions_ended_total", "counter", "Sessions ended.", "/gate/ended"},
    {"gatehouse_verdict_failures_total", "counter", "Verdicts that the kernel did not take.", "/gate/verdict_failures"},
    {"gatehouse_accept_failures_total", "counter", "Connections that no descriptor was left for.",
     "/gate/accept_failures"},
    {"gatehouse_pipe_failures_total", "counter", "Times that a session waited for a descriptor.",
     "/gate/pipe_failures"},
    {"gatehouse_accept_held_back_total", "counter", "Times that a loop stopped accepting, for the store had no room.",
     "/gate/held_back"},
    {"gatehouse_kernel_reports_unaudited_total", "counter", "Reports of the kernel without an audit row of their own.",
     "/unaudited_kernel_events"},
    {"gatehouse_store_queue_rows", "gauge", "Rows that wait for the disk.", "/store/queued"},
    {"gatehouse_store_queue_capacity_rows", "gauge", "Rows that may wait for the disk.", "/store/queue_capacity"},
    {"gatehouse_store_rows_written_total", "counter", "Rows written.", "/store/rows_written"},
    {"gatehouse_store_failed_writes_total", "counter", "Transactions that the disk did not take.",
     "/store/failed_writes"},
    {"gatehouse_store_alarm", "gauge", "1 while nothing can be written: no session opens.", "/store/alarm"},
    {"gatehouse_rustdesk_devices", "gauge", "RustDesk devices that are known.", "/rustdesk/devices"},
    {"gatehouse_rustdesk_datagrams_total", "counter",
     "Datagrams of RustDesk clients and servers that came to the daemon.", "/rustdesk/datagrams"},
    {"gatehouse_rustdesk_datagrams_denied_total", "counter", "Of them, those that the policy denied.",
     "/rustdesk/datagrams_denied"},
    {"gatehouse_rustdesk_unreadable_total", "counter", "Messages that are none of RustDesk's, and were dropped.",
     "/rustdesk/unreadable"},
    {"gatehouse_event_loops", "gauge", "Event loops.", "/loops"},
    {"gatehouse_uptime_seconds", "gauge", "Seconds since the start of the daemon.", "/uptime_seconds"},
}};

// Label values: backslash, quote and line feed are escaped.
std::string label(std::string_view value) {
  std::string text;
  for (const char character : value) {
    if (character == '\\' || character == '"') text += '\\';
    if (character == '\n') {
      text += "\\n";
    } else {
      text += character;
    }
  }
  return text;
}

std::string value_text(const json& value) {
  return value.is_boolean() ? (value.get<bool>() ? "1" : "0") : value.dump();
}

class Text {
 public:
  void head(const char* name, const char* type, const char* help) {
    text_ += std::string("# HELP ") + name + ' ' + help + "\n# TYPE " + name + ' ' + type + '\n';
  }
  void sample(const std::string& name, const json& value) { text_ += name + ' ' + value_text(value) + '\n'; }
  void sample(const std::string& name, const char* label_name, std::string_view label_value, const json& value) {
    sample(name + '{' + label_name + "=\"" + label(label_value) + "\"}", value);
  }
  // Each member of an object of numbers as a sample.
  void family(const char* name, const char* type, const char* help, const char* label_name, const json& object) {
    head(name, type, help);
    for (const auto& [key, value] : object.items()) sample(name, label_name, key, value);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace

std::string metrics_of(const json& status) {
  Text text;
  text.head("gatehouse_build_info", "gauge", "The version, as a label.");
  text.sample("gatehouse_build_info", "version", status.value("version", ""), 1);
  if (const auto started = parse_time(status.value("started", ""))) {
    const char* const name = "gatehouse_start_time_seconds";
    text.head(name, "gauge", "When the daemon was started, in seconds since 1970.");
    text.sample(name, std::chrono::duration<double>(started->time_since_epoch()).count());
  }
  for (const auto& metric : single_values) {
    const json::json_pointer place(metric.place);
    if (!status.contains(place)) continue;
    text.head(metric.name, metric.type, metric.help);
    text.sample(metric.name, status.at(place));
  }
  if (const auto gate = status.find("gate"); gate != status.end()) {
    text.family(
        "gatehouse_relayed_bytes_total", "counter", "Bytes of ended sessions, by the side they came from.", "from",
        {{"client", gate->value("bytes_from_client", 0ULL)}, {"backend", gate->value("bytes_to_client", 0ULL)}});
  }
  if (const auto counters = status.find("counters"); counters != status.end()) {
    text.family("gatehouse_kernel_events_total", "counter", "What the programs in the kernel counted.", "event",
                *counters);
  }
  if (const auto rustdesk = status.find("rustdesk"); rustdesk != status.end()) {
    text.family("gatehouse_rustdesk_judged_total", "counter",
                "Messages of RustDesk clients and servers, by the check and what it found.", "check",
                rustdesk->value("judged", json::object()));
  }
  if (const auto drift = status.find("drift"); drift != status.end()) {
    text.family("gatehouse_drift", "gauge", "What the last comparison found changed in the kernel, and mended.", "what",
                *drift);
  }
  text.head("gatehouse_alarm", "gauge", "1 for each alarm that is raised; docs/operating.md says what to do.");
  for (const auto& alarm : status.value("alarms", json::array())) {
    text.sample("gatehouse_alarm", "name", alarm.value("name", ""), 1);
  }
  return text.take();
}

}  // namespace gatehouse::admin
