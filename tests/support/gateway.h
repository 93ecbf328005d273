// The real daemon in the gateway namespace of a Network, and the real command beside it. Both are the programs next to
// the test's own. Everything of it (configuration, store, socket, pins) is in directories of this test alone, and the
// daemon dies with the object; what the daemon leaves in the namespace dies with the Network.
//
//   Network network;
//   Gateway gateway(network, {{"steering", "sk_lookup"}});
//   gateway.start();
//   gateway.apply("pools: ...");
//
// Threads: one. Errors: std::runtime_error with what the daemon or the command said; the calls that start with try_,
// and cli(), hand outcomes back as values.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "contract.h"
#include "support/directories.h"
#include "support/network.h"
#include "support/process.h"
#include "support/sockets.h"

namespace gatehouse::test {

// The directory of the test's own program, where the daemon and the command are as well.
std::filesystem::path program_directory();

struct GatewayOptions {
  std::vector<std::string> wrapper{};  // put in front of the daemon: {"prlimit", "--nofile=64"}
  std::map<std::string, std::string> environment{};
  std::filesystem::path state_dir{};  // empty: one of its own. To put the store on a small disk
};

class Gateway {
 public:
  // Keys of the daemon's configuration with their values as YAML in one line: {"relay", "{connect_timeout: 1s}"}.
  using Settings = std::map<std::string, std::string>;

  // `settings` add to, or replace, those that are set here: directories, interfaces (the clients' side), xdp: generic,
  // log_level: debug, login_records: off, and intervals short enough for tests. Nothing is started yet.
  explicit Gateway(const Network& network, const Settings& settings = {}, GatewayOptions options = {});
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;
  ~Gateway();

  void start();      // until it says that it is ready
  Exit stop();       // SIGTERM; throws when it does not end
  void kill_hard();  // SIGKILL
  void restart();    // stop() and start()
  // For a start that is to fail: the daemon's end, and what it said in log().
  Exit try_start();
  [[nodiscard]] bool running();
  [[nodiscard]] Process& daemon() { return *daemon_; }
  // Takes effect at the next start() or reload.
  void set(const std::string& key, const std::string& value);

  // `gatehouse --socket ... ARGUMENTS`.
  [[nodiscard]] CommandResult cli(std::vector<std::string> arguments) const;
  // The same with --json: what it printed, which must be JSON and the exit code 0.
  [[nodiscard]] nlohmann::json json(std::vector<std::string> arguments) const;
  // `gatehouse apply FILE --yes` for this text; throws unless it is done.
  void apply(const std::string& policy);
  [[nodiscard]] CommandResult try_apply(const std::string& policy);

  // What the daemon has written to standard error, over all its starts.
  [[nodiscard]] std::string log() const;
  [[nodiscard]] bool wait_for_log(const std::string& pattern, std::chrono::milliseconds limit = 5s);

  [[nodiscard]] std::filesystem::path pins() const;
  [[nodiscard]] std::filesystem::path state_dir() const { return state_; }
  [[nodiscard]] std::filesystem::path socket() const { return directory_.path() / "control.sock"; }
  // Of a pinned map, as `bpftool -j map dump pinned` prints it: also with the daemon dead.
  [[nodiscard]] nlohmann::json map(const std::string& name) const;
  [[nodiscard]] std::size_t map_size(const std::string& name) const { return map(name).size(); }
  // Of the kernel, summed over the processors: also with the daemon dead.
  [[nodiscard]] std::uint64_t counter(gatehouse_counter which) const;
  // Rows of a query to the daemon's store (rows.h).
  [[nodiscard]] nlohmann::json rows(const std::string& query) const;

 private:
  void write_configuration() const;
  void launch();

  const Network& network_;
  GatewayOptions options_;
  TemporaryDirectory directory_;
  MountedDirectory bpffs_;
  std::filesystem::path state_;
  Settings settings_;
  std::unique_ptr<Process> daemon_;
  std::string former_log_;
  unsigned policies_ = 0;
};

}  // namespace gatehouse::test
