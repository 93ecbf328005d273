#include "support/gateway.h"

#include <csignal>
#include <stdexcept>
#include <utility>

#include "support/patience.h"
#include "support/rows.h"

namespace gatehouse::test {

namespace {

constexpr auto start_limit = 20s;
constexpr auto stop_limit = 20s;
constexpr auto command_limit = 60s;
const std::string instance = "test";

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

nlohmann::json parsed(const std::string& what, const std::string& text) {
  auto value = nlohmann::json::parse(text, nullptr, false);
  if (value.is_discarded()) throw std::runtime_error(what + " did not print JSON but: " + text);
  return value;
}

}  // namespace

std::filesystem::path program_directory() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path();
}

Gateway::Gateway(const Network& network, const Settings& settings, GatewayOptions options)
    : network_(network), options_(std::move(options)), bpffs_(MountedDirectory::bpffs()) {
  state_ = options_.state_dir.empty() ? directory_.path() / "state" : options_.state_dir;
  settings_ = {
      {"instance", instance},
      {"bpffs", bpffs_.path().string()},
      {"state_dir", state_.string()},
      {"run_dir", directory_.path().string()},
      {"interfaces", "[" + std::string(Network::clients_interface) + "]"},
      {"xdp", "generic"},
      {"loops", "2"},
      {"log_level", "debug"},
      {"login_records", "off"},  // these files are the machine's
  };
  for (const auto& [key, value] : settings) settings_[key] = value;
}

Gateway::~Gateway() = default;

void Gateway::set(const std::string& key, const std::string& value) {
  settings_[key] = value;
  write_configuration();
}

void Gateway::write_configuration() const {
  std::string text;
  for (const auto& [key, value] : settings_) text.append(key).append(": ").append(value).append("\n");
  (void)directory_.write("gatehouse.yaml", text);
}

void Gateway::launch() {
  if (daemon_ && daemon_->running()) throw std::runtime_error("the daemon is running already");
  former_log_ = log();
  write_configuration();
  std::vector<std::string> arguments = options_.wrapper;
  for (const auto& word : {(program_directory() / "gatehoused").string(), std::string("--config"),
                           (directory_.path() / "gatehouse.yaml").string()}) {
    arguments.push_back(word);
  }
  daemon_.reset();
  daemon_ = std::make_unique<Process>(arguments,
                                      StartOptions{.where = &network_.gateway, .environment = options_.environment});
}

void Gateway::start() {
  launch();
  if (!daemon_->wait_for_output("gatehoused is ready", patiently(start_limit))) {
    throw std::runtime_error("the daemon did not become ready; it said:\n" + daemon_->errors());
  }
}

Exit Gateway::try_start() {
  launch();
  const auto exit = daemon_->wait(patiently(start_limit));
  if (!exit) throw std::runtime_error("the daemon did not end by itself; it said:\n" + daemon_->errors());
  daemon_->wait_for_end_of_output(patiently(2s));
  return *exit;
}

Exit Gateway::stop() {
  daemon_->signal(SIGTERM);
  const auto exit = daemon_->wait(patiently(stop_limit));
  if (!exit) throw std::runtime_error("the daemon did not stop; it said:\n" + daemon_->errors());
  daemon_->wait_for_end_of_output(patiently(2s));
  return *exit;
}

void Gateway::kill_hard() {
  daemon_->signal(SIGKILL);
  if (!daemon_->wait(patiently(5s))) throw std::runtime_error("the daemon survived SIGKILL");
}

void Gateway::restart() {
  if (const Exit exit = stop(); !exit.success()) {
    throw std::runtime_error("the daemon stopped with exit code " + std::to_string(exit.code) + ", signal " +
                             std::to_string(exit.signal) + "; it said:\n" + daemon_->errors());
  }
  start();
}

bool Gateway::running() {
  return daemon_ && daemon_->running();
}

CommandResult Gateway::cli(std::vector<std::string> arguments) const {
  std::vector<std::string> words{(program_directory() / "gatehouse").string(), "--socket", socket().string()};
  for (std::string& argument : arguments) words.push_back(std::move(argument));
  return run_command(std::move(words), {.where = &network_.gateway}, patiently(command_limit));
}

nlohmann::json Gateway::json(std::vector<std::string> arguments) const {
  const std::string what = "gatehouse " + joined(arguments);
  arguments.insert(arguments.begin(), "--json");
  const CommandResult result = cli(std::move(arguments));
  if (result.exit_code != 0) {
    throw std::runtime_error(what + ": exit code " + std::to_string(result.exit_code) + ": " + result.output +
                             result.errors);
  }
  return parsed(what, result.output);
}

CommandResult Gateway::try_apply(const std::string& policy) {
  const auto file = directory_.write("policy-" + std::to_string(++policies_) + ".yaml", policy);
  return cli({"apply", file.string(), "--yes"});
}

void Gateway::apply(const std::string& policy) {
  const CommandResult result = try_apply(policy);
  if (result.exit_code != 0) throw std::runtime_error("the policy was not applied: " + result.output + result.errors);
}

std::string Gateway::log() const {
  return daemon_ ? former_log_ + daemon_->errors() : former_log_;
}

bool Gateway::wait_for_log(const std::string& pattern, std::chrono::milliseconds limit) {
  return daemon_->wait_for_output(pattern, patiently(limit));
}

std::filesystem::path Gateway::pins() const {
  return bpffs_.path() / "gatehouse" / instance;
}

nlohmann::json Gateway::map(const std::string& name) const {
  const CommandResult result =
      run_command({"bpftool", "-j", "map", "dump", "pinned", (pins() / name).string()}, {}, patiently(command_limit));
  if (result.exit_code != 0)
    throw std::runtime_error("bpftool map dump " + name + ": " + result.output + result.errors);
  return parsed("bpftool map dump " + name, result.output);
}

std::uint64_t Gateway::counter(gatehouse_counter which) const {
  const nlohmann::json cell = map("counters").at(which);
  std::uint64_t sum = 0;
  for (const auto& value : cell.at("formatted").at("values")) sum += value.at("value").get<std::uint64_t>();
  return sum;
}

nlohmann::json Gateway::rows(const std::string& query) const {
  return query_rows(state_ / "gatehouse.db", query);
}

}  // namespace gatehouse::test
