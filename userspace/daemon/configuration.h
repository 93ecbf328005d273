// The daemon's configuration file (YAML, docs/operating.md has every key). Read strictly: any fault and nothing of it
// is used.
#pragma once

#include <expected>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/strict_yaml.h"
#include "daemon/login_records.h"
#include "gate/gate.h"
#include "kernel/dataplane.h"
#include "rdp/control_message.h"
#include "rdp/front_certificates.h"
#include "rdp/recording_retention.h"
#include "store/records.h"

namespace gatehouse::daemon {

// The API over TLS.
struct ApiOptions {
  std::vector<Endpoint> listen;
  std::filesystem::path certificate;
  std::filesystem::path key;

  friend bool operator==(const ApiOptions&, const ApiOptions&) = default;
};

// Sessions of kind rdp through workers.
struct RdpOptions {
  std::filesystem::path worker;  // empty: the one that was installed with the daemon
  std::optional<unsigned> user;  // that the workers become
  rdp::Security backend_security = rdp::Security::nla;
  std::filesystem::path recordings;                           // empty: nothing is recorded
  std::map<std::string, rdp::CertificateFiles> certificates;  // the operator's own, by service
  policy::Recording recording = policy::Recording::required;  // where a grant does not say
  rdp::RetentionOfRecordings keep_recordings;                 // without any: nothing is removed
  rdp::Detail clipboard_text = rdp::Detail::outline;
  bool keep_files = false;  // copies of files that go over channels, in the recordings
  rdp::Detail keys = rdp::Detail::off;

  friend bool operator==(const RdpOptions&, const RdpOptions&) = default;
};

// A RustDesk console whose bans are taken over.
struct DeviceBanOptions {
  std::filesystem::path file;  // db_v2.sqlite3
  Duration every{5'000};

  friend bool operator==(const DeviceBanOptions&, const DeviceBanOptions&) = default;
};

struct Configuration {
  kernel::DataplaneOptions dataplane;
  gate::GateOptions gate;
  LoginOptions logins;
  std::optional<ApiOptions> api;
  std::optional<RdpOptions> rdp;                           // nullopt: they are relayed as they are
  std::optional<DeviceBanOptions> device_bans;             // nullopt: no console is followed
  std::filesystem::path state_dir = "/var/lib/gatehouse";  // gatehouse.db
  std::filesystem::path run_dir = "/run/gatehouse";        // control.sock
  std::optional<unsigned> admin_group;                     // may use the control socket and read the maps
  std::size_t audit_queue = 8192;                          // rows waiting for the disk
  Duration reconcile_every{30'000};
  store::RetentionRules retention;  // without any: nothing is removed
  std::string log_level = "info";
  std::string text;  // that it was read from
};

std::expected<Configuration, Issues> parse_configuration(const std::string& file, const std::string& text);
std::expected<Configuration, Issues> read_configuration(const std::filesystem::path& file);

// Which keys differ, split by whether a running daemon can take them over.
struct ConfigurationChange {
  std::vector<std::string> applied;
  std::vector<std::string> restart_needed;
};
ConfigurationChange compare(const Configuration& running, const Configuration& wanted);

// For the audit: "mode: enforce -> observe, deny_ttl: default -> 5s".
std::string describe_change(const Configuration& running, const Configuration& wanted,
                            const std::vector<std::string>& keys);

}  // namespace gatehouse::daemon
