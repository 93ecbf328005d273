#include "gate/gate.h"

#include <spdlog/spdlog.h>

#include <thread>

#include "gate/loop.h"

namespace gatehouse::gate {
namespace {

constexpr std::chrono::milliseconds stop_poll{5};
constexpr std::chrono::seconds stop_limit{5};

}  // namespace

GateCounters& GateCounters::operator+=(const GateCounters& other) {
  accepted += other.accepted;
  allowed += other.allowed;
  denied += other.denied;
  refused += other.refused;
  ended += other.ended;
  open += other.open;
  bytes_from_client += other.bytes_from_client;
  bytes_to_client += other.bytes_to_client;
  verdict_failures += other.verdict_failures;
  accept_failures += other.accept_failures;
  pipe_failures += other.pipe_failures;
  held_back += other.held_back;
  return *this;
}

Result<std::unique_ptr<Gate>> Gate::start(const GateOptions& options, const Listeners& listeners,
                                          const policy::Snapshot& snapshot, store::Store& store,
                                          kernel::Dataplane& dataplane, SessionWatcher* watcher) {
  std::unique_ptr<Gate> gate(new Gate(store));
  for (std::size_t i = 0; i < options.loops; ++i) {
    auto loop = std::make_unique<Loop>(i, options, snapshot, store, dataplane, gate->open_, gate->presence_, watcher);
    for (const int descriptor : listeners.of_loop(i, options.loops)) {
      if (auto added = loop->add_listener(descriptor); !added) return std::unexpected(added.error());
    }
    gate->loops_.push_back(std::move(loop));
  }
  for (auto& loop : gate->loops_) loop->run();
  return gate;
}

Gate::Gate(store::Store& store) : store_(store), presence_(store) {}

std::span<const std::unique_ptr<Loop>> Gate::running() const {
  return stopped_ ? std::span<const std::unique_ptr<Loop>>() : std::span(loops_);
}

Gate::~Gate() {
  stop(policy::EndReason::service_restart);
}

std::size_t Gate::publish(const policy::Snapshot& snapshot) {
  for (const auto& loop : running()) loop->ask([&](Loop& self) { self.publish(snapshot); });
  std::size_t ended = 0;
  for (const auto& loop : running()) {
    while (loop->ask([&](Loop& self) { return self.judge_some(ended); })) {
    }
  }
  return ended;
}

void Gate::set_options(const GateOptions& options) {
  for (const auto& loop : running()) loop->ask([&](Loop& self) { self.set_options(options); });
}

std::vector<LiveSession> Gate::sessions() {
  std::vector<LiveSession> all;
  for (const auto& loop : running()) {
    auto some = loop->ask([](Loop& self) { return self.sessions(); });
    all.insert(all.end(), std::make_move_iterator(some.begin()), std::make_move_iterator(some.end()));
  }
  return all;
}

std::vector<std::uint64_t> Gate::end_sessions(const std::vector<std::uint64_t>& ids, policy::EndReason reason,
                                              const std::string& detail) {
  std::vector<std::uint64_t> all;
  for (const auto& loop : running()) {
    const auto some = loop->ask([&](Loop& self) { return self.end_sessions(ids, reason, detail); });
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

GateCounters Gate::counters() {
  GateCounters sum;
  for (const auto& loop : running()) sum += loop->ask([](Loop& self) { return self.counters(); });
  return sum;
}

void Gate::stop(policy::EndReason reason) {
  if (stopped_) return;
  for (const auto& loop : running()) {
    loop->ask([&](Loop& self) {
      self.stop_accepting();
      self.end_all(reason);
    });
  }
  // Their coroutines end in the loops; each hands its end to the store before it leaves the registry.
  const auto deadline = std::chrono::steady_clock::now() + stop_limit;
  for (const auto& loop : running()) {
    std::size_t open = 0;
    while ((open = loop->ask([](Loop& self) { return self.open_sessions(); })) > 0 &&
           std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(stop_poll);
    }
    if (open > 0) spdlog::error("{} sessions did not end in time; the next start closes their rows", open);
  }
  for (const auto& loop : running()) loop->finish();
  stopped_ = true;
  // Rows that the store had no room for: now or never. After one that it refuses there is no use in trying the others.
  std::size_t lost = 0;
  for (const auto& loop : loops_) {
    for (auto& row : loop->take_unaudited()) {
      if (lost > 0 || !store_.write_audit(std::move(row))) ++lost;
    }
  }
  if (lost > 0) spdlog::error("{} audit rows are lost: the store did not take them", lost);
}

}  // namespace gatehouse::gate
