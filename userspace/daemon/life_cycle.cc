// Daemon: coming up and going down. The order is the point: nothing is steered before it can be judged, and nothing is
// taken away that denies while something could still be let through.
#include <spdlog/spdlog.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <system_error>

#include "daemon/daemon.h"
#include "daemon/supervision.h"

namespace gatehouse::daemon {

Daemon::Daemon(Configuration configuration, std::filesystem::path configuration_file, std::filesystem::path binary)
    : configuration_(std::move(configuration)),
      configuration_file_(std::move(configuration_file)),
      binary_(std::move(binary)),
      started_(now()),
      started_steady_(std::chrono::steady_clock::now()),
      signals_(context_, SIGTERM, SIGINT, SIGHUP),
      sweep_timer_(context_),
      reconcile_timer_(context_),
      watchdog_timer_(context_),
      restart_timer_(context_),
      console_timer_(context_),
      kernel_events_(context_) {}

Daemon::~Daemon() {
  take_down();
}

Result<std::unique_ptr<Daemon>> Daemon::start(Configuration configuration, std::filesystem::path configuration_file,
                                              std::filesystem::path binary) {
  std::unique_ptr<Daemon> daemon(
      new Daemon(std::move(configuration), std::move(configuration_file), std::move(binary)));
  if (auto opened = daemon->open(); !opened) return std::unexpected(opened.error());
  return daemon;
}

Result<void> Daemon::open() {
  for (const auto& directory : {configuration_.state_dir, configuration_.run_dir}) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error)
      return failure("the directory " + directory.string() + " cannot be made: " + error.message(),
                     "make it, or name another in " + configuration_file_.string());
  }
  events_ = std::make_unique<EventFeed>(
      std::make_shared<admin::EventHub>(static_cast<std::uint64_t>(started_.time_since_epoch().count())));
  alarms_.set_listener([this](const std::string& name, const Error* error) { events_->alarm(name, error); });
  auto store =
      store::Store::open({configuration_.state_dir / "gatehouse.db", configuration_.audit_queue, events_.get()});
  if (!store) return std::unexpected(store.error());
  store_ = std::move(*store);
  if (const auto closed = store_->sessions_closed_at_start(); closed > 0) {
    spdlog::warn("{} sessions were open when the daemon died: closed as service_restart", closed);
  }
  auto stored = store_->load_policy();
  if (!stored) return std::unexpected(stored.error());
  auto bans = store_->load_bans(now());
  if (!bans) return std::unexpected(bans.error());
  snapshot_ = {policy::Policy::compile(stored->document, stored->version),
               policy::BanTable(bans->networks).with_names(policy::NameBans(bans->names))};

  auto dataplane = kernel::Dataplane::open(configuration_.dataplane);
  if (!dataplane) return std::unexpected(dataplane.error());
  dataplane_ = std::move(*dataplane);
  if (auto synced = dataplane_->sync_bans(bans->networks); !synced) return std::unexpected(synced.error());
  if (auto removed = remove_untrue_verdicts(); !removed) return std::unexpected(removed.error());

  if (auto opened = open_listeners(); !opened) return std::unexpected(opened.error());
  if (configuration_.logins.on) logins_ = std::make_unique<LoginRecords>(configuration_.logins);
  if (auto opened = open_rdp_services(); !opened) return std::unexpected(opened.error());
  if (auto opened = open_rendezvous(); !opened) return std::unexpected(opened.error());
  auto gate = gate::Gate::start(configuration_.gate, listeners_, snapshot_, *store_, *dataplane_, logins_.get());
  if (!gate) return std::unexpected(gate.error());
  gate_ = std::move(*gate);
  const std::array pairs{listeners_.for_steering(), rendezvous_->listener()};
  if (auto set = dataplane_->set_listeners(pairs); !set) return std::unexpected(set.error());
  if (auto steered = steer(*snapshot_.policy); !steered) return std::unexpected(steered.error());

  if (auto loaded = load_tokens(); !loaded) return std::unexpected(loaded.error());
  auto server = admin::HttpServer::start(context_,
                                         {.socket = configuration_.run_dir / "control.sock",
                                          .group = configuration_.admin_group,
                                          .events = events_->hub()},
                                         *this);
  if (!server) return std::unexpected(server.error());
  server_ = std::move(*server);
  follow_remote_api();
  if (auto written =
          store_->write_audit(audit_of("daemon_started", {}, "policy version " + std::to_string(stored->version)));
      !written) {
    return std::unexpected(written.error());
  }
  wait_for_signals();
  take_held_stop_signals();
  start_upkeep();
  keep_listeners(listeners_.descriptors());
  notify_ready();
  spdlog::info("gatehoused is ready: instance {}, {} loops, policy version {}, {} services, {} bans",
               configuration_.dataplane.instance, configuration_.gate.loops, stored->version,
               snapshot_.policy->services().size(), snapshot_.bans->size() + snapshot_.bans->names().size());
  return {};
}

Result<void> Daemon::open_listeners() {
  auto inherited = inherited_listeners();
  if (!inherited) return std::unexpected(inherited.error());
  if (!inherited->empty()) {
    auto listeners = gate::Listeners::inherit(std::move(*inherited), configuration_.gate.loops);
    if (listeners) {
      listeners_ = std::move(*listeners);
      spdlog::info("took over the listening sockets on port {}", listeners_.port());
      return {};
    }
    spdlog::warn("inherited sockets not taken over: {}", listeners.error().text());
  }
  auto listeners = gate::Listeners::create(configuration_.gate.loops);
  if (!listeners) return std::unexpected(listeners.error());
  listeners_ = std::move(*listeners);
  return {};
}

Daemon::Ending Daemon::run() {
  context_.run();
  take_down();
  // A signal to stop that came while everything was handed over: the daemon that follows gets it, for it alone can
  // still take the services down.
  if (ending_ == Ending::execute_anew) {
    hold_stop_signals();
    context_.restart();
    context_.poll();
    if (ending_ == Ending::stop) {
      pass_on_stop_signal();
      ending_ = Ending::execute_anew;
    }
  }
  return ending_;
}

void Daemon::take_down() {
  const bool hand_over = ending_ == Ending::execute_anew;
  tls_server_.reset();
  server_.reset();
  if (kernel_events_.is_open()) kernel_events_.release();  // the descriptor is the data plane's
  // Before the loops stop: with the services out of the table, what comes is rejected instead of left waiting for
  // nobody.
  if (dataplane_ && gate_) {
    if (auto stopped = dataplane_->stop(hand_over); !stopped)
      spdlog::error("taking the kernel's part down: {}", stopped.error().text());
  }
  if (gate_) {
    gate_->stop(policy::EndReason::service_restart);
    rendezvous_->stop();
    keep_devices();
    if (auto written = store_->write_audit(audit_of("daemon_stopped", {}, hand_over ? "to be executed anew" : ""));
        !written) {
      spdlog::error("the stop was not audited: {}", written.error().text());
    }
    if (!hand_over) forget_listeners();
  }
  console_.reset();
  if (rendezvous_) rendezvous_->stop();  // also where the gate did not come up
  recording_keeper_.reset();
  // The store first: its writer still answers to the loops, whose memory must be there until it is joined.
  store_.reset();
  gate_.reset();
  configuration_.gate.rdp.reset();
  configuration_.gate.rendezvous.reset();
  rendezvous_.reset();
  rdp_.reset();
  logins_.reset();
  dataplane_.reset();
}

void Daemon::wait_for_signals() {
  signals_.async_wait([this](const boost::system::error_code& error, int number) {
    if (error) return;
    if (number == SIGHUP) {
      // While everything is handed over: who follows reads the configuration anyway.
      if (!dataplane_) return wait_for_signals();
      notify_reloading();
      if (auto done = reload({}); !done) {
        spdlog::error("not reloaded: {}", done.error().error.text());
        for (const auto& issue : done.error().issues) spdlog::error("{}", issue.text());
      }
      notify_ready();
      wait_for_signals();
      return;
    }
    spdlog::info("stopping on signal {}", number);
    ending_ = Ending::stop;  // also when a restart was asked for just before
    notify_stopping();
    context_.stop();
  });
}

}  // namespace gatehouse::daemon
