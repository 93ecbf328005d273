// gatehoused: the daemon. Its command line is small; what it does is in the configuration and in the policy.
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "daemon/core_files.h"
#include "daemon/daemon.h"
#include "daemon/supervision.h"
#include "kernel/dataplane.h"

namespace {

using gatehouse::daemon::Configuration;
using gatehouse::daemon::Daemon;

constexpr int exit_failed = 1;
constexpr int exit_configuration = 78;  // EX_CONFIG of sysexits.h: a supervisor need not try again

int fail(const gatehouse::Error& error) {
  std::cerr << "gatehoused: " << error.text() << "\n";
  return exit_failed;
}

int serve(Configuration configuration, const std::filesystem::path& file, const std::vector<std::string>& arguments) {
  // The path by which it was started, so that a new binary there is the one that follows.
  const auto& name = arguments.front();
  std::error_code error;
  const auto binary = name.find('/') != std::string::npos ? std::filesystem::path(name)
                                                          : std::filesystem::read_symlink("/proc/self/exe", error);
  auto daemon = Daemon::start(std::move(configuration), file, binary);
  if (!daemon) return fail(daemon.error());
  if ((*daemon)->run() == Daemon::Ending::stop) {
    spdlog::info("stopped");
    return 0;
  }
  return fail(gatehouse::daemon::execute_anew(binary, arguments, (*daemon)->listening_descriptors()));
}

// Takes everything of the instance out of the kernel: what `on_stop: closed` leaves behind on purpose.
int tear_down(const Configuration& configuration) {
  if (auto done = gatehouse::kernel::Dataplane::tear_down(configuration.dataplane); !done) return fail(done.error());
  std::cout << "everything of instance " << configuration.dataplane.instance
            << " is out of the kernel; its pools are routed like any other address\n";
  return 0;
}

int upgrade(const Configuration& configuration) {
  if (auto done = gatehouse::kernel::Dataplane::upgrade(configuration.dataplane); !done) return fail(done.error());
  std::cout << "the programs of instance " << configuration.dataplane.instance
            << " are replaced; bans and verdicts were kept\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv, argv + argc);
  CLI::App app{
      "The Gatehouse daemon: judges, forwards and records connections to proxy IPs.\nWithout a subcommand it serves "
      "until it is stopped."};
  app.set_version_flag("--version", GATEHOUSE_VERSION);
  std::string file = "/etc/gatehouse/gatehouse.yaml";
  app.add_option("-c,--config", file, "Configuration file")->capture_default_str();
  bool check_only = false;
  app.add_flag("--check-config", check_only,
               "Read the configuration, say what is wrong with it or missing on this machine, and exit");
  auto* upgrade_command = app.add_subcommand("upgrade",
                                             "Replace the BPF programs of another version in the kernel, keeping bans "
                                             "and verdicts; the daemon must not be running");
  auto* teardown_command =
      app.add_subcommand("teardown", "Take everything out of the kernel, bans too: the pools are no longer guarded");
  app.fallthrough();
  app.footer(
      "SIGHUP or `gatehouse reload` reads the configuration again, `gatehouse restart` executes the binary anew "
      "without losing a connection attempt.\nExample: gatehoused --config /etc/gatehouse/gatehouse.yaml");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  auto logger = spdlog::stderr_color_mt("gatehoused");
  spdlog::set_default_logger(logger);
  auto configuration = gatehouse::daemon::read_configuration(file);
  if (!configuration) {
    std::cerr << configuration.error().text();
    return exit_configuration;
  }
  if (check_only) {
    if (auto fits = gatehouse::kernel::Dataplane::check(configuration->dataplane); !fits) return fail(fits.error());
    std::cout << file << ": good\n";
    return 0;
  }
  spdlog::set_level(spdlog::level::from_str(configuration->log_level));
  spdlog::flush_on(spdlog::level::debug);
  // A peer that is gone is an error of that connection, not of the process.
  std::signal(SIGPIPE, SIG_IGN);
  if (auto forbidden = gatehouse::daemon::forbid_core_files(); !forbidden) return fail(forbidden.error());
  try {
    if (*upgrade_command) return upgrade(*configuration);
    if (*teardown_command) return tear_down(*configuration);
    return serve(std::move(*configuration), file, arguments);
  } catch (const std::exception& exception) {
    return fail({exception.what(), {}});
  }
}
