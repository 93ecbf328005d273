#include "daemon/configuration.h"

#include <grp.h>
#include <pwd.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <regex>
#include <thread>

#include "policy/loader_values.h"

namespace gatehouse::daemon {
namespace {

constexpr std::int64_t descriptors_kept_back = 256;  // for the daemon itself: store, maps, API, idle pipes
// Two sockets, and a pipe of two ends for each direction whose reader is slower than its writer. Counted with fewer,
// one user's stalled sessions could take the pipes of all others.
constexpr std::int64_t descriptors_of_a_session = 6;

template <typename Value>
struct Word {
  std::string_view text;
  Value value;
};

template <typename Value, std::size_t Count>
std::optional<Value> word(const StrictMap& map, std::string_view key, const Word<Value> (&words)[Count]) {
  const auto text = map.text(key);
  if (!text) return std::nullopt;
  std::string known;
  for (const auto& candidate : words) {
    if (candidate.text == *text) return candidate.value;
    known += (known.empty() ? "" : ", ") + std::string(candidate.text);
  }
  map.complain(key, {"'" + *text + "' is not known", "write one of " + known});
  return std::nullopt;
}

constexpr Word<kernel::XdpMode> xdp_words[]{{"auto", kernel::XdpMode::automatic},
                                            {"native", kernel::XdpMode::native},
                                            {"generic", kernel::XdpMode::generic},
                                            {"off", kernel::XdpMode::off}};
constexpr Word<kernel::SteeringMode> steering_words[]{{"auto", kernel::SteeringMode::automatic},
                                                      {"sk_lookup", kernel::SteeringMode::sk_lookup},
                                                      {"tproxy", kernel::SteeringMode::tproxy}};
constexpr Word<kernel::Enforcement> mode_words[]{{"enforce", kernel::Enforcement::enforce},
                                                 {"observe", kernel::Enforcement::observe},
                                                 {"off", kernel::Enforcement::off}};
constexpr Word<kernel::OnStop> stop_words[]{{"closed", kernel::OnStop::closed}, {"open", kernel::OnStop::open}};
constexpr Word<kernel::RejectMode> reject_words[]{{"reset", kernel::RejectMode::reset},
                                                  {"drop", kernel::RejectMode::drop}};

constexpr Word<bool> switch_words[]{{"on", true}, {"off", false}};

template <typename Target, typename Value>
void take(Target& target, std::optional<Value> value) {
  if (value) target = static_cast<Target>(*value);
}

// "512MiB", "2GiB": a whole number with a binary unit.
Result<std::uint64_t> parse_size(std::string_view text) {
  constexpr Word<unsigned> shifts[]{{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto unit = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const auto& [name, shift] : shifts) {
    if (error == std::errc{} && unit == name && number > 0 && number < (1ULL << 50U) >> shift) return number << shift;
  }
  return failure("'" + std::string(text) + "' is not a size", "write it like 512MiB or 2GiB");
}

Result<Duration> parse_limit(std::string_view text) {
  if (text == "off") return Duration::zero();
  return parse_duration(text);
}

std::size_t sessions_by_descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const auto usable = static_cast<std::int64_t>(std::min<rlim_t>(limit.rlim_cur, 2'000'000)) - descriptors_kept_back;
  return static_cast<std::size_t>(std::max<std::int64_t>(usable / descriptors_of_a_session, 1));
}

void read_dataplane(const StrictMap& root, kernel::DataplaneOptions& options, Issues& issues) {
  if (const auto instance = root.text("instance")) {
    if (!std::regex_match(*instance, std::regex("[a-z0-9][a-z0-9-]{0,31}"))) {
      root.complain("instance", {"'" + *instance + "' is not usable as a name", "write up to 32 of a-z, 0-9 and -"});
    }
    options.instance = *instance;
  }
  if (const auto bpffs = root.text("bpffs")) options.bpffs = *bpffs;
  for (const auto& [name, line] : root.texts("interfaces", true)) {
    if (name.empty() || name.size() > 15 || name.find('/') != std::string::npos) {
      issues.add(root.file(), line, "'" + name + "' is not an interface name", "write it as `ip link` shows it");
    }
    options.interfaces.push_back(name);
  }
  take(options.xdp, word(root, "xdp", xdp_words));
  take(options.steering, word(root, "steering", steering_words));
  take(options.enforcement, word(root, "mode", mode_words));
  take(options.on_stop, word(root, "on_stop", stop_words));
  take(options.reject, word(root, "reject", reject_words));
  if (const auto table = root.text("table")) {
    if (!std::regex_match(*table, std::regex("[A-Za-z][A-Za-z0-9_-]{0,31}"))) {
      root.complain("table", {"'" + *table + "' is not usable as a table name",
                              "write up to 32 of a-z, 0-9, _ and -, a letter first"});
    }
    options.table = *table;
  }
  take(options.mark, root.integer("mark", 1, 0x7fffffff));
  take(options.route_table, root.integer("route_table", 256, 0x7fffffff));
  take(options.rule_priority, root.integer("rule_priority", 1, 32765));
  if (root.has("failsafe")) {
    const StrictMap failsafe(root.file(), root.node("failsafe"), "failsafe", {"sources", "tcp_ports"}, issues);
    for (const auto& [text, line] : failsafe.texts("sources")) {
      if (auto address = Address::parse(text)) {
        options.failsafe.sources.push_back(*address);
      } else {
        issues.add(root.file(), line, "failsafe, sources: " + address.error().what, address.error().mend);
      }
    }
    for (const auto& [text, line] : failsafe.texts("tcp_ports")) {
      if (auto port = parse_port(text)) {
        options.failsafe.tcp_ports.push_back(*port);
      } else {
        issues.add(root.file(), line, "failsafe, tcp_ports: " + port.error().what, port.error().mend);
      }
    }
    const auto entries = options.failsafe.sources.size() + options.failsafe.tcp_ports.size();
    if (entries > GATEHOUSE_MAX_FAILSAFE) {
      root.complain("failsafe", {"has " + std::to_string(entries) + " sources and ports",
                                 "keep it to " + std::to_string(GATEHOUSE_MAX_FAILSAFE)});
    }
  }
}

void read_hook(const StrictMap& root, gate::HookOptions& options, Issues& issues) {
  const StrictMap hook(root.file(), root.node("decision_hook"), "decision_hook", {"socket", "timeout"}, issues);
  if (const auto socket = hook.text("socket")) {
    if (socket->size() >= sizeof(sockaddr_un::sun_path) || !socket->starts_with('/')) {
      hook.complain("socket", {"'" + *socket + "' is no path of a Unix socket",
                               "write a path of at most 107 bytes that begins with /"});
    }
    options.socket = *socket;
  } else if (!hook.has("socket")) {
    root.complain("decision_hook", {"says no socket", "write socket: PATH, where the hook's program listens"});
  }
  if (const auto timeout = hook.parsed("timeout", parse_duration)) {
    if (*timeout > std::chrono::seconds(30)) {
      hook.complain("timeout", {"is longer than 30s", "write at most 30s: the client waits as long"});
    }
    options.timeout = *timeout;
  }
}

void read_gate(const StrictMap& root, gate::GateOptions& options, Issues& issues) {
  take(options.loops, root.integer("loops", 1, 64));
  take(options.deny_ttl, root.parsed("deny_ttl", parse_duration));
  take(options.max_sessions, root.integer("max_sessions", 1, 1'000'000));
  if (root.has("decision_hook")) read_hook(root, options.hook, issues);
  if (!root.has("relay")) return;
  const StrictMap relay(root.file(), root.node("relay"), "relay",
                        {"connect_timeout", "idle_timeout", "keep_alive", "user_timeout"}, issues);
  take(options.connect_timeout, relay.parsed("connect_timeout", parse_duration));
  if (auto idle = relay.parsed("idle_timeout", parse_limit)) options.idle_timeout = *idle;
  if (auto keep_alive = relay.parsed("keep_alive", parse_limit))
    options.keep_alive = std::chrono::ceil<std::chrono::seconds>(*keep_alive);
  if (auto user_timeout = relay.parsed("user_timeout", parse_limit)) options.user_timeout = *user_timeout;
}

void read_retention(const StrictMap& root, store::RetentionRules& rules, Issues& issues) {
  const StrictMap retention(root.file(), root.node("retention"), "retention",
                            {"audit", "audit_rows", "sessions", "store_size"}, issues);
  rules.audit = retention.parsed("audit", parse_duration);
  if (const auto rows = retention.integer("audit_rows", 1, INT64_MAX)) {
    rules.audit_rows = static_cast<std::uint64_t>(*rows);
  }
  rules.sessions = retention.parsed("sessions", parse_duration);
  rules.store_size = retention.parsed("store_size", parse_size);
}

void read_logins(const StrictMap& root, LoginOptions& options) {
  take(options.on, word(root, "login_records", switch_words));
  if (const auto file = root.text("utmp")) options.utmp = *file;
  if (const auto file = root.text("wtmp")) options.wtmp = *file;
}

std::optional<DeviceBanOptions> read_device_bans(const StrictMap& root, Issues& issues) {
  constexpr Duration shortest = std::chrono::milliseconds(100);
  constexpr Duration longest = std::chrono::hours(1);
  const StrictMap map(root.file(), root.node("device_bans"), "device_bans", {"file", "every"}, issues);
  DeviceBanOptions options;
  if (!map.has("file")) {
    root.complain("device_bans", {"says no file", "write file: PATH, of the console's db_v2.sqlite3"});
  }
  if (const auto file = map.parsed("file", policy::parse_absolute_path)) options.file = *file;
  if (const auto every = map.parsed("every", parse_duration)) {
    if (*every < shortest || *every > longest) {
      map.complain("every", {"is " + format_duration(*every), "write 100ms to 1h"});
    }
    options.every = *every;
  }
  return options;
}

constexpr Word<rdp::Security> security_words[]{{"nla", rdp::Security::nla}, {"tls", rdp::Security::tls}};

constexpr Word<policy::Recording> recording_words[]{{"required", policy::Recording::required},
                                                    {"best_effort", policy::Recording::best_effort},
                                                    {"off", policy::Recording::off}};

constexpr Word<rdp::Detail> clipboard_text_words[]{
    {"off", rdp::Detail::off}, {"hash", rdp::Detail::outline}, {"text", rdp::Detail::full}};
constexpr Word<bool> files_words[]{{"hash", false}, {"copy", true}};
constexpr Word<rdp::Detail> keys_words[]{
    {"off", rdp::Detail::off}, {"masked", rdp::Detail::outline}, {"on", rdp::Detail::full}};

std::map<std::string, rdp::CertificateFiles> read_certificates(const StrictMap& map, Issues& issues) {
  std::map<std::string, rdp::CertificateFiles> certificates;
  const StrictMap services(map.file(), map.node("certificates"), "rdp, certificates", {}, issues);
  for (const auto& [service, node] : services.entries()) {
    const StrictMap files(map.file(), node, "rdp, certificates, " + service, {"certificate", "key"}, issues);
    const auto path = [&](const char* key) {
      return files.parsed(key, policy::parse_absolute_path, true).value_or(std::string());
    };
    certificates[service] = {path("certificate"), path("key")};
  }
  return certificates;
}

RdpOptions read_rdp(const StrictMap& root, Issues& issues) {
  const StrictMap map(root.file(), root.node("rdp"), "rdp",
                      {"worker", "user", "backend_security", "recordings", "recording", "clipboard_text", "files",
                       "keys", "certificates", "keep_recordings"},
                      issues);
  RdpOptions options;
  if (const auto worker = map.text("worker")) {
    if (!worker->starts_with('/')) {
      map.complain("worker", {"'" + *worker + "' is no absolute path", "write it from / on"});
    }
    options.worker = *worker;
  }
  if (const auto user = map.text("user")) {
    const auto* entry = ::getpwnam(user->c_str());
    if (entry == nullptr) {
      map.complain("user", {"there is no user '" + *user + "'", "make it: useradd --system " + *user});
    } else if (entry->pw_uid == 0) {
      map.complain("user", {"workers must not be root", "name a user of their own"});
    } else {
      options.user = entry->pw_uid;
    }
  }
  take(options.backend_security, word(map, "backend_security", security_words));
  if (const auto recordings = map.text("recordings")) {
    if (!recordings->starts_with('/')) {
      map.complain("recordings", {"'" + *recordings + "' is no absolute path", "write it from / on"});
    }
    options.recordings = *recordings;
  }
  take(options.recording, word(map, "recording", recording_words));
  if (map.has("keep_recordings")) {
    const StrictMap keep(root.file(), map.node("keep_recordings"), "rdp, keep_recordings", {"age", "size"}, issues);
    options.keep_recordings.age = keep.parsed("age", parse_duration);
    options.keep_recordings.size = keep.parsed("size", parse_size);
  }
  take(options.clipboard_text, word(map, "clipboard_text", clipboard_text_words));
  take(options.keep_files, word(map, "files", files_words));
  take(options.keys, word(map, "keys", keys_words));
  if (options.keep_files && options.recordings.empty()) {
    map.complain("files",
                 {"copies of files are kept in recordings, and there is no directory for them", "give recordings"});
  }
  if (map.has("certificates")) options.certificates = read_certificates(map, issues);
  return options;
}

ApiOptions read_api(const StrictMap& root, Issues& issues) {
  const StrictMap api(root.file(), root.node("api"), "api", {"listen", "certificate", "key"}, issues);
  ApiOptions options;
  const auto listen = api.texts("listen");
  for (const auto& [text, line] : listen) {
    if (auto endpoint = Endpoint::parse(text); !endpoint) {
      issues.add(root.file(), line, "api, listen: " + endpoint.error().what, endpoint.error().mend);
    } else {
      options.listen.push_back(*endpoint);
    }
  }
  if (listen.empty()) root.complain("api", {"says no listen", "write listen: [ADDRESS:PORT]"});
  const auto file = [&](const char* key, std::filesystem::path& path) {
    const auto text = api.text(key);
    if (!text && !api.has(key)) {
      root.complain("api", {"says no " + std::string(key), "write " + std::string(key) + ": the path of a PEM file"});
    } else if (text && !text->starts_with('/')) {
      api.complain(key, {"'" + *text + "' is no absolute path", "write it from / on"});
    } else if (text) {
      path = *text;
    }
  };
  file("certificate", options.certificate);
  file("key", options.key);
  return options;
}

}  // namespace

std::expected<Configuration, Issues> parse_configuration(const std::string& file, const std::string& text) {
  Issues issues;
  const auto yaml = read_yaml(file, text, issues);
  if (!yaml) return std::unexpected(std::move(issues));
  Configuration configuration;
  configuration.text = text;
  configuration.gate.loops = std::clamp(std::thread::hardware_concurrency(), 1U, 64U);
  configuration.gate.max_sessions = sessions_by_descriptors();
  const StrictMap root(file, *yaml, "the configuration",
                       {"instance",     "bpffs",           "interfaces", "xdp",           "steering",
                        "mode",         "on_stop",         "reject",     "table",         "mark",
                        "route_table",  "rule_priority",   "failsafe",   "loops",         "deny_ttl",
                        "max_sessions", "relay",           "state_dir",  "run_dir",       "admin_group",
                        "audit_queue",  "reconcile_every", "log_level",  "login_records", "utmp",
                        "wtmp",         "decision_hook",   "api",        "retention",     "rdp",
                        "device_bans"},
                       issues);
  read_dataplane(root, configuration.dataplane, issues);
  read_gate(root, configuration.gate, issues);
  if (auto directory = root.text("state_dir")) configuration.state_dir = *directory;
  if (auto directory = root.text("run_dir")) configuration.run_dir = *directory;
  read_logins(root, configuration.logins);
  if (root.has("rdp")) configuration.rdp = read_rdp(root, issues);
  if (root.has("device_bans")) configuration.device_bans = read_device_bans(root, issues);
  if (root.has("api")) configuration.api = read_api(root, issues);
  if (auto group = root.text("admin_group")) {
    if (const auto* entry = ::getgrnam(group->c_str())) {
      configuration.admin_group = entry->gr_gid;
      configuration.dataplane.pin_group = entry->gr_gid;
    } else {
      root.complain("admin_group", {"there is no group '" + *group + "'", "make it: groupadd --system " + *group});
    }
  }
  take(configuration.audit_queue, root.integer("audit_queue", 64, 1'000'000));
  if (root.has("retention")) read_retention(root, configuration.retention, issues);
  take(configuration.reconcile_every, root.parsed("reconcile_every", parse_duration));
  if (auto level = root.text("log_level")) {
    if (*level != "debug" && *level != "info" && *level != "warning" && *level != "error") {
      root.complain("log_level", {"'" + *level + "' is not known", "write one of debug, info, warning, error"});
    }
    configuration.log_level = *level;
  }
  if (!issues.empty()) {
    issues.sort();
    return std::unexpected(std::move(issues));
  }
  return configuration;
}

std::expected<Configuration, Issues> read_configuration(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  if (!stream.is_open() || stream.bad()) {
    Issues issues;
    issues.add(file.string(), 0, "the configuration cannot be read",
               "check the path and its rights, or give another with --config");
    return std::unexpected(std::move(issues));
  }
  return parse_configuration(file.string(), text);
}

}  // namespace gatehouse::daemon
